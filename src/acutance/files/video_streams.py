"""What travels with the picture: which streams of a film the new container holds, and their packets, untouched."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from acutance.files.pyav import FAULTS, av, open_film, reason
from acutance.files.videos import Film, packets

STATISTICS = ("DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS", "_STATISTICS_")  # of the old file
OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
CLOCKS_FROM_ANYWHERE = ("mpegts", "mpeg")  # containers whose times begin anywhere


@dataclass(frozen=True)
class Companions:
    """The other streams of a film: ``copied`` their numbers, ``dropped`` a line on each that cannot go along."""

    copied: tuple[int, ...]
    dropped: tuple[str, ...]


@dataclass
class Tally:
    """What was copied of one stream: packets, SHA-256 of their bytes, and the first and the last time, seconds.
    ``refused``: packets too damaged to be copied."""

    count: int = 0
    refused: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    first: float | None = None
    last: float = 0.0

    def add(self, data: bytes, time: float | None) -> None:
        """Count one packet by its bytes and its time in the new film."""
        self.count += 1
        self.digest.update(data)
        if time is not None:
            self.first = time if self.first is None else min(self.first, time)
            self.last = max(self.last, time)


def packet_time(packet: Any, shift: Fraction = Fraction(0)) -> float | None:
    """When a packet is shown, in seconds, ``shift`` earlier than it says."""
    return None if packet.pts is None else float(packet.pts * packet.time_base - shift)


def companions(film: Film, container_format: str) -> Companions:
    """Try every other stream of ``film`` in an empty ``container_format``."""
    copied, dropped = [], []
    with open_film(film.path) as source:
        chapters = bool(source.chapters())
        for stream in source.streams:
            if stream.index == film.stream:
                continue
            if problem := _problem(stream, container_format):
                if not (chapters and _is_chapter_track(stream)):
                    dropped.append(f"{_name(stream)} is dropped: {problem}")
            else:
                copied.append(stream.index)
    return Companions(tuple(copied), tuple(dropped))


def _is_chapter_track(stream: Any) -> bool:
    """MP4 keeps chapters in a track of their own, which a new file gets by itself."""
    handler = stream.metadata.get("handler_name", "").lower()
    return stream.type == "data" and any(word in handler for word in ("subtitle", "text", "chapter"))


def _name(stream: Any) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else ""
    language = f", {stream.language}" if stream.language else ""
    return f"{stream.type} stream {stream.index}" + (f" ({codec}{language})" if codec else "")


def _problem(stream: Any, container_format: str) -> str:
    """Why ``stream`` cannot lie in the container; empty if it can."""
    if stream.type not in ("video", "audio", "subtitle", "attachment"):
        return "data such as time code and telemetry is not carried over"
    if stream.type == "attachment" and container_format != "matroska":
        return f"{container_format} holds no attachments; use .mkv"
    try:
        trial = av.open(io.BytesIO(), "w", format=container_format)
        add_copy(trial, stream)
        trial.start_encoding()
    except (*FAULTS, TypeError, NotImplementedError) as error:
        hint = "; use .mkv" if container_format != "matroska" else ""
        return f"{container_format} does not hold it ({reason(error)}){hint}"
    return ""


def add_copy(target: Any, stream: Any) -> Any:
    """A stream of ``target`` like ``stream``, with its language, title and role."""
    cover = stream.type == "video" and bool(stream.disposition & av.stream.Disposition.attached_pic)
    if stream.type == "attachment":
        name, kind = stream.metadata.get("filename", "attachment"), stream.mimetype or "application/octet-stream"
        return target.add_attachment(name, kind, stream.data)
    if cover and target.format.name == "matroska":  # there a cover is an attachment; its packet is the picture
        kind = "png" if stream.codec_context.name == "png" else "jpeg"
        picture = next(p for p in packets(stream.container, stream) if p.size)
        stream.container.seek(0)
        return target.add_attachment(f"cover.{kind[:3] if kind == 'png' else 'jpg'}", f"image/{kind}", bytes(picture))
    copy = target.add_stream_from_template(stream, opaque=True)
    copy.time_base = stream.time_base
    copy.metadata.update(stream_metadata(stream))
    copy.disposition = stream.disposition
    return copy


def stream_metadata(stream: Any) -> dict[str, str]:
    """A stream's metadata without what described the old file's bytes."""
    kept = {k: v for k, v in stream.metadata.items() if not k.upper().startswith(STATISTICS) and k != "encoder"}
    if "name" in kept:  # what MP4 calls a title when it is read, but not when it is written
        kept.setdefault("title", kept.pop("name"))
    return kept


def film_metadata(container: Any) -> dict[str, str]:
    """A film's metadata without what described the old container."""
    return {k: v for k, v in container.metadata.items() if k.lower() not in OF_THE_CONTAINER}


def beginning(film: Film, first: int | None) -> Fraction:
    """Seconds of the film's clock that become zero in the new film: the excerpt's first tick, or where a clock that
    begins anywhere begins."""
    if first is not None:
        return first * film.time_base
    return Fraction(film.start).limit_denominator(90_000) if film.container in CLOCKS_FROM_ANYWHERE else Fraction(0)


def copied_packets(
    source: Any, numbers: tuple[int, ...], window: tuple[Fraction | None, Fraction | None]
) -> Iterator[tuple[int, Any | None]]:
    """Number and packet, for all packets of streams ``numbers`` that begin within ``window`` (seconds); ``None`` for
    one that is too damaged."""
    streams = [source.streams[n] for n in numbers if source.streams[n].type != "attachment"]
    if not streams:
        return
    filters = {s.index: f for s in streams if (f := _plain_aac(s)) is not None}
    for packet in packets(source, *streams):
        if not packet.size:
            continue
        time = None if packet.pts is None else packet.pts * packet.time_base
        cover = bool(packet.stream.disposition & av.stream.Disposition.attached_pic)
        if time is not None and not cover and not _within(time, window):
            continue
        number, base = packet.stream.index, packet.time_base
        convert: Callable[[Any], list[Any]] = filters.get(number, _as_it_is)
        try:
            converted = convert(packet)
        except FAULTS:
            converted = [None]
        for each in converted:
            if each is not None:
                each.time_base = base
            yield number, each


def _within(time: Fraction, window: tuple[Fraction | None, Fraction | None]) -> bool:
    return (window[0] is None or time >= window[0]) and (window[1] is None or time < window[1])


def _as_it_is(packet: Any) -> list[Any]:
    return [packet]


def _plain_aac(stream: Any) -> Callable[[Any], list[Any]] | None:
    """AAC of a transport stream carries a header on every packet, which other containers hold once."""
    if stream.type == "audio" and stream.codec_context.name in ("aac", "aac_latm") and not (
        stream.codec_context.extradata
    ):  # fmt: skip
        return av.bitstream.BitStreamFilterContext("aac_adtstoasc", stream).filter
    return None
