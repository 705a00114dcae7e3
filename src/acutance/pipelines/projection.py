"""Back-projection inside the strips: what was read and what was made meet, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from acutance.engines import Engine
from acutance.imaging.backprojection import BackProjection
from acutance.imaging.tiling import Grid
from acutance.pipelines.strips import Layout, Rows, upscale_strips

BLOCK = 1 << 19  # samples of the result worked on at a time


def projected_strips(
    rows: Rows, layout: Layout, grid: Grid, scale: int, engine: Engine, iterations: int, **options: Any
) -> Iterator[np.ndarray]:
    """As ``upscale_strips``, the strips then back-projected ``iterations`` times (0: left as they are).

    It sees assembled rows of full width and carries rows over from strip to strip, so its own result does
    not depend on tiles or strips. Opacity is treated like colour.
    """
    if not iterations:
        yield from upscale_strips(rows, layout, grid, scale, engine, **options)
        return
    projection = BackProjection(grid.height, grid.width, scale, iterations)

    def overheard(first: int, last: int) -> np.ndarray:
        read = rows(first, last)
        projection.put_small(np.array(read))
        return read

    block = max(1, BLOCK // (grid.width * scale * layout.bands))
    for strip in upscale_strips(overheard, layout, grid, scale, engine, **options):
        for top in range(0, len(strip), block):
            ready = projection.put_large(strip[top : top + block])
            if len(ready):
                yield _to_depth(ready, layout)
        del strip


def _to_depth(samples: np.ndarray, layout: Layout) -> np.ndarray:
    """Rounded and clamped to an integer depth; of floating point only opacity is clamped."""
    if layout.depth != np.float32:
        return np.clip(np.rint(samples), 0, layout.peak).astype(layout.depth)
    if layout.opacity:
        samples[:, :, -1] = samples[:, :, -1].clip(0, 1)
    return samples
