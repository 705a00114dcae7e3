"""The second-order degradation of Real-ESRGAN (Wang et al. 2021, section 3 and published configuration).

Twice: blur, resize, noise, JPEG; the second JPEG comes before or after the last resize, which is
joined by a sinc filter that leaves ringing. Every sample draws its own numbers, sizes included.
Sizes are whole and given to the resize as such, so that the result stays aligned with the crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.degrade import noise, sharpen
from acutance.degrade.contract import on_grid, pick, require, trim, whole_multiple
from acutance.degrade.jpeg import draw_phase, jpeg
from acutance.degrade.kernels import Kernel, KernelLaw, Range, convolve, draw_kernel

METHODS = ("area", "bilinear", "bicubic")
BORDER = 8  # high-resolution pixels round the crop: what the blurs see beyond it; mirrored farther out (ours)


FIRST_KERNELS = KernelLaw()
SECOND_KERNELS = KernelLaw(sigma=(0.2, 1.5))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One blur, resize and noise; the defaults are the first stage of Real-ESRGAN."""

    blur: float = 1.0  #: probability
    kernel: KernelLaw = FIRST_KERNELS
    resize: tuple[float, float, float] = (0.2, 0.7, 0.1)  #: probabilities of enlarging, shrinking, keeping
    factor: Range = (0.15, 1.5)  #: smallest and largest, either side of 1
    gaussian: float = 0.5  #: probability of Gaussian noise; Poisson otherwise
    sigma: Range = (1.0, 30.0)  #: levels of 255
    poisson: Range = (0.05, 3.0)  #: times the shot noise of the picture
    grey: float = 0.4  #: probability that all channels share the noise


FIRST = Stage()
SECOND = Stage(
    blur=0.8,
    kernel=SECOND_KERNELS,
    resize=(0.3, 0.4, 0.3),
    factor=(0.3, 1.2),
    sigma=(1.0, 25.0),
    poisson=(0.05, 2.5),
)


@dataclass(frozen=True)
class StageDraw:
    """What one sample drew for one stage."""

    kernel: Kernel | None
    factor: float
    method: str  #: of the resize
    gaussian: bool
    strength: float  #: sigma in levels, or the factor of the shot noise
    grey: bool


@dataclass(frozen=True)
class Draw:
    """What one sample drew; only the fields of the noise are still to come from its generator."""

    first: StageDraw
    second: StageDraw
    quality: tuple[int, int]  #: of the two JPEG files
    phase: tuple[tuple[int, int], tuple[int, int]]  #: rows, columns: where their block grids lie
    sinc: Kernel | None
    method: str  #: of the last resize
    jpeg_last: bool


@dataclass(frozen=True, kw_only=True)
class RealESRGAN:
    """The degradation Real-ESRGAN trains with; every number is that of its configuration.

    With ``sharpen`` the low-resolution picture is made from the sharpened target, as published: the
    pixel and feature losses then compare with ``sharpen.unsharp`` of the same pixels, the
    discriminator with the plain ones.
    """

    first: Stage = FIRST
    second: Stage = SECOND  #: its factors are relative to the low resolution
    quality: tuple[int, int] = (30, 95)  #: of both JPEG files
    sinc: float = 0.8  #: probability of the last filter
    jpeg_last: float = 0.5  #: probability that the second JPEG comes after the last resize
    sharpen: bool = True

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return whole_multiple(BORDER, scale) + (sharpen.MARGIN if self.sharpen else 0)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, self.margin(scale))
        pairs = zip(hr.split(1), randoms, strict=True)  # one by one: their sizes differ on the way
        return torch.cat([self._degrade(picture, random, scale) for picture, random in pairs])

    def draw(self, random: np.random.Generator) -> Draw:
        """Draw everything but the noise fields for one sample."""
        low, high = self.quality
        return Draw(
            first=draw_stage(random, self.first),
            second=draw_stage(random, self.second),
            quality=(int(random.integers(low, high + 1)), int(random.integers(low, high + 1))),
            phase=(draw_phase(random), draw_phase(random)),
            sinc=draw_last_sinc(random, self.second.kernel.sizes) if random.random() < self.sinc else None,
            method=METHODS[int(random.integers(3))],
            jpeg_last=bool(random.random() < self.jpeg_last),
        )

    def _degrade(self, picture: Tensor, random: np.random.Generator, scale: int) -> Tensor:
        """One sample, ``(1, 3, H + 2 m, W + 2 m)`` to ``(1, 3, H / scale, W / scale)``."""
        draw, border = self.draw(random), whole_multiple(BORDER, scale)
        if self.sharpen:
            picture = trim(sharpen.unsharp(picture), sharpen.MARGIN)
        full = (picture.shape[-2], picture.shape[-1])
        low = (full[0] // scale, full[1] // scale)
        picture = stage(picture, random, draw.first, full)
        picture = jpeg(picture, [draw.quality[0]], draw.phase[0])
        picture = stage(picture, random, draw.second, low)
        if not draw.jpeg_last:
            picture = jpeg(picture, [draw.quality[1]], draw.phase[1])
        picture = resized(picture, low, draw.method)
        if draw.sinc:
            picture = convolve(picture, draw.sinc.weights())
        if draw.jpeg_last:
            picture = jpeg(picture, [draw.quality[1]], draw.phase[1])
        return on_grid(trim(picture, border // scale))


def draw_stage(random: np.random.Generator, law: Stage) -> StageDraw:
    """Draw one stage."""
    kernel = draw_kernel(random, law.kernel) if random.random() < law.blur else None
    way = pick(random, law.resize)
    factor = (random.uniform(1, law.factor[1]), random.uniform(law.factor[0], 1), 1.0)[way]
    method = METHODS[int(random.integers(3))]
    gaussian = bool(random.random() < law.gaussian)
    strength = random.uniform(*(law.sigma if gaussian else law.poisson))
    return StageDraw(kernel, factor, method, gaussian, strength, bool(random.random() < law.grey))


def draw_last_sinc(random: np.random.Generator, sizes: Sequence[int]) -> Kernel:
    """The filter of the last step: cutoff from pi / 3 whatever its size."""
    size = sizes[int(random.integers(len(sizes)))]
    return Kernel("sinc", size, cutoff=random.uniform(math.pi / 3, math.pi))


def stage(picture: Tensor, random: np.random.Generator, draw: StageDraw, base: tuple[int, int]) -> Tensor:
    """Blur, resize to ``draw.factor`` times ``base`` pixels, add noise: levels in, levels out."""
    if draw.kernel:
        picture = convolve(picture, draw.kernel.weights())
    height, width = (max(round(side * draw.factor), 1) for side in base)
    picture = resized(picture, (height, width), draw.method)
    add = noise.add_gaussian if draw.gaussian else noise.add_poisson
    return add(picture, random, draw.strength, draw.grey)


def resized(picture: Tensor, size: tuple[int, int], method: str) -> Tensor:
    """``picture`` at ``size`` rows and columns, not antialiased (except by ``area``), as published."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture, size=size, mode=method, align_corners=None if method == "area" else False)
