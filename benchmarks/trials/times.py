"""F4: every frame at its time, and sound as it was: what goes in is compared with what comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from trials.figures import Bar, Figure
from trials.films import SEEDS, Kind, made
from trials.running import Bench, Warm, short

CLIPS: dict[str, Kind] = SEEDS | {
    "leaps.mkv": Kind("libx264", "matroska", "aac", times=(0, 33, 66, 400, 1500, 1533, 1600, 2900)),
    "late.mkv": Kind("libx264", "matroska", times=tuple(100_000 + 40 * n for n in range(20))),
    "slow.mkv": Kind("ffv1", "matroska", "flac", times=tuple(500 * n for n in range(6))),
    "fast.mkv": Kind("libx264", "matroska", times=tuple(range(0, 200, 8))),
    "leaps.mp4": Kind("libx264", "mp4", "aac", times=(0, 40, 90, 300, 340, 1000), b_frames=2),
    "one.mp4": Kind("libx264", "mp4", frames=1),
    "two.mov": Kind("libx264", "mov", "pcm_s16le", frames=2),
    "jitter.mkv": Kind("libvpx-vp9", "matroska", "libopus", times=tuple(33 * n + (n % 3) for n in range(24))),
}
QUICK = 4  # every so many of them


@dataclass
class Content:
    """Seconds of every frame; of each sound its codec, the digest of all its bytes, and when it begins."""

    times: list[float] = field(default_factory=list)
    codecs: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)


def measure(bench: Bench) -> Figure:
    """The figure."""
    names = list(CLIPS)[:: QUICK if bench.quick else 1]
    assert bench.model.is_file()
    tasks = [(bench, name, suffix) for name in names for suffix in (".mkv", ".mp4") if _fits(name, suffix)]
    found = bench.each(_compared, tasks)
    faults = [fault for faults, _ in found for fault in faults]
    kinds = ("failed", "frames", "sound changed", "sound lost")
    bars = [Bar(kind, sum(kind == each for each, _ in faults)) for kind in kinds]
    bars += [Bar("largest error of a frame's time, ms", max(error for _, error in found) * 1000, 1.0)]
    return Figure(bars, {"clips": len(names), "films made": len(tasks)}, [f"{kind}: {text}" for kind, text in faults])


def _fits(name: str, suffix: str) -> bool:
    return suffix == ".mkv" or CLIPS[name].sound in ("", "aac", "libmp3lame")


def content(path: Path) -> Content:
    """What a film holds, read plainly."""
    found = Content()
    sounds: dict[int, tuple[str, Any, float]] = {}
    with av.open(str(path)) as source:
        video = source.streams.best("video")
        packets: Iterator[Any] = source.demux()
        for packet in packets:
            if packet.stream is video:
                found.times += [float(frame.time) for frame in packet.decode() if frame.time is not None]
            elif packet.stream.type == "audio" and packet.size:
                begin = float((packet.pts or 0) * packet.time_base)
                name = packet.stream.codec_context.name
                sounds.setdefault(packet.stream.index, (name, hashlib.sha256(), begin))[1].update(bytes(packet))
    for name, digest, begin in sounds.values():
        found.codecs.append(name)
        found.digests.append(digest.hexdigest())
        found.begins.append(begin)
    return found


def _compared(warm: Warm, task: tuple[Bench, str, str]) -> tuple[list[tuple[str, str]], float]:
    """The faults of one clip, and the largest error of a time in seconds."""
    bench, name, suffix = task
    with bench.place("times") as place:
        (place / name).write_bytes(made(CLIPS[name]))
        command = ["remaster", name, "-o", f"out{suffix}", "--model", bench.model, "--preset", "ultrafast"]
        ended = warm.run(command, place, patience=60)
        where = f"{name} to {suffix}"
        if ended.code != 0:
            return [("failed", f"{where}: exit {ended.code} {short(ended.err)}")], 0.0
        before, after = content(place / name), content(place / f"out{suffix}")
        return _faults(before, after, where, ended.err)


def _faults(before: Content, after: Content, where: str, said: str) -> tuple[list[tuple[str, str]], float]:
    faults = []
    if len(before.times) != len(after.times):
        faults.append(("frames", f"{where}: {len(before.times)} became {len(after.times)}"))
    if len(before.codecs) > len(after.codecs):
        faults.append(("sound lost", f"{where}: {before.codecs} became {after.codecs}; {short(said)}"))
    for one, other, a, b in zip(before.codecs, after.codecs, before.digests, after.digests, strict=False):
        if one == other and a != b:
            faults.append(("sound changed", f"{where}: {one}"))
    if not before.times or not after.times:
        return faults, 0.0
    errors = [
        abs((a - before.times[0]) - (b - after.times[0])) for a, b in zip(before.times, after.times, strict=False)
    ]
    errors += [
        abs((a - before.times[0]) - (b - after.times[0])) for a, b in zip(before.begins, after.begins, strict=False)
    ]
    return faults, max(errors)
