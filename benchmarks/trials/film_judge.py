"""What a plain reader finds in a film: one thread, packet by packet, every error counted. A process of its own, since
libav may fall over a mutant: python -m trials.film_judge FILE prints JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np

MOST_PACKETS = 20_000


@dataclass
class Found:
    """``frames`` of ``packets`` came out with ``errors``; the decoder calls ``flagged`` of them corrupt. ``declared``:
    frames that the container promises; ``seconds``: how long it says it is; ``last``: from the first frame's time to
    the last one's. ``sound``: bytes by stream."""

    packets: int = 0
    frames: int = 0
    errors: int = 0
    flagged: int = 0
    declared: int = 0
    seconds: float = 0.0
    last: float = 0.0
    broken: str = ""
    said: list[str] = field(default_factory=list)
    sound: dict[str, int] = field(default_factory=dict)

    def objects(self) -> str:
        """What it objects to, in words; empty if all is well."""
        told = {
            "errors while decoding": self.errors,
            "frames called corrupt": self.flagged,
            "packets without a frame": max(0, self.packets - self.frames),
            "it breaks off": int(bool(self.broken)),
        }
        return ", ".join(f"{text}: {count}" for text, count in told.items() if count)

    def promises(self, frames: int, seconds: float, step: float) -> str:
        """What the container promises beyond ``frames`` and ``seconds``, in words."""
        if self.declared > frames:
            return f"{self.declared} frames are promised, {frames} came"
        if self.seconds > seconds + 3 * step:
            return f"{self.seconds:.2f} seconds are promised, {seconds:.2f} came"
        return ""


def judge(path: Path) -> Found:
    """Read all of ``path``."""
    found = Found()
    with av.logging.Capture() as logs:
        try:
            with av.open(str(path)) as source:
                _read(source, found)
        except Exception as error:
            found.broken = str(error)
    found.said = sorted({text.strip() for level, _, text in logs if level <= av.logging.ERROR})[:8]
    return found


def _read(source: Any, found: Found) -> None:
    stream = source.streams.best("video")
    if stream is None:
        return
    stream.thread_count = 1
    found.declared = stream.frames
    found.seconds = _declared_seconds(source, stream)
    times: list[float] = []
    for number, packet in enumerate(source.demux()):
        if number > MOST_PACKETS:
            return
        if packet.stream.type == "audio" and packet.size:
            name = f"{packet.stream.index} {packet.stream.codec_context.name}"
            found.sound[name] = found.sound.get(name, 0) + packet.size
        if packet.stream is not stream:
            continue
        found.packets += bool(packet.size)
        for frame in _decoded(packet, found):
            found.frames += 1
            found.flagged += bool(frame.is_corrupt)
            if frame.time is not None:
                times.append(frame.time)
    found.last = max(times) - min(times) if times else 0.0


def _declared_seconds(source: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return source.duration / 1e6 if source.duration else 0.0


def _decoded(packet: Any, found: Found) -> Iterator[Any]:
    try:
        yield from packet.decode()
    except Exception:
        found.errors += 1


def _frames(packet: Any) -> list[Any]:
    return packet.decode()


@dataclass
class Shown:
    """A result as read back: frames as small grey pictures, seconds of each, bytes of sound by stream."""

    pictures: np.ndarray
    times: list[float]
    sound: dict[str, int]


def shown(path: Path) -> Shown:
    """Decode a result; raises what libav raises where it is not whole."""
    pictures, times = [], []
    sound: dict[str, int] = {}
    with av.open(str(path)) as source:
        stream = source.streams.best("video")
        for packet in source.demux():
            if packet.stream.type == "audio" and packet.size:
                name = f"{packet.stream.index} {packet.stream.codec_context.name}"
                sound[name] = sound.get(name, 0) + packet.size
            if packet.stream is stream:
                for frame in _frames(packet):
                    pictures.append(frame.to_ndarray(format="gray"))
                    times.append(float(frame.time or 0))
    return Shown(np.stack(pictures) if pictures else np.zeros((0, 1, 1), np.uint8), times, sound)


if __name__ == "__main__":
    print(json.dumps(asdict(judge(Path(sys.argv[1])))))
