"""Small films for tests, made with PyAV: any times, depth, chroma, streams; and what is read back from a film."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation as I

EXACT = I.BICUBIC | I.ACCURATE_RND | I.FULL_CHR_H_INT | I.FULL_CHR_H_INP | I.BITEXACT
FLAT = {"crf": "12", "preset": "ultrafast"}


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What to make. ``pts``: in ticks of ``base``; without it ``frames`` at ``rate``."""

    size: tuple[int, int] = (48, 32)
    frames: int = 12
    rate: Fraction = Fraction(24)
    base: Fraction | None = None
    pts: Sequence[int] | None = None
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: dict(FLAT))
    b_frames: int = 0
    sound: Sequence[str] = ()
    subtitles: bool = False
    chapters: bool = False
    attachment: bool = False
    cover: bool = False
    aspect: Fraction | None = None
    rotation: int | None = None
    interlaced: bool = False
    colour: tuple[int, int, int, int] | None = None  # range, matrix, primaries, transfer
    title: str = ""


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Frame ``number`` of a scene: a gradient, a disc that moves, a patch that blinks; uint8 RGB."""
    y, x = np.mgrid[:height, :width]
    red = 40 + 150 * x // max(width - 1, 1)
    green = 60 + 120 * y // max(height - 1, 1)
    blue = np.full_like(x, 90 + 5 * (number % 20))
    scene = np.stack([red, green, blue], axis=2)
    scene[(x - (3 * number) % width) ** 2 + (y - height // 2) ** 2 < (height / 5) ** 2] = (230, 210, 40)
    return scene.astype(np.uint8)


def make(path: Path, clip: Clip | None = None, pictures: Sequence[np.ndarray] | None = None) -> Path:
    """Write ``clip`` to ``path``; ``pictures`` instead of its own scene, uint8 or uint16 RGB."""
    clip = clip or Clip()
    with av.open(str(path), "w") as target:
        stream = _video(target, clip)
        sounds = [_sound(target, codec, number) for number, codec in enumerate(clip.sound)]
        words = _subtitles(target) if clip.subtitles else None
        if clip.attachment:
            target.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font" * 9)
        if clip.title:
            target.metadata["title"] = clip.title
        if clip.chapters:
            _chapters(target)
        times = clip.pts if clip.pts is not None else range(clip.frames)
        base = clip.base or 1 / clip.rate
        for number, pts in enumerate(times):
            rgb = pictures[number] if pictures is not None else _scene(clip, number)
            _mux_frame(target, stream, clip, rgb, pts, base)
        target.mux(stream.encode(None))
        seconds = float((times[-1] + 1) * base)
        for sound in sounds:
            _mux_sound(target, sound, seconds)
        if words is not None:
            _mux_words(target, words)
    return path


def _scene(clip: Clip, number: int) -> np.ndarray:
    if not clip.interlaced:
        return picture(number, *clip.size)
    woven = picture(2 * number, *clip.size)
    woven[1::2] = picture(2 * number + 1, *clip.size)[1::2]
    return woven


def _video(target: Any, clip: Clip) -> Any:
    options = dict(clip.options)
    if clip.interlaced and clip.codec == "libx264":
        options["x264-params"] = "tff=1"
    stream = target.add_stream(clip.codec, rate=clip.rate, options=options)
    stream.width, stream.height = clip.size
    stream.pix_fmt = clip.pixels
    context = stream.codec_context
    context.time_base = stream.time_base = clip.base or 1 / clip.rate
    if clip.codec in ("libx264", "mpeg4", "mpeg2video"):
        context.max_b_frames = clip.b_frames
    if clip.aspect:
        context.sample_aspect_ratio = clip.aspect
    if clip.rotation is not None:
        stream.set_display_rotation(clip.rotation)
    if clip.colour:
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = clip.colour
    return stream


def _mux_frame(target: Any, stream: Any, clip: Clip, rgb: np.ndarray, pts: int, base: Fraction) -> None:
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le" if rgb.dtype == np.uint16 else "rgb24")
    matrix = {1: 1, 5: 5, 6: 5, 9: 9}.get(clip.colour[1] if clip.colour else 6, 5)
    full = 2 if clip.colour and clip.colour[0] == 2 else 1
    if clip.pixels not in ("rgb24", "gbrp", "bgr0"):
        frame = frame.reformat(
            format=clip.pixels, dst_colorspace=matrix, src_color_range=2, dst_color_range=full, interpolation=EXACT
        )
    else:
        frame = frame.reformat(format=clip.pixels)
    frame.pts, frame.time_base = pts, base
    target.mux(stream.encode(frame))


def _sound(target: Any, codec: str, number: int) -> Any:
    stream = target.add_stream(codec, rate=48_000)
    stream.layout = "mono"
    stream.metadata["language"] = ("eng", "deu", "fra")[number]
    stream.metadata["title"] = f"sound {number}"
    return stream


def _mux_sound(target: Any, stream: Any, seconds: float) -> None:
    size = stream.codec_context.frame_size or 1024
    kind = stream.codec_context.format.name
    whole = np.sin(np.arange(int(48_000 * seconds) // size * size) / 20) * 0.3
    for start in range(0, len(whole), size):
        block = whole[start : start + size][None]
        depth = {"f": np.float32, "s16": np.int16, "s32": np.int32}["f" if kind.startswith("f") else kind[:3]]
        samples = (block if depth == np.float32 else block * np.iinfo(depth).max).astype(depth)
        frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def _subtitles(target: Any) -> Any:
    stream = target.add_mux_stream("subrip" if target.format.name == "matroska" else "mov_text")
    stream.time_base = Fraction(1, 1000)
    return stream


def _mux_words(target: Any, stream: Any) -> None:
    for number in range(3):
        packet = av.Packet(f"line {number}".encode())
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 100 * number
        packet.duration = 80
        target.mux(packet)


def _chapters(target: Any) -> None:
    base = Fraction(1, 1000)
    target.set_chapters([
        {"id": 1, "start": 0, "end": 200, "time_base": base, "metadata": {"title": "one"}},
        {"id": 2, "start": 200, "end": 500, "time_base": base, "metadata": {"title": "two"}},
    ])  # fmt: skip


@dataclass
class Content:
    """A film as read back: seconds and MD5 of each shown frame, and per other stream its packets' MD5."""

    times: list[float]
    hashes: list[str]
    frames: list[np.ndarray]
    others: dict[str, list[str]]
    other_times: dict[str, list[float]]


def content(path: Path) -> Content:
    """Decode everything of ``path``; frames as they are stored (no rotation), RGB."""
    found = Content([], [], [], {}, {})
    with av.open(str(path)) as source:
        video = source.streams.best("video")
        for frame in source.decode(video):
            found.times.append(float(frame.pts * frame.time_base))
            found.frames.append(np.ascontiguousarray(frame.to_ndarray(format="rgb24")))
            found.hashes.append(hashlib.md5(found.frames[-1].data).hexdigest())
    with av.open(str(path)) as source:
        for packet in source.demux():
            if packet.stream.type in ("audio", "subtitle") and packet.size:
                name = f"{packet.stream.type} {packet.stream.language}"
                found.others.setdefault(name, []).append(hashlib.md5(bytes(packet)).hexdigest())
                found.other_times.setdefault(name, []).append(float(packet.pts * packet.time_base))
    return found
