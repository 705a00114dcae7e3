"""The compact network: a plain chain of 3x3 convolutions at low resolution, then PixelShuffle.

Layout and names of SRVGGNetCompact (Wang et al. 2021, Real-ESRGAN, ``realesr-general-x4v3``), so
that its published weights load as they are; 621,424 parameters at 16 inner convolutions and x4.
The network adds its output to the nearest-enlarged input: with a zero last layer it is nearest.

``FoldedCompact`` is the same chain for x2: it begins by folding 2x2 pixels into channels (pixel-unshuffle, as
RRDBNet does for x2 in Real-ESRGAN), so that an input pixel costs about a quarter of what it costs at x4.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Chain = TypeVar("Chain", bound="Compact | FoldedCompact")


class Compact(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped.

    ``convolutions`` inner layers of ``channels``; every layer but the last is followed by a
    per-channel PReLU.
    """

    def __init__(self, *, scale: int = 4, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.scale = scale
        self.halo = convolutions + 2
        self.body = _chain(3, channels, convolutions, 3 * scale**2)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.pixel_shuffle(self.body(x).float(), self.scale)
        return residual + F.interpolate(x, scale_factor=self.scale, mode="nearest")


class FoldedCompact(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1], H and W even, to ``(N, 3, 2 H, 2 W)``, unclamped.

    ``convolutions`` inner layers of ``channels`` at half the input's size; 626,608 parameters at 16 of 64.
    """

    scale, multiple = 2, 2

    def __init__(self, *, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.halo = self.multiple * (convolutions + 2)
        self.body = _chain(3 * 4, channels, convolutions, 3 * 16)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.pixel_shuffle(self.body(F.pixel_unshuffle(x, 2)).float(), 4)
        return residual + F.interpolate(x, scale_factor=2, mode="nearest")


def _chain(first: int, channels: int, convolutions: int, last: int) -> nn.Sequential:
    body: list[nn.Module] = []
    for bands in (first, *[channels] * convolutions):
        body += [nn.Conv2d(bands, channels, 3, padding=1), nn.PReLU(channels)]
    return nn.Sequential(*body, nn.Conv2d(channels, last, 3, padding=1))


@torch.no_grad()
def start_near_identity(network: Chain, gain: float = 0.1) -> Chain:
    """Initialise every inner layer as identity plus small noise, and the last layer near zero.

    A convolution that starts at the identity is a residual block whose shortcut is folded into the
    kernel (RepVGG, Ding et al. 2021, sec. 3.2): the chain learns like a residual network and still
    runs as a chain. ``gain`` scales Kaiming noise on top.
    """
    convolutions = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
    for position, layer in enumerate(convolutions):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        if position == len(convolutions) - 1:
            layer.weight.mul_(0.1)
        elif position > 0:
            layer.weight.mul_(gain)
            for channel in range(layer.out_channels):
                layer.weight[channel, channel, 1, 1] += 1.0
    return network
