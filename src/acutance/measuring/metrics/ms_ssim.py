"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003): 0 to 1 (identical), higher is better.

MS-SSIM = l_5^w5 product over five scales j of cs_j^wj: the contrast-and-structure factor of SSIM at every scale, its
luminance factor at the coarsest alone (eq. 7); between scales the mean of 2x2 pixels. An odd last row or column is
repeated, as in the authors' code. A negative mean, for which the power is not defined, counts as 0.
"""

from __future__ import annotations

import numpy as np

from acutance.imaging.colour import luma
from acutance.measuring.metrics.ssim import WINDOW, inside, similarity

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # sec. 3.2, finest first
SMALLEST = WINDOW * 2 ** (len(WEIGHTS) - 1)  # 176 pixels: one window at the coarsest scale


def halve(image: np.ndarray) -> np.ndarray:
    """The mean of every 2x2 pixels of ``(H, W)``; an odd last row or column is repeated.

    >>> halve(np.array([[1.0, 3.0, 5.0], [1.0, 3.0, 7.0]])).tolist()
    [[2.0, 6.0]]
    """
    height, width = image.shape
    image = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge").astype(np.float64)
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4


def ms_ssim(a: np.ndarray, b: np.ndarray, *, border: int = 0, peak: float = 255.0) -> float:
    """MS-SSIM of two single-band pictures ``(H, W)`` in 0..``peak``, at least 176 pixels a side inside the border.

    Raises ``BadInput`` for smaller ones: fewer scales would be another measure.

    >>> a = np.arange(176.0 * 180).reshape(176, 180) % 256
    >>> ms_ssim(a, a)
    1.0
    """
    a, b = inside(a, b, border, SMALLEST, "MS-SSIM")
    result = 1.0
    for scale, weight in enumerate(WEIGHTS, 1):
        whole, structure = similarity(a, b, peak)
        result *= max(whole if scale == len(WEIGHTS) else structure, 0.0) ** weight
        a, b = halve(a), halve(b)
    return result


def ms_ssim_y(a: np.ndarray, b: np.ndarray, *, border: int = 4) -> float:
    """MS-SSIM of luma of two 8-bit RGB pictures ``(H, W, 3)``."""
    return ms_ssim(luma(a), luma(b), border=border)
