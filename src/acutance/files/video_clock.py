"""The times of a film's frames, and which of its packets gave no frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acutance.files.videos import Film

SET_BACK = 1.0  # seconds: a clock that leaps back by more begins anew, by less it stumbles
SILENCE = 0.1  # seconds: a hole in the sound, beyond the length of a packet, that is worth a word
EARLY = 0.5  # seconds by which sound may end before the picture without a word
MARKER = 8  # bytes: a packet no larger says that the frame before is shown again
HOLE, OWN = 1.5, 0.75  # of the usual distance: from where on frames are missing between two, and a frame is another one

Enter = Callable[..., None]  # counts into a ledger


class Clock:
    """Times that are missing, stick or run backwards are mended: each frame is later than the one before. After a leap
    backwards, where films were joined or a disc begins a new part, all times go on from the last one."""

    def __init__(self, film: Film) -> None:
        self.step, self.leap, self.finer = film.step, round(SET_BACK / film.time_base), film.finer
        self.last: int | None = None
        self.offset = 0
        self.count = self.stuck = 0  # frames, and those not shown later than the one before
        self.shown: int | None = None  # when the one before says it is
        self.timed, self.begun = film.timed, False

    def __call__(self, frame: Any, enter: Enter) -> int:
        """The time of ``frame``, in ticks of the film."""
        found = self._best(frame)
        self.begun |= found is not None
        pts = None if found is None else found * self.finer + self.offset
        if pts is None:
            pts = 0 if self.last is None else self.last + self.step
            enter(retimed=int(self.begun))  # a stream without a container has no times, and that is no fault
        elif self.last is not None and pts < self.last - self.leap:
            again = self.last + self.step
            self.offset, pts = self.offset + again - pts, again
            enter(set_back=1)
        elif self.last is not None and pts <= self.last:
            pts = self.last + 1
            enter(retimed=1)
        self.last = pts
        return pts

    def _best(self, frame: Any) -> int | None:
        """When it is shown; where those times stick more often than not, when it is decoded."""
        if not self.timed:
            return None
        self.count += 1
        if frame.pts is not None:
            self.stuck += self.shown is not None and frame.pts <= self.shown
            self.shown = frame.pts
        sticks = frame.pts is None or 2 * self.stuck > self.count
        return frame.dts if sticks and frame.dts is not None else frame.pts


class Silences:
    """Holes in the sound: one of its packets begins later than the one before ends, or the picture goes on."""

    def __init__(self, enter: Enter) -> None:
        self.enter = enter
        self.ends: dict[int, float] = {}  # of each stream, seconds

    def packet(self, packet: Any) -> None:
        """A packet of any stream but the picture's."""
        if packet.stream.type != "audio" or packet.pts is None or not packet.duration:
            return
        begin, length = float(packet.pts * packet.time_base), float(packet.duration * packet.time_base)
        end = self.ends.get(packet.stream.index, begin)
        self.enter(silent=begin - end if begin - end > SILENCE + length else 0.0)
        self.ends[packet.stream.index] = max(end, begin + length)

    def finish(self, picture: float) -> None:
        """The picture ends at ``picture``; sound should not be much shorter."""
        short = [picture - end for end in self.ends.values()]
        self.enter(silent=sum(length for length in short if length > EARLY))


class Expected:
    """The packets whose frames have not come yet. One that is passed over is entered as undecoded if it failed or left
    a hole: a second field, a hidden frame of VP8 or a marker leaves none. ``first``, ``stop``: of an excerpt, ticks."""

    def __init__(self, film: Film, first: int | None, stop: int | None, enter: Enter) -> None:
        self.step, self.enter = film.step // film.finer or 1, enter
        self.window = (None if first is None else first // film.finer, None if stop is None else stop // film.finer)
        self.waiting: dict[int, bool] = {}  # time: whether it failed
        self.given_up: set[int] = set()
        self.last: int | None = None  # time of the latest frame
        self.last_dts: int | None = None
        self.count = 0
        self.key: int | None = None  # time of the first key frame

    def packet(self, packet: Any) -> None:
        """A packet goes in."""
        self.count += 1
        times = [time for time in (packet.dts, self.last_dts) if time is not None]
        self.last_dts = max(times, default=None)
        if self.key is None and packet.is_keyframe:
            self.key = packet.pts
        if packet.pts is not None and packet.size > MARKER and not packet.is_discard:
            self.waiting.setdefault(packet.pts, False)

    def failed(self, packet: Any) -> None:
        """It could not be decoded."""
        if packet is not None and packet.pts is None:
            self.enter(undecoded=1)
        elif packet is not None and not packet.is_discard:
            self.waiting[packet.pts] = True

    def frame(self, frame: Any) -> None:
        """A frame came out: what should have come before it will not come any more."""
        if (pts := frame.pts) is None:
            return
        if self.waiting.pop(pts, False):
            self.enter(patched=int(not frame.is_corrupt and self.inside(pts)))
        if pts in self.given_up:  # frames can come in disorder after a loss
            self.given_up.remove(pts)
            self.enter(undecoded=-1)
        if self.last is not None and pts < self.last - self.step * 50:  # the clock begins anew
            self.waiting = {time: bad for time, bad in self.waiting.items() if pts < time < self.last}
            self.last = None
        passed = [time for time in self.waiting if time < pts]
        hole = self.last is None or pts - self.last > HOLE * self.step
        self._lose(passed, hole)
        self.last = pts if self.last is None else max(self.last, pts)

    def inside(self, time: int | None) -> bool:
        """Whether ``time`` lies within the excerpt."""
        low, high = self.window
        return time is None or ((low is None or time >= low) and (high is None or time < high))

    def finish(self) -> None:
        """No more frames come."""
        self._lose(list(self.waiting), True)

    def _lose(self, passed: list[int], hole: bool) -> None:
        for time in sorted(passed):
            own = hole and (self.last is None or time > self.last + OWN * self.step)
            if (self.waiting.pop(time) or own) and self.inside(time):
                headless = self.key is None or time < self.key
                self.given_up |= set() if headless else {time}
                self.enter(**{"headless" if headless else "undecoded": 1})
