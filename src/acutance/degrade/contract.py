"""What every degradation promises, and the small steps that all of them share (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from acutance.errors import UsageError


class Degradation(Protocol):
    """Makes low-resolution pictures from good ones.

    Every random number is drawn on the CPU from the sample's own generator, in an order that only
    the sample decides; a sample is therefore the same in any batch, and on any device within
    rounding.
    """

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        ...

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Degrade ``hr`` and reduce it by ``scale``.

        hr: ``(N, 3, H + 2 m, W + 2 m)`` with m = ``margin(scale)``, whole 8-bit levels 0..255 as
        float32; randoms: one generator for each of the N samples. Returns ``(N, 3, H / scale,
        W / scale)`` float32 in [0, 1] on the 8-bit grid, geometrically aligned with the crop.
        """
        ...


def require(hr: Tensor, randoms: Sequence[np.random.Generator], scale: int, margin: int) -> None:
    """UsageError unless ``hr`` ``(N, 3, H + 2 margin, W + 2 margin)`` can be reduced by ``scale``."""
    height, width = (side - 2 * margin for side in hr.shape[-2:])
    if hr.ndim != 4 or hr.shape[1] != 3 or len(hr) != len(randoms):
        raise UsageError(f"degrading {tuple(hr.shape)} with {len(randoms)} generators: need (N, 3, H, W) and N of them")
    if scale < 1 or min(height, width) < scale or height % scale or width % scale:
        raise UsageError(f"a crop of {width} x {height} is not a whole multiple of the scale {scale}")


def trim(picture: Tensor, border: int) -> Tensor:
    """``picture`` ``(..., H, W)`` without ``border`` pixels on every side.

    >>> import torch
    >>> trim(torch.arange(9).view(3, 3), 1).tolist(), trim(torch.ones(2, 3), 0).shape
    ([[4]], torch.Size([2, 3]))
    """
    height, width = picture.shape[-2:]
    return picture[..., border : height - border, border : width - border]


def whole_multiple(pixels: int, scale: int) -> int:
    """The smallest multiple of ``scale`` that is at least ``pixels``.

    >>> whole_multiple(16, 4), whole_multiple(16, 3)
    (16, 18)
    """
    return -(-pixels // scale) * scale


def on_grid(levels: Tensor) -> Tensor:
    """Levels 0..255 to [0, 1] on the 8-bit grid, clipped (float32, any shape).

    >>> import torch
    >>> (on_grid(torch.tensor([-3.0, 99.6, 300.0])) * 255).round().tolist()
    [0.0, 100.0, 255.0]
    """
    return levels.round().clamp(0, 255) / 255


def pick(random: np.random.Generator, weights: Sequence[float]) -> int:
    """An index drawn with the given weights, from one uniform number.

    >>> pick(np.random.default_rng(0), (0.0, 1.0, 0.0))
    1
    """
    left = random.random() * sum(weights)
    for index, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)  # rounding ate the last one
