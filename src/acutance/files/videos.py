"""Films: what a file holds, from its header and its first frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from acutance.errors import BadInput, OverLimit
from acutance.files.pyav import FAULTS, av, blame_memory, demux, open_film
from acutance.files.video_colour import HDR, Colour, read_colour
from acutance.files.video_fields import PROGRESSIVE, Fields, find_fields
from acutance.files.video_filters import FASTER, FINER, Mode

MAX_MEGAPIXELS = 40.0  # of a frame: 8K is 35
MOST_PACKETS = 2000  # looked at in search of the first frame
MICROSECOND = Fraction(1, 1_000_000)  # libav's own time base
HDR_SIDE = {"MASTERING_DISPLAY_METADATA": "mastering", "CONTENT_LIGHT_LEVEL": "light"}
AUTO: dict[str, Mode] = {"progressive": "off", "interlaced": "on", "telecined": "ivtc"}
UNTIMED = ("h26", "hevc", "vvc", "m4v", "mpegvideo", "vc1", "cavs", "dirac", "dnxhd", "mjpeg", "obu", "av1")
"""Streams without a container: libav's times for them are guesses."""
FASTEST = 240  # frames a second; an average above it comes of broken times
DYNAMIC = ("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "DOVI_RPU_BUFFER", "DOVI_METADATA")


@dataclass(frozen=True, kw_only=True)
class Film:
    """One film. ``width``, ``height``: of the stored frames, before rotation and stretching; ``bits`` of a
    sample; ``subsampled``: chroma's reduction across and down; ``aspect``: of a pixel; ``matrix``: the display
    matrix, nine integers, or empty; ``frames`` and ``duration`` (seconds) are what the header says, 0 if nothing;
    ``start``: seconds at which the container's clock begins, which is zero for a player; ``origin``: ticks of the first
    frame; ``deinterlace``: how its frames are read, and ``finer`` how many ticks of ``time_base`` make one of the
    stream's.
    """

    path: Path
    stream: int
    container: str
    width: int
    height: int
    pixel_format: str
    bits: int
    subsampled: tuple[int, int]
    grey: bool
    rgb: bool
    alpha: bool
    colour: Colour
    aspect: Fraction
    matrix: tuple[int, ...]
    time_base: Fraction
    rate: Fraction
    frames: int
    duration: float
    start: float
    side: dict[str, bytes]
    notes: tuple[str, ...]
    origin: int = 0
    fields: Fields = PROGRESSIVE
    deinterlace: Mode = "off"
    finer: int = 1

    def read_as(self, mode: str) -> Film:
        """The same film as it is when its fields are read in ``mode``: "auto" chooses by what they are."""
        chosen: Mode = AUTO[self.fields.kind] if mode == "auto" else mode  # type: ignore[assignment]
        finer, faster = FINER[chosen], FASTER[chosen]
        return replace(
            self, deinterlace=chosen, finer=finer, time_base=self.time_base / finer, origin=self.origin * finer,
            rate=self.rate * faster, frames=round(self.frames * faster),
        )  # fmt: skip

    @property
    def timed(self) -> bool:
        """Whether its frames have times of their own."""
        return not self.container.startswith(UNTIMED)

    @property
    def interlaced(self) -> bool:
        """Whether its frames are woven of two fields, of television or of film carried to it."""
        return self.fields.kind != "progressive"

    @property
    def stream_base(self) -> Fraction:
        """A tick of the stream itself, seconds."""
        return self.time_base * self.finer

    @property
    def deep(self) -> bool:
        """More than 8 bits a sample."""
        return self.bits > 8

    @property
    def hdr(self) -> bool:
        """Whether its transfer is one of high dynamic range (PQ or HLG)."""
        return self.colour.transfer in HDR

    @property
    def step(self) -> int:
        """The usual distance of two frames, in ticks of ``time_base``."""
        return max(1, round(1 / (self.rate * self.time_base)))


def inspect(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Film:
    """Read what ``path`` holds. Raises ``UsageError``, ``BadInput`` or ``OverLimit``, before any real work."""
    with open_film(path) as container:
        stream = video_stream(container, path)
        _check_size(path, stream.codec_context.width, stream.codec_context.height, max_megapixels)
        frame = _first_frame(container, stream, path)
        _check_size(path, frame.width, frame.height, max_megapixels)
        components = frame.format.components
        timed = not container.format.name.startswith(UNTIMED)
        rate = usual_rate(stream, timed)
        duration = _duration(container, stream)
        display, side = _side_data(frame)
        kind, codec = container.format.name, stream.codec_context.codec.canonical_name
        indexed = len(stream.index_entries) if kind.startswith("mov") else 0
        return Film(
            path=path, stream=stream.index, container=kind, width=frame.width, height=frame.height,
            pixel_format=frame.format.name, bits=max(c.bits for c in components),
            subsampled=(8 // frame.format.chroma_width(8), 8 // frame.format.chroma_height(8)),
            grey=len([c for c in components if not c.is_alpha]) == 1 and not frame.format.has_palette,
            rgb=frame.format.is_rgb or frame.format.has_palette,
            alpha=any(c.is_alpha for c in components),
            colour=read_colour(path, frame, codec), aspect=stream.sample_aspect_ratio or Fraction(1),
            matrix=display, time_base=stream.time_base, rate=rate,
            frames=indexed or stream.frames or round(duration * rate), duration=duration,
            start=float((container.start_time or 0) * MICROSECOND), origin=(timed and frame.pts) or 0,
            fields=find_fields(path, stream.index, duration, codec, rate), side=side,
            notes=tuple(_notes(frame, stream)),
        )  # fmt: skip


def _duration(container: Any, stream: Any) -> float:
    """Seconds, by the header's word; 0 if it says nothing."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    whole, start = container.duration or 0, container.start_time or 0
    if container.format.name.startswith("matroska") and whole > start:  # its writers say where it ends
        whole -= start
    return float(whole * MICROSECOND)


def usual_rate(stream: Any, timed: bool) -> Fraction:
    """Frames a second: the average, unless no camera has it or, as in a stream without times, nobody measured it."""
    said = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    order = said if timed else said[1:] + said[:1]
    plausible = [Fraction(rate) for rate in order if rate and rate <= FASTEST]
    return next(iter([*plausible, *(Fraction(rate) for rate in order if rate)]), Fraction(25))


def video_stream(container: Any, path: Path) -> Any:
    """The film's picture: the best video stream that is no cover. Raises ``BadInput``."""
    real = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    best = container.streams.best("video")
    if not real:
        raise BadInput(f"{path}: holds no video stream; name a film")
    stream = best if best in real else real[0]
    if stream.codec_context is None:
        raise BadInput(f"{path}: its video is in a format that cannot be decoded here; convert it first")
    return stream


def packets(container: Any, *streams: Any) -> Iterator[Any]:
    """The packets of ``streams``; ends where the file is damaged beyond reading, after one last, empty packet."""
    try:
        yield from demux(container, *streams)
    except FAULTS:
        return


def _first_frame(container: Any, stream: Any, path: Path) -> Any:
    found = False
    for number, packet in enumerate(packets(container, stream)):
        found |= packet.size > 0
        try:
            frames = packet.decode()
        except FAULTS as error:
            blame_memory(error, path)
            frames = []
        if frames:
            return frames[0]
        if number > MOST_PACKETS:
            break
    if not found:
        raise BadInput(f"{path}: holds no frames; it was cut short or nothing was recorded")
    raise BadInput(f"{path}: none of its frames can be decoded; it is damaged, get it again")


def _check_size(path: Path, width: int, height: int, limit: float) -> None:
    if width < 1 or height < 1:
        raise BadInput(f"{path}: its header names no picture size; it is damaged")
    if width * height > limit * 1e6:
        raise OverLimit(f"{path}: frames of {width}x{height} are over the limit of {limit:g} megapixels")


def _side_data(frame: Any) -> tuple[tuple[int, ...], dict[str, bytes]]:
    """The display matrix, and the bytes of static HDR metadata."""
    import numpy as np

    display: tuple[int, ...] = ()
    kept: dict[str, bytes] = {}
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            display = tuple(int(v) for v in np.frombuffer(bytes(data)[:36], "<i4"))
        elif data.type.name in HDR_SIDE:
            kept[HDR_SIDE[data.type.name]] = bytes(data)
    return (() if display == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30) else display), kept


def _notes(frame: Any, stream: Any) -> Iterator[str]:
    names = {data.type.name for data in frame.side_data}
    if names & set(DYNAMIC):
        yield "the metadata of dynamic HDR (HDR10+ or Dolby Vision) is dropped: it describes other pixels"
    if names & {"SPHERICAL", "STEREO3D"}:
        yield "that it is spherical or in 3D is not written into the result; name it so in its player"
    if "A53_CC" in names:
        yield "captions inside the picture's own stream (CEA-608/708) are dropped"
    apart = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"  # as VP9 has it
    if apart or any(c.is_alpha for c in frame.format.components):
        yield "transparency is dropped"
