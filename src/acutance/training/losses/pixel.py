"""Losses on pixels: ``(prediction, target)`` of equal shape to a scalar, mean over all elements."""

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
