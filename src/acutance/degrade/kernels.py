"""The blur kernels of Real-ESRGAN: drawing (numpy), building (numpy) and applying them (torch).

Wang et al., "Real-ESRGAN", 2021, sections 3.1 (Gaussian families) and 3.4 (sinc); numbers from its
published configuration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.degrade.contract import pick

Range = tuple[float, float]
Family = Literal["gaussian", "generalised", "plateau", "sinc"]
FAMILIES: tuple[Family, ...] = ("gaussian", "generalised", "plateau")
LARGEST = 21  # pixels: the side every kernel can be padded to


@dataclass(frozen=True, kw_only=True)
class KernelLaw:
    """How a kernel is drawn; the defaults are the first stage of Real-ESRGAN."""

    sizes: tuple[int, ...] = (7, 9, 11, 13, 15, 17, 19, 21)  #: pixels, equally likely
    sinc: float = 0.1  #: probability of a circular low-pass instead of a Gaussian family
    #: isotropic and anisotropic Gaussian, the same two generalised, the same two with a plateau
    shapes: tuple[float, float, float, float, float, float] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
    sigma: Range = (0.2, 3.0)  #: pixels, both axes
    generalised: Range = (0.5, 4.0)  #: exponent beta; half of the draws lie below 1
    plateau: Range = (1.0, 2.0)  #: exponent beta, likewise


@dataclass(frozen=True)
class Kernel:
    """One drawn kernel: ``size`` pixels; the rest as its family needs it."""

    family: Family
    size: int
    sigma: tuple[float, float] = (1.0, 1.0)  #: along x and y before the rotation, pixels
    rotation: float = 0.0  #: radians
    beta: float = 1.0
    cutoff: float = math.pi  #: sinc: radians per pixel

    def weights(self) -> np.ndarray:
        """The kernel, float32 ``(size, size)``, summing to 1."""
        if self.family == "sinc":
            return sinc(self.size, self.cutoff)
        return bell(self.family, self.size, self.sigma, self.rotation, self.beta)


def draw_kernel(random: np.random.Generator, law: KernelLaw) -> Kernel:
    """Draw a kernel's parameters."""
    size = law.sizes[int(random.integers(len(law.sizes)))]
    if random.random() < law.sinc:
        return draw_sinc(random, size)
    shape = pick(random, law.shapes)
    isotropic, family = shape % 2 == 0, FAMILIES[shape // 2]
    across = random.uniform(*law.sigma)
    along = across if isotropic else random.uniform(*law.sigma)
    rotation = 0.0 if isotropic else random.uniform(-math.pi, math.pi)
    beta = 1.0
    if family != "gaussian":
        low, high = law.generalised if family == "generalised" else law.plateau
        beta = random.uniform(low, 1.0) if random.random() < 0.5 else random.uniform(1.0, high)
    return Kernel(family, size, (across, along), rotation, beta)


def draw_sinc(random: np.random.Generator, size: int) -> Kernel:
    """Draw a circular low-pass of ``size`` pixels; a small one cannot hold a low cutoff."""
    lowest = math.pi / 3 if size < 13 else math.pi / 5
    return Kernel("sinc", size, cutoff=random.uniform(lowest, math.pi))


def bell(family: Family, size: int, sigma: tuple[float, float], rotation: float = 0.0, beta: float = 1.0) -> np.ndarray:
    """A Gaussian, generalised Gaussian or plateau kernel, float32 ``(size, size)``, summing to 1.

    With q the squared distance in units of sigma (after the rotation): exp(-q / 2), exp(-q^beta / 2)
    and 1 / (1 + q^beta) (Real-ESRGAN, section 3.1).

    >>> (bell("gaussian", 3, (0.5, 0.5)) * 100).round().tolist()
    [[1.0, 8.0, 1.0], [8.0, 62.0, 8.0], [1.0, 8.0, 1.0]]
    """
    axis = np.arange(size) - (size - 1) / 2
    x, y = axis[None, :], axis[:, None]
    cosine, sine = math.cos(rotation), math.sin(rotation)
    q = ((cosine * x + sine * y) / sigma[0]) ** 2 + ((cosine * y - sine * x) / sigma[1]) ** 2
    weights = 1 / (1 + q**beta) if family == "plateau" else np.exp(-0.5 * q**beta)
    return (weights / weights.sum()).astype(np.float32)


def sinc(size: int, cutoff: float) -> np.ndarray:
    """The circular low-pass of Real-ESRGAN (eq. 6), float32 ``(size, size)``, summing to 1.

    Before the normalisation: cutoff J1(cutoff r) / (2 pi r), and cutoff^2 / 4 pi in the centre;
    ``cutoff`` in radians per pixel, at most pi. ``size`` is odd.
    """
    weights = ring(size, cutoff)
    return (weights / weights.sum()).astype(np.float32)


def ring(size: int, cutoff: float) -> np.ndarray:
    """``sinc`` before its normalisation, float64.

    >>> bool(abs(ring(7, 2.0)[3, 3] - 2.0**2 / (4 * math.pi)) < 1e-12)
    True
    """
    axis = np.arange(size) - (size - 1) / 2
    radius = np.hypot(axis[None, :], axis[:, None])
    radius[size // 2, size // 2] = 1.0
    bessel = torch.special.bessel_j1(torch.from_numpy(cutoff * radius)).numpy()
    weights = cutoff * bessel / (2 * math.pi * radius)
    weights[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return weights


def pad(weights: np.ndarray, size: int = LARGEST) -> np.ndarray:
    """The kernel in the middle of ``(size, size)`` zeros: the same filter, the form others exchange.

    >>> pad(np.ones((1, 1)), 3).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return np.pad(weights, (size - len(weights)) // 2)


@lru_cache(maxsize=1024)
def fast_length(length: int) -> int:
    """The next even length whose Fourier transform is fast: no prime factor above 5.

    >>> fast_length(166), fast_length(128)
    (180, 128)
    """
    length += length % 2
    rest = length
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    return length if rest == 1 else fast_length(length + 2)


def convolve(picture: Tensor, weights: np.ndarray) -> Tensor:
    """Filter ``picture`` ``(N, C, H, W)`` with one odd kernel; the border is mirrored, the size kept.

    By Fourier transform: at these kernel sizes several times cheaper than sums of products.
    """
    radius = len(weights) // 2
    height, width = picture.shape[-2:]
    mode = "reflect" if radius < min(height, width) else "replicate"
    wide = F.pad(picture, (radius,) * 4, mode=mode)
    sides = (fast_length(wide.shape[-2]), fast_length(wide.shape[-1]))
    response = torch.fft.rfft2(torch.from_numpy(weights).to(picture), s=sides)
    filtered = torch.fft.irfft2(torch.fft.rfft2(wide, s=sides) * response, s=sides)
    return filtered[..., 2 * radius : 2 * radius + height, 2 * radius : 2 * radius + width]
