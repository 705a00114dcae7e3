"""MATLAB-equal bicubic reduction of a batch on any device (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.imaging.bicubic import taps


def kernel(factor: int) -> Tensor:
    """The 4 x factor interior weights of the antialiased cubic kernel, exact in float32 for 2, 4, 8."""
    _, weights = taps(16 * factor, 16, 1 / factor)
    return torch.tensor(weights[8], dtype=torch.float32)


def margin(factor: int) -> int:
    """High-resolution pixels the kernel reaches beyond the block that a low-resolution pixel covers."""
    return (4 * factor - factor + 1) // 2


def downscale_valid(hr: Tensor, factor: int) -> Tensor:
    """Reduce ``hr`` and drop what would need pixels outside it.

    hr: ``(N, C, H + 2 m, W + 2 m)`` with whole 8-bit levels 0..255 as float and m = ``margin(factor)``;
    returns ``(N, C, H / factor, W / factor)`` in whole levels, rounded and clipped after each pass,
    rows first: for the interior of a picture exactly what MATLAB's imresize gives.
    """
    channels, weights = hr.shape[1], kernel(factor).to(hr.device)
    for shape, stride in (((-1, 1), (factor, 1)), ((1, -1), (1, factor))):
        filters = weights.view(1, 1, *shape).expand(channels, 1, *weights.view(shape).shape)
        hr = F.conv2d(hr, filters, stride=stride, groups=channels)
        hr = torch.floor(hr + 0.5).clamp_(0, 255)
    return hr


@dataclass(frozen=True, kw_only=True)
class Bicubic:
    """The MATLAB-equal reduction of SRGAN's and ESRGAN's experiments, as a degradation."""

    def margin(self, scale: int) -> int:
        """See ``Degradation``."""
        return margin(scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """See ``Degradation``."""
        return downscale_valid(hr, scale) / 255
