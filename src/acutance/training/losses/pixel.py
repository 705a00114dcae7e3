"""Losses on pixels: ``(prediction, target)`` of equal shape to a scalar, mean over all elements except where said."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference.

    >>> import torch
    >>> l1(torch.zeros(2), torch.tensor([1.0, 3.0])).item()
    2.0
    """
    return (prediction - target).abs().mean()


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference (SRGAN eq. 4).

    >>> import torch
    >>> mse(torch.zeros(2), torch.tensor([1.0, 3.0])).item()
    5.0
    """
    return (prediction - target).square().mean()


def charbonnier(prediction: Tensor, target: Tensor, *, eps: float = 1e-3) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), an L1 that is smooth at zero (Lai et al. 2017, LapSRN, eq. 2 and sec. 3.3;
    they sum over the pixels).

    >>> import torch
    >>> round(charbonnier(torch.zeros(2), torch.tensor([0.0, 3.0])).item(), 6)
    1.5005
    """
    return ((prediction - target).square() + eps**2).sqrt().mean()


def total_variation(prediction: Tensor, target: Tensor) -> Tensor:
    """Sum over channels and pixels of the absolute differences to the right and to the lower neighbour,
    mean over the batch of ``(N, C, H, W)``; ``target`` is not looked at.

    SRGAN cites Aly & Dubois 2005 for it and uses weight 2e-8 (Ledig 2017, sec. 3.3), which is meant for a sum:
    a mean over pixels would be smaller by their number. The paper does not say whether the two
    differences are added (as here) or enter one length.

    >>> import torch
    >>> ramp = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).view(1, 1, 2, 2)
    >>> total_variation(ramp, ramp).item()  # 1 + 1 across, 2 + 2 down
    6.0
    """
    across = (prediction[..., :, 1:] - prediction[..., :, :-1]).abs().float().sum()
    down = (prediction[..., 1:, :] - prediction[..., :-1, :]).abs().float().sum()
    return (across + down) / len(prediction)


def colour(prediction: Tensor, target: Tensor, *, side: int) -> Tensor:
    """How far mean colours are off: the mean absolute difference of means over squares of ``side`` x ``side`` pixels
    of ``(N, C, H, W)``, both sides of at least ``side`` (ours).

    >>> import torch
    >>> dots, even = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.25)
    >>> dots[..., ::2, ::2] = 1.0
    >>> colour(dots, even, side=4).item(), colour(dots + 0.5, even, side=4).item()
    (0.0, 0.5)
    """
    return F.avg_pool2d((prediction - target).float(), side).abs().mean()


def checkerboard(prediction: Tensor, target: Tensor, *, scale: int, cells: int = 8) -> Tensor:
    """How much of the error is a checkerboard, a pattern that repeats with every input pixel (Odena et al. 2016
    describe it; the measure is ours).

    The ``scale`` x ``scale`` pixels that one input pixel became are told apart, the error of each is averaged over
    ``cells`` x ``cells`` input pixels, and what is left beside their common mean is woven by the network: the
    mean of its absolute value over ``(N, C, H, W)``, both sides of at least ``scale * cells``.

    >>> import torch
    >>> even, stripes = torch.ones(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    >>> stripes[..., ::4] = 1.0
    >>> checkerboard(even, 0 * even, scale=4).item(), checkerboard(stripes, 0 * even, scale=4).item()
    (0.0, 0.375)
    """
    error = F.pixel_unshuffle((prediction - target).float(), scale)
    means = F.avg_pool2d(error, cells).unflatten(1, (-1, scale**2))
    return (means - means.mean(2, keepdim=True)).abs().mean()
