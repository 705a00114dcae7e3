"""MATLAB-equal bicubic reduction of a batch on any device (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acutance.degrade.contract import require
from acutance.degrade.reduce import reach, reduce_valid
from acutance.imaging.bicubic import taps


def kernel(factor: int) -> Tensor:
    """The interior weights of the antialiased cubic kernel, exact in float32 for 1, 2, 4, 8.

    4 x factor of them; for an odd factor one less, as both ends are 0.
    """
    index, weights = taps(16 * factor, 16, 1 / factor)
    dense = np.zeros(np.ptp(index[8]) + 1)
    dense[index[8] - index[8].min()] = weights[8]  # taps leaves out the zeros in between
    return torch.tensor(dense, dtype=torch.float32)


def margin(factor: int) -> int:
    """High-resolution pixels the kernel reaches beyond the block that a low-resolution pixel covers."""
    return reach(len(kernel(factor)), factor)


def downscale_valid(hr: Tensor, factor: int) -> Tensor:
    """Reduce ``hr`` and drop what would need pixels outside it.

    hr: ``(N, C, H + 2 m, W + 2 m)`` with whole 8-bit levels 0..255 as float and m = ``margin(factor)``;
    returns ``(N, C, H / factor, W / factor)`` in whole levels, rounded and clipped after each pass,
    rows first: for the interior of a picture exactly what MATLAB's imresize gives.
    """
    return reduce_valid(hr, kernel(factor), factor)


@dataclass(frozen=True, kw_only=True)
class Bicubic:
    """The low-resolution model of the field: MATLAB's bicubic ``imresize``, nothing random."""

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return margin(scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, self.margin(scale))
        return downscale_valid(hr, scale) / 255
