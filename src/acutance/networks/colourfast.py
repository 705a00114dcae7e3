"""Networks that keep mean colours whatever they draw (ours).

What is trained to sharpen saturates, and what is trained against a critic wanders; either moves the mean of a region by
a level or so, and no loss for it gets that to nothing. Here the network's result, as it will be seen, is compared with
its input over squares of 52 output pixels and the difference taken away, all before pixels are shuffled to their
places. No weights: those of the plain network fit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.networks.compact import Compact, FoldedCompact

SIDE = 13  # of a square, in input pixels or folded ones; odd, so that it has a pixel in its middle
LARGEST = 32 / 255  # a scratch or a speck that was removed counts no more than this


def _kept(residual: Tensor, cell: int, given: Tensor, fold: int) -> Tensor:
    """``residual`` ``(N, 3 cell^2, H, W)`` on top of ``given`` ``(N, 3 fold^2, H, W)``, with its mean colours: pictures
    in [0, 1] as pixel-unshuffle folds them."""
    under = _nearest(given, cell, fold)
    seen = torch.maximum(torch.minimum(residual, 1 - under), -under)  # what white and black leave of it; small numbers
    mean = torch.eye(3, device=given.device).repeat_interleave(cell**2, 1) / cell**2
    moved = F.conv2d(seen, mean[..., None, None]).clamp(-LARGEST, LARGEST)
    rows = F.avg_pool2d(moved, (SIDE, 1), 1, (SIDE // 2, 0), count_include_pad=False)
    drift = F.avg_pool2d(rows, (1, SIDE), 1, (0, SIDE // 2), count_include_pad=False)
    return residual + under - _nearest(drift, cell, 1)


def _nearest(folded: Tensor, cell: int, fold: int) -> Tensor:
    """A picture of ``fold H`` x ``fold W``, folded to ``(N, 3 fold^2, H, W)``, enlarged by nearest to ``cell H`` x
    ``cell W`` and folded: ``(N, 3 cell^2, H, W)``."""
    rows = [y * fold // cell for y in range(cell)]
    return folded[:, [(colour * fold + y) * fold + x for colour in range(3) for y in rows for x in rows]]


class ColourfastCompact(Compact):
    """``Compact`` with the mean colours of its input."""

    def __init__(self, *, scale: int = 4, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__(scale=scale, channels=channels, convolutions=convolutions)
        self.halo += SIDE // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(_kept(self.body(x).float(), self.scale, x, 1), self.scale)


class ColourfastFoldedCompact(FoldedCompact):
    """``FoldedCompact`` with the mean colours of its input."""

    def __init__(self, *, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__(channels=channels, convolutions=convolutions)
        self.halo += self.multiple * (SIDE // 2)

    def forward(self, x: Tensor) -> Tensor:
        folded = F.pixel_unshuffle(x, 2)
        return F.pixel_shuffle(_kept(self.body(folded).float(), 4, folded, 2), 4)
