"""Sensor noise: Gaussian and Poisson, in colour or grey (Real-ESRGAN, section 3.2) (torch).

The random field is drawn on the CPU, without looking at the picture; only arithmetic runs on the
picture's device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601


def normal_field(random: np.random.Generator, picture: Tensor, grey: bool) -> Tensor:
    """Standard normal noise ``(1, 3 or 1, H, W)`` for ``picture`` ``(1, 3, H, W)``, on its device."""
    field = random.standard_normal((1, 1 if grey else 3, *picture.shape[-2:]), dtype=np.float32)
    return torch.from_numpy(field).to(picture.device)


def grey_of(picture: Tensor) -> Tensor:
    """Luma ``(N, 1, H, W)`` of RGB ``(N, 3, H, W)``, same range.

    >>> grey_of(torch.full((1, 3, 1, 1), 100.0)).item()
    100.0
    """
    red, green, blue = (picture[:, i : i + 1] * weight for i, weight in enumerate(GREY_WEIGHTS))
    return red + green + blue


def add_gaussian(picture: Tensor, random: np.random.Generator, sigma: float, grey: bool) -> Tensor:
    """Add noise of ``sigma`` levels to ``(1, 3, H, W)`` levels, clipped to 0..255."""
    return torch.add(picture, normal_field(random, picture, grey), alpha=sigma).clamp_(0, 255)


def add_poisson(picture: Tensor, random: np.random.Generator, strength: float, grey: bool) -> Tensor:
    """Add shot noise, ``strength`` times as strong as counting photons makes it, clipped to 0..255.

    picture: ``(1, 3, H, W)`` levels. The brightest level counts as many photons as the picture has
    distinct levels, rounded up to a power of two, as in the published code. A count of mean m is
    made from a normal number z by the Cornish-Fisher expansion m + sqrt(m) z + (z^2 - 1) / 6, which
    has the mean, variance and skew of Poisson's distribution, so that the field does not depend on
    the picture.
    """
    z = normal_field(random, picture, grey)
    levels = picture.round().clamp_(0, 255)
    levels = grey_of(levels).round_() if grey else levels
    used = torch.zeros(256, device=picture.device).index_fill_(0, levels.flatten().long(), 1.0).sum()
    photons = 2 ** (used.log2() - 1e-4).ceil()  # a power of two stays itself however it was rounded
    mean = levels * (photons / 255)
    count = (mean + mean.sqrt() * z + (z * z - 1) / 6 * mean.clamp(max=1)).round_().clamp_(min=0)
    return torch.add(picture, (count - mean) * (255 / photons), alpha=strength).clamp_(0, 255)
