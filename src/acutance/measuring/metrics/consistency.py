"""Downscale consistency: does the result, reduced again, give back the picture it was made from?

PSNR in dB between the reduced result and the input, higher is better, infinite if they are equal; the reduction is
the field's, MATLAB's bicubic with rounding to 8 bit. A result under about 38 dB says something else than its input.
"""

from __future__ import annotations

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.bicubic import Border, downscale
from acutance.measuring.metrics.psnr import psnr


def consistency(result: np.ndarray, lr: np.ndarray, *, scale: int, border: Border = "symmetric") -> float:
    """In dB over all RGB samples, nothing cut off. 8-bit RGB: ``result`` ``(S H, S W, 3)``, ``lr`` ``(H, W, 3)``.

    ``border``: what the reduction finds beyond the edge.

    >>> lr = np.full((6, 8, 3), 100, np.uint8)
    >>> round(consistency(np.full((24, 32, 3), 101, np.uint8), lr, scale=4), 4)
    48.1308
    """
    if result.shape != (lr.shape[0] * scale, lr.shape[1] * scale, *lr.shape[2:]):
        raise BadInput(f"a result of shape {result.shape} is not {scale} times its input of shape {lr.shape}")
    return psnr(downscale(result, scale, border=border), lr)
