"""A picture painted anew: strips from the network, mixed with the picture itself, their seams measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from acutance.engines import Engine
from acutance.imaging.seams import Seams
from acutance.imaging.tiling import Grid
from acutance.pipelines.strips import Layout, Rows, upscale_strips


class Painted:
    """The strips of a painted picture, to be gone through once: as ``upscale_strips`` at scale 1, of which
    ``strength`` (0 to 1) is kept and the rest is the picture itself. Opacity stays as it was. ``seams`` collects
    the seam ratio of the colours on the way; ``options`` go to ``upscale_strips``.
    """

    def __init__(
        self, rows: Rows, layout: Layout, grid: Grid, engine: Engine, strength: float, options: dict[str, Any]
    ) -> None:
        self.layout, self.strength, self.rows = layout, strength, rows
        self.seams = Seams((s.keep for s in grid.rows[1:]), (s.keep for s in grid.columns[1:]))
        self._opaque = layout.bands in (1, 3)
        self._own: deque[np.ndarray] = deque()  # rows read, until they are mixed in
        colours = layout if self._opaque else replace(layout, bands=layout.bands - 1)
        self._strips = upscale_strips(self._colours, colours, grid, 1, engine, **options)

    def _colours(self, first: int, last: int) -> np.ndarray:
        fresh = self.rows(first, last)
        if self._opaque and self.strength == 1:
            return fresh
        self._own.append(np.array(fresh))
        return fresh if self._opaque else fresh[:, :, :-1]

    def __iter__(self) -> Iterator[np.ndarray]:
        for strip in self._strips:
            self.seams.add(strip)
            if self._own:
                strip = self._mixed(strip)
            yield strip
            del strip  # or two would be in memory while the next is made

    def _mixed(self, painted: np.ndarray) -> np.ndarray:
        """The strip as it goes out: mixed with its own rows, which then are forgotten, and with their opacity."""
        result = np.empty((*painted.shape[:2], self.layout.bands), painted.dtype)
        bands, top = painted.shape[2], 0
        while top < len(painted):
            own = self._own.popleft()
            count = min(len(own), len(painted) - top)
            if count < len(own):
                self._own.appendleft(own[count:])
                own = own[:count]
            part = painted[top : top + count]
            if self.strength < 1:
                mixed = own[:, :, :bands] + (part - own[:, :, :bands].astype(np.float32)) * np.float32(self.strength)
                part = mixed if painted.dtype == np.float32 else np.rint(mixed)
            result[top : top + count, :, :bands] = part
            result[top : top + count, :, bands:] = own[:, :, bands:]
            top += count
        return result
