"""Networks that keep mean colours whatever they draw (ours).

What is trained to sharpen saturates, and what is trained against a critic wanders; either moves the mean of a region by
a level or so, and no loss for it gets that to nothing. Here the network's result, as it will be seen, is compared with
its input over squares of some fifty pixels and the difference taken away. No weights: those of the plain network fit.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from acutance.networks.compact import Compact, FoldedCompact

SIDE = 13  # input pixels, or folded ones: a square to compare; as its centre moves by one pixel, so does the square
LARGEST = 32 / 255  # a scratch or a speck that was removed counts no more than this


def keep_colours(drawn: Tensor, given: Tensor, fold: int = 1) -> Tensor:
    """``drawn`` ``(N, 3, scale H, scale W)`` with the mean colours of ``given`` ``(N, 3, H, W)``, both in [0, 1] and
    ``drawn`` unclamped; H and W multiples of ``fold``, the side of a pixel of the comparison."""
    cell = drawn.shape[-1] // given.shape[-1] * fold
    seen = F.avg_pool2d(drawn.clamp(0, 1), cell)
    moved = (seen - (F.avg_pool2d(given, fold) if fold > 1 else given)).clamp(-LARGEST, LARGEST)
    mean = F.avg_pool2d(moved, SIDE, stride=1, padding=SIDE // 2, count_include_pad=False)
    return drawn - F.interpolate(mean, scale_factor=float(cell), mode="nearest")


class SteadyCompact(Compact):
    """``Compact`` with the mean colours of its input."""

    def __init__(self, *, scale: int = 4, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__(scale=scale, channels=channels, convolutions=convolutions)
        self.halo += SIDE // 2

    def forward(self, x: Tensor) -> Tensor:
        return keep_colours(super().forward(x), x)


class SteadyFoldedCompact(FoldedCompact):
    """``FoldedCompact`` with the mean colours of its input."""

    def __init__(self, *, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__(channels=channels, convolutions=convolutions)
        self.halo += self.multiple * (SIDE // 2)

    def forward(self, x: Tensor) -> Tensor:
        return keep_colours(super().forward(x), x, fold=self.multiple)
