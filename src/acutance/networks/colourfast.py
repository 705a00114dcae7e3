"""Networks that keep mean colours whatever they draw (ours).

What is trained to sharpen saturates, and what is trained against a critic wanders; either moves the mean of a region by
a level or so, and no loss for it gets that to nothing. Here the network's result, as it will be seen, is compared with
its input over squares of 13 input pixels (of a network that folds them: folded ones) and the difference taken away. No
weights: those of the plain network fit. The compact ones do it before pixels are shuffled to their places, which costs
them next to nothing.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.networks.compact import Compact, FoldedCompact
from acutance.networks.ranges import as_output, from_input, from_output
from acutance.networks.span import Span

SIDE = 13  # of a square, in input pixels or folded ones; odd, so that it has a pixel in its middle
LARGEST = 32 / 255  # a scratch or a speck that was removed counts no more than this


def _kept(residual: Tensor, cell: int, given: Tensor, fold: int) -> Tensor:
    """``residual`` ``(N, 3 cell^2, H, W)`` on top of ``given`` ``(N, 3 fold^2, H, W)``, with its mean colours: pictures
    in [0, 1] as pixel-unshuffle folds them."""
    under = _nearest(given, cell, fold)
    return residual + under - _folded_drift(_seen(residual, under), cell)


def _folded_drift(moved: Tensor, cell: int) -> Tensor:
    """What to take away everywhere; ``moved``: how far the result as it is seen lies from its input, both folded."""
    mean = torch.eye(3, device=moved.device).repeat_interleave(cell**2, 1) / cell**2
    return _nearest(_drift(F.conv2d(moved, mean[..., None, None])), cell, 1)


def _seen(residual: Tensor, under: Tensor) -> Tensor:
    """What white and black leave of it; small numbers."""
    return torch.maximum(torch.minimum(residual, 1 - under), -under)


def _drift(moved: Tensor) -> Tensor:
    """The mean of ``moved`` over the square around every pixel."""
    rows = F.avg_pool2d(moved.clamp(-LARGEST, LARGEST), (SIDE, 1), 1, (SIDE // 2, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, SIDE), 1, (0, SIDE // 2), count_include_pad=False)


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


class ColourfastSpan(Span):
    """``Span`` with the mean colours of its input."""

    def __init__(self, *, scale: int = 4, channels: int = 48, blocks: int = 6) -> None:
        super().__init__(scale=scale, channels=channels, blocks=blocks)
        self.halo += SIDE // 2

    def forward(self, x: Tensor) -> Tensor:
        drawn = self.folded(x)
        drawn = F.prelu(drawn, drawn.new_ones(1))  # changes nothing, but OpenVINO in bf16 writes it as fp32
        under = _nearest(x, self.scale, 1)
        return F.pixel_shuffle(drawn - _folded_drift(_seen(drawn - under, under), self.scale), self.scale)


def colourfast(plain: Any) -> type[nn.Module]:
    """The generator class ``plain``, of any scale and value range, with the mean colours of its input: same arguments,
    same weights, a ``halo`` of six more."""

    class Colourfast(plain):
        @functools.wraps(plain.__init__)
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments)
            if self.halo is not None:  # which stands for the whole picture
                self.halo += SIDE // 2

        def forward(self, x: Tensor) -> Tensor:
            under = _enlarged(from_input(self, x), self.scale)
            drawn = from_output(self, super().forward(x)).float()
            drawn = F.prelu(drawn, drawn.new_ones(1))  # changes nothing, but OpenVINO in bf16 writes it as fp32
            drift = _drift(F.avg_pool2d(_seen(drawn - under, under), self.scale))
            return as_output(self, drawn - _enlarged(drift, self.scale))

    Colourfast.__name__ = Colourfast.__qualname__ = f"Colourfast{plain.__name__}"
    Colourfast.__doc__ = f"``{plain.__name__}`` with the mean colours of its input."
    return Colourfast


def _enlarged(x: Tensor, scale: int) -> Tensor:
    return F.pixel_shuffle(_nearest(x, scale, 1), scale)
