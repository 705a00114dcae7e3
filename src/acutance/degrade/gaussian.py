"""Gaussian filter, then subsampling: how the text of the SRGAN paper makes its small pictures (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acutance.degrade.contract import on_grid, require
from acutance.degrade.reduce import reach, reduce_valid


@dataclass(frozen=True, kw_only=True)
class GaussianDown:
    """A Gaussian filter followed by subsampling (SRGAN, section 2; the paper gives no numbers).

    The filter is centred on the block that a low-resolution pixel covers, so that the result is
    aligned with the crop; where the scale is even the centre lies between pixels and one weight more
    is used. Rounded to 8 bit once, at the end.
    """

    sigma: float = 1.6  #: high-resolution pixels; ours
    taps: int = 13  #: support in high-resolution pixels, odd; ours

    def weights(self, scale: int) -> Tensor:
        """The filter along one axis, float32, summing to 1."""
        count = max(self.taps, scale)
        count += (count - scale) % 2
        distance = torch.arange(count, dtype=torch.float64) - (count - 1) / 2
        weights = torch.exp(-0.5 * (distance / self.sigma) ** 2)
        return (weights / weights.sum()).float()

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return reach(len(self.weights(scale)), scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, self.margin(scale))
        return on_grid(reduce_valid(hr, self.weights(scale), scale, rounded=False))
