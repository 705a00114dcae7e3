"""Sums and means over small squares, and how strong the grain of a picture is."""

from __future__ import annotations

import numpy as np


def box(plane: np.ndarray, radius: int) -> np.ndarray:
    """Mean over (2 ``radius`` + 1) squared samples of ``(H, W)`` or ``(H, W, C)``, edges repeated, float32.

    >>> box(np.eye(3, dtype=np.float32) * 9, 1)[1].tolist()
    [3.0, 3.0, 3.0]
    """
    result = plane.astype(np.float32)
    for axis in (0, 1):
        pad = [(radius + 1, radius) if a == axis else (0, 0) for a in range(result.ndim)]
        total = np.cumsum(np.pad(result, pad, mode="edge"), axis=axis, dtype=np.float64)
        length = result.shape[axis]
        high = np.take(total, np.arange(2 * radius + 1, 2 * radius + 1 + length), axis)
        low = np.take(total, np.arange(length), axis)
        result = ((high - low) / (2 * radius + 1)).astype(np.float32)
    return result


def grain_sigma(luma: np.ndarray) -> float:
    """Standard deviation of white noise in a picture ``(H, W)``, in its own levels.

    Second differences both ways cancel whatever is smooth (Immerkaer 1996, eq. 1-3); the median instead of the mean
    leaves edges out.

    >>> noise = np.random.default_rng(0).normal(100, 5, (200, 200))
    >>> round(grain_sigma(noise + np.arange(200)))
    5
    """
    x = luma.astype(np.float32)
    if min(x.shape) < 3:
        return 0.0
    across = x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return float(np.median(np.abs(both))) / (0.6745 * 6)
