"""The ground a stylizer paints on: fixed grain, a function of place alone.

An even sky gives a convolution nothing to start a stroke from. Faint grain, the same for every tile that
sees a place, gives it something, and tiles still agree.
"""

from __future__ import annotations

import numpy as np

CELLS = (4, 1)  # pixels a side of a grain: strokes come from the first, the roughness of canvas from the second


def ground(top: int, left: int, height: int, width: int) -> np.ndarray:
    """Grain in [-1, 1] for the pixels from ``(top, left)`` on, float32 ``(height, width)``: the mean of two sizes of
    grain, each evenly distributed.

    >>> whole = ground(0, 0, 16, 16)
    >>> bool((whole[8:, 4:] == ground(8, 4, 8, 12)).all())
    True
    """
    large, small = (_grains(cell, top, left, height, width) for cell in CELLS)
    return (large + small) / np.float32(2)


def _grains(cell: int, top: int, left: int, height: int, width: int) -> np.ndarray:
    """One size: every grain is a hash of its place (the mixing steps of MurmurHash3)."""
    rows = np.arange(top // cell, (top + height - 1) // cell + 1, dtype=np.uint32)
    columns = np.arange(left // cell, (left + width - 1) // cell + 1, dtype=np.uint32)
    mixed = rows[:, None] * np.uint32(0x9E3779B1) ^ columns * np.uint32(0x85EBCA77)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    grains = ((mixed ^ (mixed >> np.uint32(16))) >> np.uint32(24)).astype(np.float32) / np.float32(127.5)
    pixels = (grains - np.float32(1)).repeat(cell, 0).repeat(cell, 1)
    return pixels[top % cell : top % cell + height, left % cell : left % cell + width]


def on_ground(tile: np.ndarray, top: int, left: int, levels: int, peak: float) -> np.ndarray:
    """``tile`` ``(h, w, C)`` from ``(top, left)`` of a picture, with grain of ``levels`` / 255 of ``peak`` added.

    >>> on_ground(np.full((1, 1, 3), 255, np.uint8), 0, 0, 8, 255).dtype
    dtype('uint8')
    """
    grain = ground(top, left, *tile.shape[:2])[:, :, None] * np.float32(levels / 255 * peak)
    if tile.dtype.kind != "u":
        return tile + grain
    return np.clip(tile + np.rint(grain), 0, peak).astype(tile.dtype)
