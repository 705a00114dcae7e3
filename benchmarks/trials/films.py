"""Small healthy films in every container, made with PyAV: what film mutants are made of."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from trials.pictures import scene

os.environ.setdefault("SVT_LOG", "0")  # of the AV1 encoder, which is talkative
RATE = 25
SIZE = (64, 48)
BEST = {
    "libx264": {"preset": "ultrafast", "crf": "12", "g": "8"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime", "crf": "20"},
    "libvpx": {"cpu-used": "8", "crf": "10"},
    "libsvtav1": {"preset": "13", "svtav1-params": "lp=1"},
}


@dataclass(frozen=True)
class Kind:
    """What to make: an encoder, its pixel format, a muxer, sound, options of encoder and muxer."""

    codec: str
    muxer: str
    sound: str = ""
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)
    b_frames: int = 0
    frames: int = 24
    size: tuple[int, int] = SIZE
    times: tuple[int, ...] = ()  # in milliseconds, one a frame; else even


SEEDS: dict[str, Kind] = {
    "h264_aac.mp4": Kind("libx264", "mp4", "aac", b_frames=2),
    "h264_fast.mp4": Kind("libx264", "mp4", "aac", muxing={"movflags": "faststart"}),
    "h264_parts.mp4": Kind("libx264", "mp4", "aac", muxing={"movflags": "frag_keyframe+empty_moov"}),
    "h265.mp4": Kind("libx265", "mp4", "aac"),
    "av1.mp4": Kind("libsvtav1", "mp4"),
    "h264_pcm.mov": Kind("libx264", "mov", "pcm_s16le"),
    "prores.mov": Kind("prores_ks", "mov", "pcm_s16le", "yuv422p10le"),
    "h264_mp3.mkv": Kind("libx264", "matroska", "libmp3lame", b_frames=2),
    "ffv1_flac.mkv": Kind("ffv1", "matroska", "flac"),
    "vp9_opus.webm": Kind("libvpx-vp9", "webm", "libopus"),
    "vp8.webm": Kind("libvpx", "webm"),
    "mpeg4_mp3.avi": Kind("mpeg4", "avi", "libmp3lame"),
    "mjpeg_pcm.avi": Kind("mjpeg", "avi", "pcm_s16le", "yuvj420p"),
    "h264_mp2.ts": Kind("libx264", "mpegts", "mp2"),
    "mpeg2.ts": Kind("mpeg2video", "mpegts", "mp2", b_frames=2),
    "mpeg2.mpg": Kind("mpeg2video", "vob", "mp2"),
    "mpeg1.mpg": Kind("mpeg1video", "mpeg", "mp2"),
    "flv.flv": Kind("flv", "flv", "libmp3lame"),
    "h264.flv": Kind("libx264", "flv", "aac"),
    "wmv2.wmv": Kind("wmv2", "asf", "wmav2"),
    "h263.3gp": Kind("h263", "3gp", size=(128, 96)),
    "varied.mkv": Kind("libx264", "matroska", times=tuple(n * 40 + (n * n * 7) % 25 for n in range(24))),
}


@cache
def seed(name: str) -> bytes:
    """The bytes of a film."""
    return made(SEEDS[name])


def made(kind: Kind) -> bytes:
    """Write a film of a scene that moves, with a tone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        with av.open(str(path), "w", format=kind.muxer, options=kind.muxing) as target:
            _fill(target, kind)
        return path.read_bytes()


def _fill(target: Any, kind: Kind) -> None:
    stream = target.add_stream(kind.codec, rate=RATE, options=BEST.get(kind.codec, {}) | kind.options)
    (stream.width, stream.height), stream.pix_fmt = kind.size, kind.pixels
    if kind.times:
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    if kind.b_frames:
        stream.codec_context.max_b_frames = kind.b_frames
    sound = _sound(target, kind.sound) if kind.sound else None
    for number in range(len(kind.times) or kind.frames):
        frame = av.VideoFrame.from_ndarray(scene(*kind.size, shift=3 * number), "rgb24").reformat(format=kind.pixels)
        frame.pts = kind.times[number] if kind.times else number
        frame.time_base = Fraction(1, 1000) if kind.times else Fraction(1, RATE)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))
    if sound is not None:
        _play(target, sound, kind.times[-1] / 1000 if kind.times else kind.frames / RATE)


def _sound(target: Any, codec: str) -> Any:
    stream = target.add_stream(codec, rate=44_100 if codec in ("wmav2", "libmp3lame") else 48_000)
    stream.layout = "stereo" if codec == "wmav2" else "mono"
    if codec == "wmav2":
        stream.bit_rate = 128_000
    return stream


def _play(target: Any, stream: Any, seconds: float) -> None:
    rate, size, kind = stream.rate, stream.codec_context.frame_size or 1024, stream.codec_context.format.name
    channels = stream.codec_context.channels
    wave = np.sin(np.arange(int(rate * seconds) // size * size) / 20) * 0.3
    for start in range(0, len(wave), size):
        block = wave[start : start + size]
        samples = block.astype(np.float32) if kind.startswith("f") else _whole(block, kind)
        planes = np.stack([samples] * channels) if kind.endswith("p") else np.repeat(samples, channels)[None]
        frame = av.AudioFrame.from_ndarray(planes, format=kind, layout=stream.layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def _whole(block: np.ndarray, kind: str) -> np.ndarray:
    depth = np.int16 if kind.startswith("s16") else np.int32
    return (block * np.iinfo(depth).max).astype(depth)
