"""Sound and subtitles in another coding, for containers that do not hold them as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from acutance.files.pyav import av
from acutance.files.video_streams import is_cover

LAYOUTS = ("mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")  # what players take so many channels for
WHOLE = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "s64": "pcm_f64le", "flt": "pcm_f32le",
         "dbl": "pcm_f64le"}  # samples as they are decoded, and how they are stored without loss  # fmt: skip
NO_TIME = -(1 << 60)  # below it, a number that libav means as none
OPUS_RATE, OPUS_BITS = 48_000, 128_000  # samples a second; bits a second and channel
LEAP = 10.0  # seconds: a longer gap stays one
GAP = 0.02  # seconds: from here on a gap in the times of sound is filled with silence, and what is too much is cut

Convert = Callable[[Any], list[Any]]


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


def layout_of(stream: Any) -> str:
    """The places of its channels; where the file does not say, what players take so many for."""
    context = stream.codec_context
    unsaid = "channels" in context.layout.name and 1 <= context.channels <= len(LAYOUTS)
    return LAYOUTS[context.channels - 1] if unsaid else context.layout.name


def sound(target: Any, stream: Any, encoder: str) -> tuple[Any, Convert]:
    """A stream of ``target`` for sound decoded and encoded anew, and the way from packets to packets."""
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
    """Packets of sound in one coding to packets in another, with short gaps filled: plain samples carry no times."""

    def __init__(self, old: Any, new: Any) -> None:
        self.old, self.new = old, new
        self.base = Fraction(1, new.codec_context.sample_rate)
        self.taken: int | None = None  # the time of the next sample for the encoder
        self.given = 0  # and of the next packet from it
        self._graph: Any = None
        self._kind: tuple[str, str, int] | None = None

    def __call__(self, packet: Any) -> list[Any]:
        """What to write of a packet, or of the end (``None``). Raises one of libav's ``FAULTS`` for a damaged one."""
        encoded: list[Any] = []
        for frame in [*self.old.decode(packet), *([None] if packet is None else [])]:
            for even in self._evened(frame):
                encoded += self.new.encode(even)
        if packet is None:
            encoded += self.new.encode(None)
        return [self._timed(each) for each in encoded if each.size]

    def _evened(self, frame: Any) -> Iterator[Any]:
        """``frame`` as the encoder wants it, or what is left at the end (``None``)."""
        kind = self._kind if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._graph is not None and (kind != self._kind or self._leaps(frame)):
            yield from self._pulled(None)
            self.taken = self.taken if frame is None or not self._leaps(frame) else None
        if kind is None:
            return
        if kind != self._kind or self._graph is None:
            self._graph, self._kind = self._build(frame) if frame is not None else None, kind
        if self._graph is not None:
            yield from self._pulled(frame)

    def _leaps(self, frame: Any) -> bool:
        """Whether ``frame`` comes so much later or earlier than expected that it begins anew at its own time."""
        if frame is None or frame.pts is None or self.taken is None:
            return False
        return abs(frame.pts * frame.time_base - self.taken * self.base) > LEAP

    def _build(self, frame: Any) -> Any:
        context, graph = self.new.codec_context, av.filter.Graph()
        graph.threads = 1
        rate, form = context.sample_rate, context.format.name
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name, time_base=frame.time_base
        )
        nodes = [
            graph.add("aresample", f"{rate}:async=1:min_hard_comp={GAP}"),
            graph.add("aformat", f"sample_fmts={form}:sample_rates={rate}:channel_layouts={context.layout.name}"),
        ]
        graph.link_nodes(source, *nodes, graph.add("abuffersink")).configure()
        return graph

    def _pulled(self, frame: Any) -> Iterator[Any]:
        self._graph.push(frame)
        while True:
            try:
                even = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            if self.taken is None:
                self.taken = even.pts or 0
            even.pts, even.time_base = self.taken, self.base
            self.taken += even.samples
            yield even
        if frame is None:
            self._graph = None

    def _timed(self, packet: Any) -> Any:
        """Encoders leave the last packets without a time."""
        pts = packet.pts if packet.pts is not None and packet.pts > NO_TIME else self.given
        packet.pts = packet.dts = pts
        packet.time_base, self.given = self.base, pts + (packet.duration or 0)
        return packet


def words(target: Any, stream: Any, encoder: str) -> tuple[Any, Convert]:
    """A stream of ``target`` for subtitles of text in another notation, and the way from packets to packets: italics
    and the like go along where both have them."""
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
        text = new.codec_context.encode_subtitle(found)
        text.pts, text.dts, text.duration, text.time_base = (
            packet.pts, packet.dts, packet.duration, packet.time_base,
        )  # fmt: skip
        return [text] if text.size else []

    return new, convert
