"""The frames of a film in the order in which they are shown, each with its exact time; what is lost is counted."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput
from acutance.files.pyav import FAULTS, blame_memory, demux, open_film, reason
from acutance.files.video_clock import Clock, Expected, Silences
from acutance.files.video_colour import to_rgb
from acutance.files.video_filters import FASTER, LEAD, Deinterlacer
from acutance.files.video_ledger import INDEXED, Ledger
from acutance.files.video_sizes import cut_off
from acutance.files.videos import MICROSECOND, Film

# Seconds decoded before a frame in the middle: a decoder's first frames can be broken, and a jump within a transport
# stream may end between two key frames, after which nothing comes up to the next. None: from the film's beginning.
RUN_UPS = (2.0, 20.0, None)
MARGIN = 16  # frames that must have come before the first one that the filters need
SHORT, SLACK = 0.001, 3  # share of the promised length, and frames, by which a film may end early unnoticed


@dataclass(frozen=True)
class Frame:
    """One frame: ``pts`` in ticks of the film's time base, RGB ``(H, W, 3)`` uint8 or uint16, its CRC-32, for how
    many ticks it is shown as far as the file says (0: it does not), and the ledger up to it."""

    pts: int
    rgb: np.ndarray
    crc: int
    duration: int
    ledger: Ledger = field(default_factory=Ledger)


class Account:
    """The ledger while it is being kept: ``ledger`` of all that was read, ``base`` of what was done before."""

    def __init__(self) -> None:
        self.ledger, self.base = Ledger(), Ledger()

    def add(self, **counts: Any) -> None:
        """Enter ``counts``, named as in ``Ledger``."""
        if any(counts.values()):
            self.ledger += Ledger(**counts)

    @property
    def new(self) -> Ledger:
        """What was met since the base."""
        return self.ledger.since(self.base)


class Lost(BadInput):
    """The frame to begin with was not met where it should be."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What to read: ticks from ``first`` up to but not with ``stop`` (``None``: to the end)."""

    first: int | None = None
    stop: int | None = None


def read_frames(
    film: Film, span: Span, account: Account, *, after: tuple[int, int] | None = None, lead: int = 0, jump: bool = True,
) -> Iterator[tuple[Frame, bool]]:  # fmt: skip
    """Yield frames with whether they are new.

    ``after``: the time and CRC-32 of the last frame that is done; then up to ``lead`` frames before it and
    itself come first, marked as not new, the very ones an uninterrupted reading gave. Raises ``BadInput``, and
    ``Lost`` before the first frame if the one to go on from is not there. Without ``jump`` the film is read from its
    beginning: where its clock was set back, times do not tell places.
    """
    wanted = after[0] if after is not None else span.first
    for run_up in (
        RUN_UPS if wanted is not None and jump and film.timed else (None,)
    ):  # if a jump does not lead there, from further back
        begin = None
        if run_up is not None and wanted is not None:
            begin = wanted - round(run_up / film.time_base) - _margin(film)
        account.ledger = account.base = Ledger()
        try:
            frames = _decoded(film, span, account, begin, fresh=after is None)
            if after is not None:
                before = _passed_over(frames, after, lead, whole=begin is None, first=span.first)
                account.base = before[-1].ledger  # what was found before belongs to what is done
                before = before[-lead:] if lead else []
                first = None
            else:
                before, first = [], next(frames, None)
                if begin is not None and first is not None:  # the run-up's troubles are not the excerpt's
                    account.base = replace(first.ledger, undecoded=0, patched=0)
        except Lost:
            continue
        yield from ((frame, False) for frame in before)
        if first is not None:
            yield _since(first, account), True
            del first
        yield from ((_since(frame, account), True) for frame in frames)
        return
    raise Lost(f"{film.path}: the frame at which the work was interrupted is not met again; begin anew")


def _since(frame: Frame, account: Account) -> Frame:
    return replace(frame, ledger=frame.ledger.since(account.base))


def _passed_over(
    frames: Iterator[Frame], after: tuple[int, int], lead: int, *, whole: bool, first: int | None
) -> list[Frame]:
    """Take ``frames`` up to and with ``after``; at least the last ``lead`` of them. Raises ``Lost``."""
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
        return list(before)
    raise Lost


def _decoded(film: Film, span: Span, account: Account, begin: int | None, *, fresh: bool) -> Iterator[Frame]:
    """Frames within ``span``; reading begins at ``begin``, or with the film. Raises ``Lost`` if that yields nothing or,
    for the ``fresh`` beginning of an excerpt, begins too late for its first frame."""
    with open_film(film.path) as container:
        stream = container.streams[film.stream]
        stream.thread_type = "SLICE"  # threads that each take a frame lose the last ones before a damaged packet
        if begin is not None:
            _seek(container, stream, begin // film.finer)
        fields, clock = _fields(film, from_start=begin is None), Clock(film)
        for raw in _raw(container, stream, film, span, account, begin):
            if begin is not None and clock.last is None and not _early_enough(raw, film, span, fresh):
                raise Lost
            pts, duration = 0, 0
            if raw is not None:
                pts, duration = clock(raw, account.add), int(raw.duration or 0) * film.finer
                if span.stop is not None and pts >= span.stop + (LEAD[film.deinterlace] + 1) * film.step:
                    raw = None  # nothing that is wanted follows
                else:
                    raw = _fitted(raw, film, account)
            for each, time, length in fields(raw, pts, duration):
                if span.stop is not None and time >= span.stop:
                    return
                if span.first is None or time >= span.first:
                    rgb = to_rgb(each, film.colour, film.deep, (film.width, film.height))
                    yield Frame(time, rgb, zlib.crc32(rgb.data), length, account.ledger)
            if raw is None:
                return


def _margin(film: Film) -> int:
    """Ticks that must be read before the frame that is wanted."""
    return (MARGIN + LEAD[film.deinterlace]) * film.step


def _fields(film: Film, *, from_start: bool) -> Deinterlacer:
    rate = film.rate / FASTER[film.deinterlace]
    return Deinterlacer(film.deinterlace, top_first=film.fields.top_first, rate=rate, base=film.time_base,
                        origin=film.origin, from_start=from_start)  # fmt: skip


def _fitted(raw: Any, film: Film, account: Account) -> Any:
    """A frame of the film's size and, where a filter is fed with it, of its pixel format."""
    if (raw.width, raw.height) != (film.width, film.height):
        account.add(resized=(f"{raw.width}x{raw.height}",))
        raw = raw.reformat(width=film.width, height=film.height)
    if film.deinterlace != "off" and raw.format.name != film.pixel_format:
        raw = raw.reformat(format=film.pixel_format)
    return raw


def _early_enough(raw: Any, film: Film, span: Span, fresh: bool) -> bool:
    """Whether ``raw``, the first frame after a jump, is of use; ``None``: there was no frame."""
    if raw is None or raw.pts is None:
        return False
    return not fresh or span.first is None or raw.pts * film.finer <= span.first - _margin(film)


def _seek(container: Any, stream: Any, ticks: int) -> None:
    try:
        container.seek(ticks, stream=stream)
    except FAULTS:
        raise Lost from None


def _raw(container: Any, stream: Any, film: Film, span: Span, account: Account, begin: int | None) -> Iterator[Any]:
    """Decoded frames as they come, then ``None``; packets that fail are counted and passed over."""
    expected = Expected(film, span.first, span.stop, account.add)
    indexed = len(stream.index_entries) > 1  # or it is built while reading, and promises nothing
    silences = Silences(account.add)
    ends = [0.0, 0.0]  # of the picture, of everything
    read = [s for s in container.streams if s.type in ("video", "audio", "subtitle")]
    source = demux(container, *read, strange=lambda: account.add(strange=1))
    while True:
        try:
            packet = next(source, None)
        except FAULTS as error:
            account.add(end=f"the file cannot be read beyond {ends[1] - film.start:.1f} s ({reason(error)})")
            packet = None
        if packet is None:
            break
        picture = packet.stream.index == stream.index
        if packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            ends = [max(ends[0], end) if picture else ends[0], max(ends[1], end)]
        if not picture:
            silences.packet(packet)
            account.add(spoilt=int(packet.is_corrupt))
        elif packet.size:  # AVI marks a frame that is shown again by an empty packet
            expected.packet(packet)
            yield from _decode(film.path, stream, packet, expected, account)
    yield from _decode(film.path, stream, None, expected, account)
    expected.finish()
    if span.stop is None:
        silences.finish(ends[0])
    if not account.ledger.end:
        account.ledger += _ending(film, span, container, stream, expected, ends, indexed=indexed, whole=begin is None)
    yield None


def _decode(path: Path, stream: Any, packet: Any, expected: Expected, account: Account) -> Iterator[Any]:
    try:
        frames = stream.decode(packet)
    except FAULTS as error:
        blame_memory(error, path)
        expected.failed(packet)
        return
    for frame in frames:
        expected.frame(frame)
        account.add(patched=int(bool(frame.is_corrupt) and expected.inside(frame.pts)))
        yield frame


def _ending(
    film: Film, span: Span, container: Any, stream: Any, expected: Expected, ends: list[float], *, indexed: bool,
    whole: bool,
) -> Ledger:  # fmt: skip
    """What is missing at the end, by the word of the index, of the header or of the file's length. ``ends``: of the
    picture and of everything, seconds; ``whole``: reading began at the film's beginning."""
    stop = float("inf") if span.stop is None else float(span.stop * film.time_base)
    if film.container.startswith(INDEXED) and (absent := _absent(film, stream, expected, stop, indexed, whole)):
        return Ledger(absent=absent)
    if not film.timed:
        return Ledger()
    slack = max(SLACK / float(film.rate), SHORT * film.duration)
    for promised, end in zip(_promised(film, container, stream), ends, strict=True):
        if end < min(promised, stop) - slack:
            return Ledger(end=f"it ends at {end - film.start:.1f} s of {promised - film.start:.1f} s")
    return Ledger(end=cut_off(film.path, film.container))


def _absent(film: Film, stream: Any, expected: Expected, stop: float, indexed: bool, whole: bool) -> int:
    """How many frames before ``stop`` (seconds) the index lists beyond those that came."""
    entries, last = stream.index_entries, expected.last_dts or 0
    if not indexed:
        return max(0, stream.frames - last - 1) if film.container == "avi" and stop > film.start + film.duration else 0
    if whole and stop == float("inf"):
        return max(0, sum(bool(entry.size) for entry in entries) - expected.count)
    absent = 0
    for number in range(len(entries) - 1, -1, -1):
        if (entry := entries[number]).timestamp <= last:
            break
        absent += bool(not entry.is_discard and entry.size and float(entry.timestamp * film.stream_base) < stop)
    return absent


def _promised(film: Film, container: Any, stream: Any) -> tuple[float, float]:
    """When the picture and when everything should end, seconds of the film's clock; 0 where nothing is said."""
    picture = 0.0
    if stream.duration:
        picture = float(((stream.start_time or 0) + stream.duration) * film.stream_base)
    whole = film.duration if not stream.duration else float((container.duration or 0) * MICROSECOND)
    return picture, film.start + whole if whole else 0.0
