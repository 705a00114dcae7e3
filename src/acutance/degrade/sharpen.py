"""Unsharp masking of training targets, as Real-ESRGAN does it (section 4.1) (torch)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from acutance.imaging.bicubic import cubic

MARGIN = 8  # pixels around a crop that its border needs to be sharpened like the rest: one sigma (ours)
STEP = 4  # pixels between the samples at which the wide blur is computed


def unsharp(picture: Tensor, *, weight: float = 0.5, size: int = 51, threshold: float = 10.0) -> Tensor:
    """Sharpen edges and leave flat parts, with their noise, alone.

    picture: ``(N, 3, H, W)`` levels 0..255; the same shape comes back, unrounded. ``weight`` of the
    residual against a Gaussian blur of ``size`` taps is added where that residual exceeds
    ``threshold`` levels; the mask of these places is blurred by the same Gaussian.
    """
    residual = picture - blur(picture, size)
    mask = blur((residual.abs() > threshold).to(picture.dtype), size)
    sharp = torch.add(picture, residual, alpha=weight).clamp_(0, 255)
    return torch.lerp(picture, sharp, mask)


def blur(picture: Tensor, size: int) -> Tensor:
    """Gaussian blur of ``(N, C, H, W)`` over ``size`` taps, mirrored at the border.

    Computed at every fourth pixel and interpolated: for the width of the sharpening mask within
    0.5 levels (0.03 in the mean) of the full sum, at a quarter of its cost.
    """
    (down_y, up_y), (down_x, up_x) = (matrices(side, size, picture.device) for side in picture.shape[-2:])
    small = down_y @ (picture @ down_x.T)
    return up_y @ (small @ up_x.T)


@lru_cache(maxsize=32)
def matrices(side: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Blur-and-sample ``(n, side)`` and interpolate ``(side, n)``, float32.

    sigma follows the taps as in OpenCV: 0.3 ((size - 1) / 2 - 1) + 0.8, that is 8 pixels for 51 taps.
    """
    radius = size // 2
    sigma = 0.3 * (radius - 1) + 0.8
    offsets = np.arange(-radius, radius + 1)
    taps = np.exp(-0.5 * (offsets / sigma) ** 2)
    centres = np.arange(-STEP, side + 2 * STEP, STEP)
    period = max(2 * (side - 1), 1)
    index = np.abs(centres[:, None] + offsets) % period
    down = np.zeros((len(centres), side))
    np.add.at(down, (np.arange(len(centres))[:, None], np.minimum(index, period - index)), taps / taps.sum())
    up = cubic((np.arange(side)[:, None] - centres) / STEP)
    return torch.from_numpy(down).float().to(device), torch.from_numpy(up).float().to(device)
