"""Fields: whether a film is interlaced, and the filter that makes whole frames of it."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

from acutance.files.pyav import FAULTS, av, open_film

PLACES = (0.0, 0.25, 0.5, 0.75)  # of the film, looked at
LOOK = 24  # frames at each place
SURE = 2  # times as many frames of one kind as of the other; film carried to 30 frames a second has two in five combed
HIGHEST = 1088  # lines; no standard weaves fields into more
LEAD = 2  # frames before the first one wanted that bwdif must have seen


def is_interlaced(path: Path, index: int, duration: float) -> bool:
    """Whether a film's frames are woven of two fields taken at different times.

    Looks for combed lines (libavfilter's idet) at four places; where the pictures do not move enough to
    tell, the film's own flag decides.
    """
    kinds: Counter[str] = Counter()
    flagged = seen = 0
    with open_film(path) as container:
        stream = container.streams[index]
        if stream.height > HIGHEST:
            return False
        start = stream.start_time or 0  # clocks need not begin at 0
        stream.thread_type = "AUTO"
        for place in PLACES if duration > 4 * LOOK / 24 else PLACES[:1]:
            graph = None
            try:
                if place:
                    container.seek(start + int(place * duration / stream.time_base), stream=stream)
                for number, frame in enumerate(container.decode(stream)):
                    graph = graph or _graph(stream, frame, "idet")
                    flagged, seen = flagged + bool(frame.interlaced_frame), seen + 1
                    for judged in _through(graph, frame):
                        kinds[judged.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
                    if number + 1 == LOOK:
                        break
            except FAULTS:
                continue
    combed, whole = max(kinds["tff"], kinds["bff"]), kinds["progressive"]
    if combed + whole >= LOOK // 2 and max(combed, whole) > SURE * min(combed, whole):
        return combed > whole
    return flagged * 2 > seen


class Deinterlacer:
    """Frames in, as many whole frames out (bwdif): each keeps the time of its first field."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._graph = stream, None

    def __call__(self, frame: Any | None) -> list[Any]:
        """What is ready after ``frame``, or after the last one (``None``); one frame late."""
        if self._graph is None:
            if frame is None:
                return []
            self._graph = _graph(self._stream, frame, "bwdif", "mode=send_frame:parity=auto:deint=all")
        return _through(self._graph, frame)


def _through(graph: Any, frame: Any | None) -> list[Any]:
    """What comes out of ``graph`` after ``frame``, or after the last one (``None``): often nothing at first."""
    graph.push(frame)
    ready = []
    while True:
        try:
            ready.append(graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return ready


def _graph(stream: Any, frame: Any, name: str, options: str | None = None) -> Any:
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base or Fraction(1, 1000)
    )
    graph.link_nodes(source, graph.add(name, options), graph.add("buffersink")).configure()
    return graph
