"""Structural similarity (Wang et al. 2004, sec. III): at most 1 (identical), higher is better.

SSIM = (2 m_a m_b + C1)(2 s_ab + C2) / ((m_a^2 + m_b^2 + C1)(s_a^2 + s_b^2 + C2)), mean over all windows;
m, s: means and (co)variances under a Gaussian window. C1 and C2 are above 0, so it is defined for constant
pictures too. The tables of SRGAN hold another one: see ``ssim_daala``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.colour import luma
from acutance.measuring.metrics.psnr import crop_border

WINDOW = 11  # pixels; Gaussian of sigma 1.5 (sec. III-C)
SIGMA = 1.5
K1, K2 = 0.01, 0.03
STRIP = 32  # rows measured at a time: what is in between stays in the processor's cache


def gaussian_window() -> np.ndarray:
    """The 11 weights of the separable window, summing to 1.

    >>> round(float(gaussian_window()[5]), 6)
    0.266012
    """
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    return weights / weights.sum()


def windowed(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Windowed sums of a, b, a^2, b^2 and ab, strip by strip: (first row, float64 ``(5, rows, columns)``).

    ``a``, ``b``: ``(H, W)``; ``weights``: of a symmetric separable window, odd in length. Only windows that
    lie inside the picture; memory is bounded by the strip.
    """
    reach = len(weights) - 1
    for top in range(0, a.shape[0] - reach, STRIP):
        x, y = (p[top : top + STRIP + reach].astype(np.float64) for p in (a, b))
        yield top, _blur(_blur(np.stack((x, y, x * x, y * y, x * y)), weights, 1), weights, 2)


def _blur(stack: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """Sums along one axis; the two samples at equal distance from the middle share one multiplication."""
    half = len(weights) // 2
    length = stack.shape[axis] - 2 * half

    def shifted(start: int) -> np.ndarray:
        return stack[:, start : start + length] if axis == 1 else stack[:, :, start : start + length]

    total = shifted(half) * weights[half]
    pair = np.empty_like(total)
    for near in range(half):
        np.add(shifted(near), shifted(2 * half - near), out=pair)
        pair *= weights[near]
        total += pair
    return total


def similarity(a: np.ndarray, b: np.ndarray, peak: float = 255.0) -> tuple[float, float]:
    """Mean SSIM, and the mean of its second factor alone (contrast and structure), of two ``(H, W)`` pictures."""
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    whole = structure = 0.0
    for _, (mean_a, mean_b, square_a, square_b, product) in windowed(a, b, gaussian_window()):
        both, squares = mean_a * mean_b, mean_a**2 + mean_b**2
        second = (2 * (product - both) + c2) / (square_a + square_b - squares + c2)
        structure += float(second.sum())
        second *= (2 * both + c1) / (squares + c1)
        whole += float(second.sum())
    windows = (a.shape[0] - WINDOW + 1) * (a.shape[1] - WINDOW + 1)
    return whole / windows, structure / windows


def inside(a: np.ndarray, b: np.ndarray, border: int, smallest: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Both ``(H, W)`` pictures without their border. Raises ``BadInput`` if they differ in shape or are too small."""
    if a.shape != b.shape or a.ndim != 2:
        raise BadInput(f"{name} compares two (H, W) pictures of equal shape, got {a.shape} and {b.shape}")
    a, b = crop_border(a, border), crop_border(b, border)
    if min(a.shape) < smallest:
        raise BadInput(
            f"{name} needs at least {smallest} pixels a side inside the border, got {a.shape[1]}x{a.shape[0]}"
        )
    return a, b


def ssim(a: np.ndarray, b: np.ndarray, *, border: int = 0, peak: float = 255.0) -> float:
    """Mean SSIM of two single-band pictures ``(H, W)`` in 0..``peak``: 'valid' windows only, float64.

    >>> a = np.arange(400.0).reshape(20, 20)
    >>> ssim(a, a)
    1.0
    """
    return similarity(*inside(a, b, border, WINDOW, "SSIM"), peak)[0]


def ssim_y(a: np.ndarray, b: np.ndarray, *, border: int = 4) -> float:
    """SSIM of luma of two 8-bit RGB pictures ``(H, W, 3)``: the protocol of the ESRGAN tables and of most others."""
    return ssim(luma(a), luma(b), border=border)
