"""How a film's other streams get into the new one: copied packet by packet, or converted on the way."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from acutance.files.pyav import FAULTS, av
from acutance.files.video_streams import Tally, Way, is_cover, kind_of, stream_metadata
from acutance.files.videos import packets

LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")  # what players take so many channels for
EMPTY_WORDS = b"\0\0"  # how MP4 says that no subtitle is shown; its writer adds them by itself
WHOLE = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "s64": "pcm_s64le", "flt": "pcm_f32le",
         "dbl": "pcm_f64le"}  # samples as they are decoded, and how they are stored without loss  # fmt: skip
NO_TIME = -(1 << 60)  # below it, a number that libav means as none
OPUS_RATE, OPUS_BITS = 48_000, 128_000  # samples a second; bits a second and channel
PICTURES = {"png": "png", "mjpeg": "jpeg"}  # codings of covers and their media types, elsewhere their own names
QUICKTIME_NAMES = {
    "deu": "ger",
    "nld": "dut",
    "ell": "gre",
    "isl": "ice",
    "zho": "chi",
    "sqi": "alb",
    "fre": "fra",
    "rum": "ron",
    "cze": "ces",
    "slo": "slk",
}  # which of a language's two codes libav knows there

Convert = Callable[[Any], list[Any]]


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
    tally, kind = Tally(samples=stream.type == "audio" and _is_pcm(stream, way)), kind_of(stream)
    data = _held_by_header(target, stream)
    if data is not None:
        tally.add(data, None, None)
        return Carrier(way, kind, None, lambda packet: [], tally)
    if way.encoder:
        new, convert = (_sound if stream.type == "audio" else _words)(target, stream, way.encoder)
    else:
        new, convert = _like(target, stream), _copying(stream)
    new.metadata.update(stream_metadata(stream))
    if target.format.name == "mov" and stream.language in QUICKTIME_NAMES:
        new.metadata["language"] = QUICKTIME_NAMES[stream.language]
    new.disposition = stream.disposition
    return Carrier(way, kind, new, convert, tally)


def _is_pcm(stream: Any, way: Way) -> bool:
    return (way.encoder or stream.codec_context.name).startswith("pcm_")


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


def layout_of(stream: Any) -> str:
    """The places of its channels; where the file does not say, what players take so many for."""
    context = stream.codec_context
    unsaid = "channels" in context.layout.name and 1 <= context.channels <= len(LAYOUTS)
    return LAYOUTS[context.channels - 1] if unsaid else context.layout.name


def _copying(stream: Any) -> Convert:
    """Packets as they are; AAC of a transport stream without the header on every packet, which others hold once."""
    if stream.type == "audio" and stream.codec_context.name in ("aac", "aac_latm") and not (
        stream.codec_context.extradata
    ):  # fmt: skip
        plain = av.bitstream.BitStreamFilterContext("aac_adtstoasc", stream).filter
        return lambda packet: plain(packet) if packet is not None else []
    words = stream.type == "subtitle" and stream.codec_context.name == "mov_text"
    return lambda packet: [] if packet is None or (words and bytes(packet) == EMPTY_WORDS) else [packet]


def _sound(target: Any, stream: Any, encoder: str) -> tuple[Any, Convert]:
    """Sound decoded and encoded anew, gapless: times are those of the first sample and the count from there."""
    context = stream.codec_context
    opus = encoder == "libopus"
    new = target.add_stream(encoder, rate=OPUS_RATE if opus else context.sample_rate)
    new.codec_context.layout = layout_of(stream)
    if encoder == "flac":
        new.codec_context.format = "s16" if context.format.name in ("u8", "u8p", "s16", "s16p") else "s32"
    if opus:
        new.codec_context.bit_rate = OPUS_BITS * context.channels
    return new, _Sound(stream, new)


class _Sound:
    """Packets of sound in one coding to packets in another."""

    def __init__(self, old: Any, new: Any) -> None:
        self.old, self.new, self.base = old, new, Fraction(1, new.codec_context.sample_rate)
        self.next = 0

    def __call__(self, packet: Any) -> list[Any]:
        encoded: list[Any] = [each for frame in self.old.decode(packet) for each in self.new.encode(frame)]
        if packet is None:
            encoded += self.new.encode(None)
        return [self._timed(each) for each in encoded if each.size]

    def _timed(self, packet: Any) -> Any:
        """Encoders leave the last packets without a time."""
        pts = packet.pts if packet.pts is not None and packet.pts > NO_TIME else self.next
        packet.pts = packet.dts = pts
        packet.time_base, self.next = self.base, pts + (packet.duration or 0)
        return packet


def _words(target: Any, stream: Any, encoder: str) -> tuple[Any, Convert]:
    """Subtitles of text in another notation, with their times; italics and the like go along where both have them."""
    stream.codec_context.open(strict=False)
    new = target.add_stream(encoder)
    new.codec_context.subtitle_header = stream.codec_context.subtitle_header
    new.codec_context.time_base = new.time_base = stream.time_base

    def convert(packet: Any) -> list[Any]:
        if packet is None:
            return []
        found = stream.codec_context.decode2(packet)
        if found is None or not len(found):
            return []
        words = new.codec_context.encode_subtitle(found)
        words.pts, words.dts, words.duration, words.time_base = (
            packet.pts, packet.dts, packet.duration, packet.time_base,
        )  # fmt: skip
        return [words] if words.size else []

    return new, convert


def encoders(stream: Any, container: str) -> tuple[str, ...]:
    """What ``stream`` could be converted to if the container does not hold it as it is, the best first.

    Sound without loss: PCM to PCM, else FLAC (16 or 24 bits, as many as the coding gives); QuickTime knows no FLAC.
    WebM holds nothing lossless: Opus at a rate at which nobody hears a difference. Subtitles of text to the
    container's own notation.
    """
    context = stream.codec_context
    if context is None or is_cover(stream):
        return ()
    if stream.type == "audio" and context.format is not None:
        whole = WHOLE.get(context.format.name.removesuffix("p"), "pcm_s24le")
        if container == "webm":
            return ("libopus",)
        if context.codec.lossless and whole not in ("pcm_u8", "pcm_s16le"):  # FLAC would hold 24 bits of them
            return (whole, "flac")
        whole = "pcm_s24le" if whole == "pcm_f32le" else whole
        return (whole, "flac") if container == "mov" else ("flac", whole)
    if stream.type == "subtitle" and context.codec.text_sub:
        return {"webm": ("webvtt",), "matroska": ("subrip", "ass")}.get(container, ("mov_text",))
    return ()


def written(
    source: Any, carriers: list[Carrier], window: tuple[Fraction | None, Fraction | None], enough: int | None = None
) -> Iterator[tuple[Carrier, Any | None]]:
    """Carrier and packet to write, for all packets that begin within ``window`` (seconds); ``None`` for one that is too
    damaged. ``enough``: stop after so many packets of each stream, or ``LOOKED_AT`` bytes of the file."""
    by_number = {c.way.index: c for c in carriers if c.stream is not None}
    if not by_number:
        return
    missing = dict.fromkeys(by_number, enough)
    for packet in packets(source, *(source.streams[n] for n in by_number)):
        each = by_number[packet.stream.index]
        if enough is not None:
            if (packet.pos or 0) > LOOKED_AT or not any(missing.values()):
                break
            missing[each.way.index] = max(0, (missing[each.way.index] or 0) - 1)
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
