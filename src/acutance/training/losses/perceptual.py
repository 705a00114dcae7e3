"""Losses on the features of a frozen network: ``(prediction, target)`` of RGB ``(N, 3, H, W)`` to a scalar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acutance.training.losses import pixel

PAPER_SCALE = 1 / 12.75**2  # Ledig 2017, sec. 3.2: feature maps divided by 12.75; 0.00615148 of the loss
Distance = Callable[[Tensor, Tensor], Tensor]


def l1(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference over all elements (ESRGAN's reference code).

    >>> l1(torch.zeros(1, 2, 1, 2), torch.full((1, 2, 1, 2), 3.0)).item()
    3.0
    """
    return pixel.l1(a.float(), b.float())


def mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference over all elements: smaller than SRGAN's equation 5 by the number of channels.

    >>> mse(torch.zeros(1, 2, 1, 2), torch.full((1, 2, 1, 2), 3.0)).item()
    9.0
    """
    return pixel.mse(a.float(), b.float())


def srgan_paper(a: Tensor, b: Tensor) -> Tensor:
    """0.00615148 / (W H) times the sum over channels and positions of squared differences, mean over the
    batch: SRGAN's equation 5 with its features divided by 12.75 (Ledig 2017, sec. 3.2).

    The factor presumes features of an input of 0..255 less the channel means (the Oxford kind).

    >>> round(srgan_paper(torch.zeros(1, 2, 3, 5), torch.ones(1, 2, 3, 5)).item(), 8)  # two channels
    0.01230296
    """
    return PAPER_SCALE * (a.float() - b.float()).square().sum(1).mean()


@dataclass(frozen=True, kw_only=True)
class Perceptual:
    """Sum over ``layers`` (name, weight) of weight x ``distance``(features of prediction, features of target).

    ``features``: a frozen network ``(x, wanted) -> {name: features}``, such as ``networks.vgg.VGG19``; it stays
    outside every module, so that no optimizer, average or checkpoint sees it; the
    loop moves it to the device. ``signed``: pictures come in [-1, 1] and are mapped to the [0, 1] that
    the network expects; leave it False for a network that takes them as they are.
    """

    features: nn.Module
    layers: tuple[tuple[str, float], ...]
    distance: Distance = l1
    signed: bool = False

    def __repr__(self) -> str:
        """What is computed, the same text in every process."""
        return f"Perceptual({self.layers}, {getattr(self.distance, '__name__', self.distance)}, signed={self.signed})"

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar; gradients reach the prediction only."""
        wanted = tuple(name for name, _ in self.layers)
        with torch.no_grad():
            aims = self.features(self._mapped(target), wanted)
        found = self.features(self._mapped(prediction), wanted)
        total = prediction.new_zeros((), dtype=torch.float32)
        for name, weight in self.layers:
            total = total + weight * self.distance(found[name], aims[name])
        return total

    def _mapped(self, x: Tensor) -> Tensor:
        return (x + 1) / 2 if self.signed else x
