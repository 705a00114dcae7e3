"""Losses on pixels: ``(prediction, target)`` of equal shape to a scalar, mean over all elements except where said."""

from __future__ import annotations

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
