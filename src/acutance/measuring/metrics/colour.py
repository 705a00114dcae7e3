"""Colour drift: how far the mean colour of a result is from where it should be, in levels of 255; 0 is best.

A generator trained against a critic may tint a picture that is otherwise fine; no other measure here shows a tint as
small as one level. Half a level is our bar for a model we ship.
"""

from __future__ import annotations

import numpy as np

from acutance.errors import BadInput


def channel_drift(result: np.ndarray, reference: np.ndarray) -> tuple[float, ...]:
    """Mean of ``result`` less mean of ``reference``, for each channel of two pictures ``(H, W, C)`` of any size.

    >>> a = np.zeros((4, 4, 3), np.uint8)
    >>> channel_drift(a + np.array([1, 0, 3], np.uint8), a)
    (1.0, 0.0, 3.0)
    """
    if result.ndim != 3 or reference.ndim != 3 or result.shape[2] != reference.shape[2]:
        raise BadInput(f"colour drift compares two (H, W, C) pictures, got {result.shape} and {reference.shape}")
    means = (picture.mean((0, 1), dtype=np.float64) for picture in (result, reference))
    return tuple(float(difference) for difference in np.subtract(*means))


def colour(result: np.ndarray, reference: np.ndarray) -> float:
    """The largest drift of a channel, without its sign, in levels; lower is better, 0 to 255.

    ``reference``: the original, or the low-resolution input: bicubic reduction keeps the mean, to some hundredths
    of a level.

    >>> a = np.full((4, 4, 3), 9, np.uint8)
    >>> colour(a - np.array([1, 0, 3], np.uint8), a)
    3.0
    """
    return max(abs(difference) for difference in channel_drift(result, reference))
