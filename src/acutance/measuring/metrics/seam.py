"""Seam ratio: how visible the borders of tiles are in a picture made tile by tile, or assembled from tiles.

Mean |difference| of neighbouring pixels across tile borders over that of other neighbours, both directions: 1
where a border looks like any other place, lower is better down to 1. No reference; the measure is ours, its arithmetic
in ``imaging.seams``. It is meant for style models. Borders are compared with neighbours at multiples of 8 alone:
JPEG blocks end there, and so do the patches of an enlarged picture.
"""

from __future__ import annotations

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.seams import seam_ratio

TILE = 64  # pixels: the tile of the siamese style recipe (Pasini 2019)


def seam(image: np.ndarray, *, tile: int = TILE) -> float:
    """The seam ratio of ``(H, W)`` or ``(H, W, C)`` for borders at the multiples of ``tile``, at any depth.

    Raises ``BadInput`` for a picture without a border: it has no seams to judge.

    >>> a = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    >>> round(seam(a), 1)
    1.0
    """
    if tile < 1 or max(image.shape[:2]) <= tile:
        raise BadInput(f"a {image.shape[1]}x{image.shape[0]} picture has no border of tiles of {tile} pixels")
    return seam_ratio(image, tile)
