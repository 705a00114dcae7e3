"""Peak signal-to-noise ratio, in dB, higher is better; infinite for identical pictures."""

from __future__ import annotations

import math

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.colour import luma


def crop_border(image: np.ndarray, border: int) -> np.ndarray:
    """Drop ``border`` pixels on every side.

    >>> crop_border(np.zeros((10, 12, 3)), 4).shape
    (2, 4, 3)
    """
    if min(image.shape[:2]) <= 2 * border:
        height, width = image.shape[:2]
        raise BadInput(f"a {width}x{height} picture has nothing left inside a border of {border} pixels")
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def psnr(a: np.ndarray, b: np.ndarray, *, border: int = 0, peak: float = 255.0) -> float:
    """10 log10(peak^2 / MSE) over all samples of two arrays of equal shape ``(H, W[, C])``.

    >>> a = np.zeros((8, 8, 3), np.uint8)
    >>> round(psnr(a, a + 1), 4), round(psnr(a, a + 10), 4), psnr(a, a)
    (48.1308, 28.1308, inf)
    """
    if a.shape != b.shape:
        raise BadInput(f"pictures of different shapes cannot be compared: {a.shape} and {b.shape}")
    difference = crop_border(a, border).astype(np.float64) - crop_border(b, border)
    error = float(np.mean(difference**2))
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)


def psnr_y(a: np.ndarray, b: np.ndarray, *, border: int = 4) -> float:
    """PSNR of luma of two 8-bit RGB pictures ``(H, W, 3)``: the protocol of SRGAN (Ledig 2017,
    sec. 3.1) and ESRGAN; ``border`` is the scale.

    >>> a = np.zeros((20, 20, 3), np.uint8)
    >>> round(psnr_y(a, a + 1), 4)
    49.4527
    """
    if a.shape != b.shape:
        raise BadInput(f"pictures of different shapes cannot be compared: {a.shape} and {b.shape}")
    return psnr(luma(a), luma(b), border=border)
