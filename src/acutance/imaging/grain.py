"""Less film grain in a single frame."""

from __future__ import annotations

import numpy as np

from acutance.imaging.boxes import box, grain_sigma

RADIUS = 2
FULL = 1.6  # times the measured grain that is taken away at strength 1: grain is coarser than white noise


def less_grain(rgb: np.ndarray, strength: float) -> np.ndarray:
    """``(H, W, 3)`` uint8 or uint16 with the grain lowered: 0 leaves it, 1 takes all that is taken for grain.

    A local Wiener filter (Lee 1980, eq. 10): where a neighbourhood varies no more than grain does it becomes its
    mean, where it varies more it is kept. Same type out.
    """
    if strength == 0:
        return rgb
    x = rgb.astype(np.float32)
    sigma = FULL * strength * grain_sigma(x @ np.array([0.299, 0.587, 0.114], np.float32))
    mean = box(x, RADIUS)
    variance = np.maximum(box(x * x, RADIUS) - mean * mean, 1e-6)
    gain = np.maximum(variance - sigma**2, 0) / variance
    result = mean + gain * (x - mean)
    return np.clip(np.rint(result), 0, np.iinfo(rgb.dtype).max).astype(rgb.dtype)
