"""Structural similarity (Wang et al. 2004), at most 1, higher is better."""

from __future__ import annotations

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.colour import luma
from acutance.measuring.metrics.psnr import crop_border

WINDOW = 11  # pixels; Gaussian of sigma 1.5 (Wang et al. 2004, sec. III-C)
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def gaussian_window() -> np.ndarray:
    """The 11 weights of the separable window, summing to 1.

    >>> round(float(gaussian_window()[5]), 6)
    0.266012
    """
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    return weights / weights.sum()


def _blur(image: np.ndarray) -> np.ndarray:
    weights = gaussian_window()
    for axis in (0, 1):
        length = image.shape[axis] - WINDOW + 1
        parts = (np.take(image, range(i, i + length), axis) * w for i, w in enumerate(weights))
        image = np.sum(np.stack(list(parts)), axis=0)
    return image


def ssim(a: np.ndarray, b: np.ndarray, *, border: int = 0, peak: float = 255.0) -> float:
    """Mean SSIM of two single-band pictures ``(H, W)``: 'valid' windows only, float64.

    >>> a = np.arange(400.0).reshape(20, 20)
    >>> ssim(a, a)
    1.0
    """
    if a.shape != b.shape or a.ndim != 2:
        raise BadInput(f"SSIM compares two (H, W) pictures of equal shape, got {a.shape} and {b.shape}")
    a, b = crop_border(a, border).astype(np.float64), crop_border(b, border).astype(np.float64)
    if min(a.shape) < WINDOW:
        raise BadInput(f"SSIM needs at least {WINDOW} pixels a side inside the border, got {a.shape}")
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(numerator / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def ssim_y(a: np.ndarray, b: np.ndarray, *, border: int = 4) -> float:
    """SSIM of luma of two 8-bit RGB pictures ``(H, W, 3)``: the ESRGAN tables' protocol. The SRGAN
    tables use another implementation (daala); do not compare with those."""
    return ssim(luma(a), luma(b), border=border)
