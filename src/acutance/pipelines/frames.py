"""Frames through a network: one unbroken stream of equal tiles over all frames, what repeats is run once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

import numpy as np

from acutance.engines import Engine
from acutance.errors import Interrupted
from acutance.imaging.tiling import Grid
from acutance.pipelines.assemble import Assembler
from acutance.pipelines.strips import Layout, from_network, to_network

T = TypeVar("T")


def enlarge_frames(
    frames: Iterable[np.ndarray],
    layout: Layout,
    grid: Grid,
    scale: int,
    engine: Engine,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[np.ndarray, None, None]:
    """Yield every frame enlarged: ``(H, W, 3)`` of the layout's depth to ``(s H, s W, 3)``.

    The engine never waits between two frames: the next one's first tiles run while the last ones of this are put
    together.
    """
    spare = (grid.padded_height - grid.height, grid.padded_width - grid.width)

    def tiles() -> Iterator[np.ndarray]:
        for frame in frames:
            padded = np.pad(frame, ((0, spare[0]), (0, spare[1]), (0, 0)), mode="edge") if any(spare) else frame
            for row, column in grid:
                if cancelled():
                    raise Interrupted("stopped")
                yield to_network(padded[row.start : row.stop, column.start : column.stop], layout)

    assembler, strips = Assembler(grid, scale, layout.bands, layout.depth), []
    for result in engine.stream(tiles()):
        strip = assembler.add(from_network(result, layout, grey=False))
        if strip is not None:
            strips.append(strip)
        if assembler.row == len(grid.rows):
            whole = strips[0] if len(strips) == 1 else np.concatenate(strips)
            assembler, strips = Assembler(grid, scale, layout.bands, layout.depth), []
            yield whole
            del whole


def once_each(
    frames: Iterable[tuple[T, np.ndarray]], run: Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]
) -> Generator[tuple[T, np.ndarray, bool], None, None]:
    """Run frames through ``run``, in order. A frame equal to the one before it gets that one's result again.
    Yields its label, the result, and whether it was run.
    """
    labels: deque[tuple[T, bool]] = deque()

    def different() -> Iterator[np.ndarray]:
        before: np.ndarray | None = None
        for label, frame in frames:
            new = before is None or not np.array_equal(frame, before)
            labels.append((label, new))
            if new:
                before = frame
                yield frame

    result: np.ndarray | None = None
    for following in run(different()):
        while result is not None and not labels[0][1]:
            yield labels.popleft()[0], result, False
        result = following
        yield labels.popleft()[0], result, True
    while labels:
        assert result is not None and not labels[0][1]
        yield labels.popleft()[0], result, False
