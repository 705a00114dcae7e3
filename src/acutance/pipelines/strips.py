"""From rows of a picture to strips of the larger picture: cut tiles, run them, put them together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from acutance.engines import Engine
from acutance.errors import Interrupted
from acutance.files.spill import Room
from acutance.imaging.ground import on_ground
from acutance.imaging.tiling import Grid
from acutance.pipelines.assemble import Assembler

Rows = Callable[[int, int], np.ndarray]


def peak_of(depth: np.dtype, highest: float = 1.0) -> float:
    """The value of white in samples of ``depth``, whose highest is ``highest`` if floating point."""
    return max(1.0, highest) if depth == np.float32 else float(np.iinfo(depth).max)


@dataclass(frozen=True)
class Layout:
    """A picture's samples: ``bands`` 1 to 4 (even: the last is opacity, or a ``data_band``) of ``depth``.

    ``peak``: the value of white; integers have their type's, floating point 1 unless it goes beyond.
    """

    bands: int
    depth: np.dtype
    peak: float
    data_band: bool = False

    @property
    def opacity(self) -> bool:
        """Whether the last band is opacity."""
        return self.bands in (2, 4) and not self.data_band

    @property
    def deep(self) -> bool:
        """More than 8 bits, so processed as float32."""
        return self.depth != np.uint8


class Window:
    """The rows a row of tiles needs, padded right and below; rows are read once, in order."""

    def __init__(self, grid: Grid, rows: Rows) -> None:
        self.grid, self._rows = grid, rows
        self._top, self._kept = 0, np.empty(0)

    def cut(self, start: int, stop: int) -> np.ndarray:
        """Rows ``[start, stop)`` of the padded picture."""
        have = self._top + len(self._kept)
        need = min(stop, self.grid.height)
        if need > have:
            fresh = self._rows(have, need)
            spare = self.grid.padded_width - self.grid.width
            fresh = np.pad(fresh, ((0, 0), (0, spare), (0, 0)), mode="edge") if spare else fresh
            self._kept = np.concatenate([self._kept[start - self._top :], fresh]) if have > start else fresh
            self._top = min(start, have)
        cut = self._kept[start - self._top : stop - self._top]
        missing = stop - start - len(cut)
        return np.pad(cut, ((0, missing), (0, 0), (0, 0)), mode="edge") if missing else cut


def upscale_strips(
    rows: Rows,
    layout: Layout,
    grid: Grid,
    scale: int,
    engine: Engine,
    *,
    ground: int = 0,
    room: Room = np.empty,
    on_tile: Callable[[int], None] = lambda done: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[np.ndarray]:
    """Yield the strips of the enlarged picture, ``(rows, s width, bands)`` in the picture's depth.

    Every tile's colour goes through the network as RGB (grey as three equal bands); opacity goes
    through it as grey, unless it is the same all over the tile. ``ground``: levels of grain added to
    the colour first, see ``imaging.ground``. ``room`` makes the arrays for strips.
    """
    plans: deque[tuple[bool, np.ndarray | None]] = deque()

    def network_tiles() -> Iterator[np.ndarray]:
        window = Window(grid, rows)
        for row in grid.rows:
            strip = window.cut(row.start, row.stop)
            for column in grid.columns:
                if cancelled():
                    raise Interrupted("stopped")
                tile = strip[:, column.start : column.stop]
                opacity = tile[:, :, -1:] if layout.bands in (2, 4) else None  # or data: on a path of its own as well
                colour = tile[:, :, :-1] if opacity is not None else tile
                constant = opacity is not None and bool((opacity == opacity[0, 0]).all())
                plans.append((constant, opacity))
                if ground:
                    colour = on_ground(colour, row.start, column.start, ground, layout.peak)
                yield to_network(colour, layout)
                if opacity is not None and not constant:
                    yield to_network(opacity, opaque)

    # opacity is 1 at most, however bright the colours are
    opaque = replace(layout, peak=1.0) if layout.depth == np.float32 and layout.opacity else layout
    assembler = Assembler(grid, scale, layout.bands, layout.depth, room)
    results = engine.stream(network_tiles())
    for done in range(1, len(grid) + 1):
        first = next(results)
        constant, opacity = plans[0]
        tile = from_network(first, layout, grey=layout.bands <= 2)
        if opacity is not None:
            shape = (*tile.shape[:2], 1)
            tile = tile.copy()
            alpha = (
                np.full(shape, opacity[0, 0], layout.depth)
                if constant
                else from_network(next(results), opaque, grey=True, bounded=layout.opacity)
            )
            tile = np.concatenate([tile, alpha], axis=2)
        plans.popleft()
        strip = assembler.add(tile)
        on_tile(done)
        if strip is not None and len(strip):
            yield from assembler.parts(strip)
        del strip


def to_network(tile: np.ndarray, layout: Layout) -> np.ndarray:
    """uint8 ``(h, w, 3)``, or float32 ``(3, h, w)`` in [0, 1] for deeper pictures."""
    if tile.shape[2] == 1:
        tile = np.broadcast_to(tile, (*tile.shape[:2], 3))
    if not layout.deep:
        return tile
    return tile.transpose(2, 0, 1).astype(np.float32) / np.float32(layout.peak)


def from_network(result: np.ndarray, layout: Layout, *, grey: bool, bounded: bool = False) -> np.ndarray:
    """Back to ``(h, w, 1 or 3)`` in the picture's depth; grey is the mean of three equal bands.
    ``bounded``: floating point stays within black and white too."""
    if not layout.deep:
        if not grey:
            return result
        return np.rint(result.mean(axis=2, dtype=np.float32, keepdims=True)).astype(np.uint8)
    samples = result.transpose(1, 2, 0)
    if grey:
        samples = samples.mean(axis=2, keepdims=True)
    if layout.depth == np.float32:
        return (samples.clip(0, 1) if bounded else samples) * np.float32(layout.peak)
    return np.clip(np.rint(samples * layout.peak), 0, layout.peak).astype(layout.depth)
