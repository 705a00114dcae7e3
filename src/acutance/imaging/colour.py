"""Colour arithmetic: the luma of the evaluation protocol."""

from __future__ import annotations

import numpy as np

Y_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255.0


def luma(rgb: np.ndarray) -> np.ndarray:
    """Y of ITU-R BT.601, studio range 16..235, from 8-bit RGB ``(H, W, 3)``, float64 unrounded.

    >>> [round(float(luma(np.array([[c]], np.uint8))[0, 0]), 3)
    ...  for c in ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255))]
    [16.0, 235.0, 81.481, 144.553, 40.966]
    """
    return 16.0 + rgb.astype(np.float64) @ Y_WEIGHTS
