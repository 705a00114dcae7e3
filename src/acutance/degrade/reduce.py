"""Separable filters that reduce a batch by a whole factor (torch)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def reach(taps: int, factor: int) -> int:
    """Pixels by which ``taps`` weights, centred on a block of ``factor`` pixels, reach beyond it.

    >>> reach(16, 4), reach(11, 3), reach(1, 1)
    (6, 4, 0)
    """
    assert taps >= factor and (taps - factor) % 2 == 0, "the filter cannot be centred on its block"
    return (taps - factor) // 2


def reduce_valid(hr: Tensor, weights: Tensor, factor: int, *, rows_first: bool = True, rounded: bool = True) -> Tensor:
    """Filter ``hr`` along both axes and keep one sample of each block of ``factor`` pixels.

    hr: ``(N, C, H + 2 m, W + 2 m)`` levels 0..255, m = ``reach(len(weights), factor)``; returns
    ``(N, C, H / factor, W / factor)``; ``rounded``: to whole levels, clipped, after each pass.
    """
    channels, weights = hr.shape[1], weights.to(hr)
    vertical, horizontal = ((-1, 1), (factor, 1)), ((1, -1), (1, factor))
    for shape, stride in (vertical, horizontal) if rows_first else (horizontal, vertical):
        filters = weights.view(1, 1, *shape).expand(channels, 1, *weights.view(shape).shape)
        hr = F.conv2d(hr, filters, stride=stride, groups=channels)
        if rounded:
            hr = torch.floor(hr + 0.5).clamp_(0, 255)
    return hr
