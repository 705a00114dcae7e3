"""How a film's other streams get into the new one: copied packet by packet, or converted on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from acutance.files.pyav import FAULTS, av
from acutance.files.video_conversion import Convert, layout_of, sound, words
from acutance.files.video_streams import Tally, Way, is_cover, kind_of, stream_metadata
from acutance.files.videos import packets

EMPTY_WORDS = b"\0\0"  # how MP4 says that no subtitle is shown; its writer adds them by itself
PICTURES = {"png": "png", "mjpeg": "jpeg"}  # codings of covers and their media types, elsewhere their own names
PAIRS = "deu:ger nld:dut ell:gre isl:ice zho:chi sqi:alb fre:fra rum:ron cze:ces slo:slk"
QUICKTIME_NAMES = {pair[:3]: pair[4:] for pair in PAIRS.split()}  # a language's two codes: libav knows the second


@dataclass(frozen=True)
class Carrier:
    """One stream on its way: ``way`` says how, ``kind`` what it is found again as, ``stream`` is the new one (``None``
    if the header holds it whole), ``convert`` gives what to write of a packet, or of the end (``None``)."""

    way: Way
    kind: str
    stream: Any
    convert: Convert
    tally: Tally


def carrier(target: Any, stream: Any, way: Way) -> Carrier:
    """Lay ``stream`` out in ``target``, which must not be begun yet. Raises one of ``FAULTS`` if that cannot be."""
    tally = Tally(samples=stream.type == "audio" and _is_pcm(stream, way), reframed=_has_start_codes(stream))
    kind = kind_of(stream)
    data = _held_by_header(target, stream)
    if data is not None:
        tally.add(data, None, None)
        return Carrier(way, kind, None, lambda packet: [], tally)
    if way.encoder:
        new, convert = (sound if stream.type == "audio" else words)(target, stream, way.encoder)
    else:
        new, convert = _like(target, stream), _copying(stream)
    new.metadata.update(stream_metadata(stream))
    if target.format.name == "mov" and stream.language in QUICKTIME_NAMES:
        new.metadata["language"] = QUICKTIME_NAMES[stream.language]
    new.disposition = stream.disposition
    return Carrier(way, kind, new, convert, tally)


def _is_pcm(stream: Any, way: Way) -> bool:
    return (way.encoder or stream.codec_context.name).startswith("pcm_")


def _has_start_codes(stream: Any) -> bool:
    """H.264 and H.265 as in transport streams; other containers give the length of each part instead."""
    if stream.type != "video" or stream.codec_context.name not in ("h264", "hevc"):
        return False
    return not (stream.codec_context.extradata or b"").startswith(b"\1")


def _held_by_header(target: Any, stream: Any) -> bytes | None:
    """Attachments, and covers where they are attachments; the bytes if that is what ``stream`` is there."""
    if stream.type == "attachment":
        name, kind = stream.metadata.get("filename", "attachment"), stream.mimetype or "application/octet-stream"
        target.add_attachment(name, kind, stream.data)
        return stream.data
    if is_cover(stream) and target.format.name == "matroska":
        picture = next((bytes(p) for p in packets(stream.container, stream) if p.size), b"")
        stream.container.seek(0)
        kind: str = PICTURES.get(stream.codec_context.name) or stream.codec_context.name
        target.add_attachment(stream.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}"),
                              stream.metadata.get("mimetype", f"image/{kind}"), picture)  # fmt: skip
        return picture
    return None


def _like(target: Any, stream: Any) -> Any:
    """A stream of ``target`` with the parameters of ``stream``, whatever the container's own list of codings says: that
    leaves out what it nevertheless writes and reads. The header and the trial tell."""
    like: Any = stream
    if (
        stream.codec_context is not None
    ):  # through a container that takes all, without the old one's name for the coding
        scratch = av.open(io.BytesIO(), "w", format="null")
        like = scratch.add_stream_from_template(stream, opaque=True)
        if stream.type == "audio" and "channels" in stream.codec_context.layout.name:  # AVI and MXF do not say which
            like.codec_context.layout = layout_of(stream)
        scratch.start_encoding()
    new = target.add_data_stream()
    av.bitstream.BitStreamFilterContext("null", like, new)
    new.time_base = stream.time_base
    return new


def _copying(stream: Any) -> Convert:
    """Packets as they are; AAC of a transport stream without the header on every packet, which others hold once."""
    if stream.type == "audio" and stream.codec_context.name in ("aac", "aac_latm") and not (
        stream.codec_context.extradata
    ):  # fmt: skip
        plain = av.bitstream.BitStreamFilterContext("aac_adtstoasc", stream).filter
        return lambda packet: plain(packet) if packet is not None else []
    text = stream.type == "subtitle" and stream.codec_context.name == "mov_text"
    return lambda packet: [] if packet is None or (text and bytes(packet) == EMPTY_WORDS) else [packet]


def written(
    source: Any, carriers: list[Carrier], window: tuple[Fraction | None, Fraction | None], enough: int | None = None
) -> Iterator[tuple[Carrier, Any | None]]:
    """Carrier and packet to write, for all packets that begin within ``window`` (seconds); ``None`` for one that is too
    damaged. ``enough``: stop after so many packets of each stream, or ``LOOKED_AT`` bytes of the file."""
    by_number = {c.way.index: c for c in carriers if c.stream is not None}
    if not by_number:
        return
    missing, seen = dict.fromkeys(by_number, enough), 0
    for packet in packets(source, *(source.streams[n] for n in by_number)):
        each = by_number[packet.stream.index]
        if enough is not None:
            seen += packet.size
            if max(packet.pos or 0, seen) > LOOKED_AT or not any(missing.values()):
                break
            if not missing[each.way.index]:
                continue
            missing[each.way.index] = (missing[each.way.index] or 0) - 1
        time = None if packet.pts is None else packet.pts * packet.time_base
        if not packet.size or (time is not None and not is_cover(packet.stream) and not _within(time, window)):
            continue
        yield from ((each, one) for one in _converted(each, packet))
    for each in by_number.values():
        yield from ((each, one) for one in _converted(each, None))


LOOKED_AT = 64 << 20  # bytes of a film, in search of the first packets of sparse streams


def _converted(each: Carrier, packet: Any) -> list[Any | None]:
    base = packet.time_base if packet is not None else None
    try:
        found = each.convert(packet)
    except FAULTS:
        return [None] if packet is not None else []
    for one in found:
        if not each.way.encoder and base is not None:
            one.time_base = base
    return found


def _within(time: Fraction, window: tuple[Fraction | None, Fraction | None]) -> bool:
    return (window[0] is None or time >= window[0]) and (window[1] is None or time < window[1])
