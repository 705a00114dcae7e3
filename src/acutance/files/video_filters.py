"""libavfilter for frames: whole frames out of fields, as many, twice as many, or the film's own 24."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import Any, Literal

from acutance.files.pyav import av

Mode = Literal["off", "on", "bob", "ivtc"]
FINER = {"off": 1, "on": 1, "bob": 2, "ivtc": 4}  # ticks in one of the stream's: fields and 24 frames fall between
FASTER = {"off": Fraction(1), "on": Fraction(1), "bob": Fraction(2), "ivtc": Fraction(4, 5)}
LEAD = {"off": 2, "on": 2, "bob": 2, "ivtc": 16}  # frames before the first one wanted that the filters must have seen
CYCLE = 5  # frames from which inverse telecine takes one away


def graph_of(frame: Any, base: Fraction, rate: Fraction, filters: list[tuple[str, str | None]]) -> Any:
    """A chain of ``filters`` for frames like ``frame`` with times in ``base``, usually so many a second."""
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add(
        "buffer", video_size=f"{frame.width}x{frame.height}", pix_fmt=frame.format.name, time_base=str(base),
        frame_rate=str(rate), pixel_aspect="1/1",
    )  # fmt: skip
    graph.link_nodes(source, *(graph.add(*each) for each in filters), graph.add("buffersink")).configure()
    return graph


def through(graph: Any, frame: Any | None) -> list[Any]:
    """What comes out of ``graph`` after ``frame``, or after the last one (``None``): often nothing at first."""
    graph.push(frame)
    ready = []
    while True:
        try:
            ready.append(graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return ready


class Deinterlacer:
    """Frames in, whole frames out, each with its time and duration in ticks of the film; times between two frames are
    laid out evenly, so that nothing drifts where the rate is not quite what the header says.

    ``mode``: "off" passes them on; "on" makes each frame whole, at the time of its first field (bwdif); "bob" makes a
    frame of every field; "ivtc" puts the fields of film together again (fieldmatch), repairs what stays combed and
    takes every fifth frame away (decimate). ``rate``, ``base``: of the stream; ``origin``: ticks of the film's first
    frame. Cycles of five are counted from there, wherever reading begins.
    """

    def __init__(
        self, mode: Mode, *, top_first: bool | None, rate: Fraction, base: Fraction, origin: int, from_start: bool
    ) -> None:
        self.mode, self.base, self.rate, self.origin = mode, base, rate, origin
        self.parity = {None: "auto", True: "tff", False: "bff"}[top_first]
        self.five = CYCLE / rate / base  # ticks of five frames
        self.graph: Any = None
        self.aligned = from_start or mode != "ivtc"
        self.waiting: deque[tuple[int, int]] = deque()  # times and durations of frames that went in, from frame...
        self.passed, self.given = 0, 0  # ...so many on, and how many came out

    def __call__(self, frame: Any | None, pts: int, duration: int) -> list[tuple[Any, int, int]]:
        """What is ready after ``frame``, or after the last one (``None``)."""
        if self.mode == "off" or (frame is None and self.graph is None):
            return [] if frame is None else [(frame, pts, duration)]
        if frame is not None:
            if not self.aligned:
                place = (pts - self.origin) / self.five % 1
                self.aligned = min(place, 1 - place) < Fraction(1, 2 * CYCLE)
            if not self.aligned:
                return []
            self.graph = self.graph or graph_of(frame, self.base, self.rate, self._filters())
            frame.pts, frame.time_base = pts, self.base
            self.waiting.append((pts, duration))
        return [self._timed(each) for each in through(self.graph, frame)]

    def _timed(self, frame: Any) -> tuple[Any, int, int]:
        place, self.given = self.given / FASTER[self.mode], self.given + 1
        while self.passed < int(place) and len(self.waiting) > 1:
            self.waiting.popleft()
            self.passed += 1
        pts, duration = self.waiting[0]
        following = self.waiting[1][0] if len(self.waiting) > 1 else pts + self.five // CYCLE
        return frame, pts + round((following - pts) * (place - self.passed)), duration if self.mode == "on" else 0

    def _filters(self) -> list[tuple[str, str | None]]:
        bwdif = f"parity={self.parity}"
        if self.mode == "on":
            return [("bwdif", f"mode=send_frame:{bwdif}:deint=all")]
        if self.mode == "bob":
            return [("bwdif", f"mode=send_field:{bwdif}:deint=all")]
        return [
            ("fieldmatch", f"order={self.parity}:combmatch=full"),
            ("bwdif", f"mode=send_frame:{bwdif}:deint=interlaced"),
            ("decimate", f"cycle={CYCLE}"),
        ]
