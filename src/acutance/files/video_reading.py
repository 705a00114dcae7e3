"""The frames of a film in the order in which they are shown, each with its exact time; damage is counted."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from acutance.errors import BadInput
from acutance.files.pyav import FAULTS, open_film, reason
from acutance.files.video_colour import to_rgb
from acutance.files.video_fields import LEAD, Deinterlacer
from acutance.files.videos import Film

RUN_UP = 2.0  # seconds decoded before a frame in the middle: a decoder's first frames can be broken
SHORT, SLACK = 0.001, 3  # share of the promised length, and frames, by which a film may end early unnoticed

REGULAR = 0.95  # share of equal steps from which on a film counts as one of constant rate


@dataclass(frozen=True)
class Frame:
    """One frame: ``pts`` in ticks of the film's time base, RGB ``(H, W, 3)`` uint8 or uint16, its CRC-32, for how
    many ticks it is shown as far as the file says (0: it does not), and the damage's counts up to it."""

    pts: int
    rgb: np.ndarray
    crc: int
    duration: int
    counts: tuple[int, int, int] = (0, 0, 0)


@dataclass
class Damage:
    """What was wrong with a film: packets that would not decode, frames the decoder patched, an early end.

    Mended without loss: times that were missing or ran backwards, frames of another size.
    """

    undecodable: int = 0
    patched: int = 0
    lost: str = ""
    retimed: int = 0
    resized: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Undecodable packets, patched frames, frames whose time was mended."""
        return self.undecodable, self.patched, self.retimed

    def __bool__(self) -> bool:
        return bool(self.undecodable or self.patched or self.lost)

    def text(self) -> str:
        """One line for people; empty if nothing was damaged."""
        parts = [f"{self.undecodable} packets could not be decoded"] if self.undecodable else []
        parts += [f"{self.patched} frames are patched up by the decoder"] if self.patched else []
        return ", ".join([*parts, *([self.lost] if self.lost else [])])


class Lost(Exception):
    """The frame to go on from was not met where it should be."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What to read: ticks from ``first`` up to but not with ``stop`` (``None``: to the end)."""

    first: int | None = None
    stop: int | None = None


def read_frames(
    film: Film, span: Span, damage: Damage, *, deinterlace: bool, after: tuple[int, int] | None = None, lead: int = 0
) -> Iterator[tuple[Frame, bool]]:
    """Yield frames with whether they are new.

    ``after``: the time and CRC-32 of the last frame that is done; then up to ``lead`` frames before it and
    itself come first, marked as not new, the very ones an uninterrupted reading gave. Raises ``BadInput``.
    """
    if after is None:
        yield from ((frame, True) for frame in _decoded(film, span, damage, deinterlace, span.first))
        return
    for begin in (after[0], None):  # by a jump; if that does not lead to the same frame, from the beginning
        try:
            frames = _decoded(film, span, damage, deinterlace, begin)
            before = _passed_over(frames, after, lead, whole=begin is None, first=span.first)
        except Lost:
            damage.clear()
            continue
        damage.clear()  # what was found before belongs to what is done
        yield from ((frame, False) for frame in before)
        yield from ((frame, True) for frame in frames)
        return
    raise BadInput(f"{film.path}: the frame at which the work was interrupted is not met again; use --overwrite")


def _passed_over(
    frames: Iterator[Frame], after: tuple[int, int], lead: int, *, whole: bool, first: int | None
) -> list[Frame]:
    """Take ``frames`` up to and with ``after``; the last ``lead`` of them. Raises ``Lost``."""
    before: deque[Frame] = deque(maxlen=max(lead, 1))
    count = 0
    for frame in frames:
        before.append(frame)
        count += 1
        if frame.pts < after[0]:
            continue
        enough = whole or count > lead or before[0].pts == first
        if (frame.pts, frame.crc) != after or not enough:
            break
        return list(before)[-lead:] if lead else []
    raise Lost


def _decoded(film: Film, span: Span, damage: Damage, deinterlace: bool, begin: int | None) -> Iterator[Frame]:
    """Frames within ``span``; decoding begins well before ``begin``, or with the file."""
    size = (film.width, film.height)
    times: deque[tuple[int, int]] = deque()
    with open_film(film.path) as container:
        stream = container.streams[film.stream]
        stream.thread_type = "AUTO"
        if begin is not None:
            _seek(container, stream, begin - round(RUN_UP / film.time_base) - (LEAD + 16) * film.step)
        fields = Deinterlacer(stream) if deinterlace else None
        clock = _Clock(film.step)
        for raw in _raw(container, stream, film, span, damage):
            if raw is not None:
                if span.stop is not None and raw.pts is not None and raw.pts >= span.stop + (LEAD + 1) * film.step:
                    raw = None  # nothing that is wanted follows
                else:
                    times.append((clock(raw, damage), int(raw.duration or 0)))
                    if (raw.width, raw.height) != size:
                        damage.resized |= {f"{raw.width}x{raw.height}"}
                        raw = raw.reformat(width=size[0], height=size[1])
            ready = fields(raw) if fields else [raw] if raw is not None else []
            for each in ready:
                pts, duration = times.popleft()
                if span.stop is not None and pts >= span.stop:
                    return
                if span.first is None or pts >= span.first:
                    rgb = to_rgb(each, film.colour, film.deep, size)
                    yield Frame(pts, rgb, zlib.crc32(rgb.data), duration, damage.counts)
            if raw is None:
                return


def _seek(container: Any, stream: Any, ticks: int) -> None:
    try:
        container.seek(ticks, stream=stream)
    except FAULTS:
        container.seek(0)


def _raw(container: Any, stream: Any, film: Film, span: Span, damage: Damage) -> Iterator[Any]:
    """Decoded frames as they come, then ``None``; packets that fail are counted and passed over."""
    end, count = 0.0, 0
    source = container.demux(*[s for s in container.streams if s.type in ("video", "audio", "subtitle")])
    while True:
        try:
            packet = next(source, None)
        except FAULTS as error:
            damage.lost = damage.lost or f"the file cannot be read beyond {end:.1f} s ({reason(error)})"
            packet = None
        if packet is not None and packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet is not None and packet.stream.index != stream.index:
            continue
        if packet is None or (not packet.size and packet.dts is None):
            break
        count += 1
        if packet.size:  # AVI marks a frame that is shown again by an empty packet
            yield from _decode(stream, packet, damage)
    yield from _decode(stream, None, damage)
    if span == Span():
        damage.lost = damage.lost or _early_end(film, container, end, count)
    yield None


def _decode(stream: Any, packet: Any, damage: Damage) -> Iterator[Any]:
    try:
        frames = stream.decode(packet)
    except FAULTS:
        damage.undecodable += 1
        return
    for frame in frames:
        damage.patched += bool(frame.is_corrupt)
        yield frame


def _early_end(film: Film, container: Any, end: float, count: int) -> str:
    """What is missing at the end, by the header's own word; empty if nothing."""
    unsure = 0 if film.counted else max(SLACK, SHORT * film.frames)
    if (film.counted or film.container == "avi") and count < film.frames - unsure:
        return f"it ends after {count} of {film.frames} frames"
    promised = film.start + float(container.duration or 0) / 1e6
    if container.duration and end < promised - max(SLACK / float(film.rate), SHORT * promised):
        return f"it ends at {end:.1f} s of {promised:.1f} s"
    return ""


def missing(pts: Sequence[int]) -> int:
    """How many frames seem to be missing within a film of constant rate; 0 for a film whose rate varies.

    >>> missing([*range(0, 1000, 10), *range(1030, 2000, 10)]), missing([0, 10, 40, 50, 90])
    (3, 0)
    """
    steps = np.diff(np.asarray(pts, np.int64))
    if not len(steps):
        return 0
    usual = float(np.median(steps))
    regular = np.abs(steps - usual) <= max(1.0, 0.05 * usual)
    if usual < 3 or regular.mean() < REGULAR:
        return 0
    return int(sum(round(step / usual) - 1 for step in steps[steps > 1.5 * usual]))


class _Clock:
    """Times that are missing or run backwards are mended: each frame is later than the one before."""

    def __init__(self, step: int) -> None:
        self.step, self.last = step, None

    def __call__(self, frame: Any, damage: Damage) -> int:
        pts = frame.pts
        if pts is None:
            pts, damage.retimed = (0 if self.last is None else self.last + self.step), damage.retimed + 1
        elif self.last is not None and pts <= self.last:
            pts, damage.retimed = self.last + 1, damage.retimed + 1
        self.last = pts
        return pts
