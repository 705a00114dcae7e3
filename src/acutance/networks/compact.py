"""The compact network: a plain chain of 3x3 convolutions at low resolution, then PixelShuffle.

Layout and names of SRVGGNetCompact (Wang et al. 2021, Real-ESRGAN, ``realesr-general-x4v3``), so
that its published weights load as they are; 621,424 parameters at 16 inner convolutions and x4.
The network adds its output to the nearest-enlarged input: with a zero last layer it is nearest.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Compact(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped.

    ``convolutions`` inner layers of ``channels``; every layer but the last is followed by a
    per-channel PReLU.
    """

    def __init__(self, *, scale: int = 4, channels: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.scale = scale
        self.halo = convolutions + 2
        body: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1), nn.PReLU(channels)]
        for _ in range(convolutions):
            body += [nn.Conv2d(channels, channels, 3, padding=1), nn.PReLU(channels)]
        body.append(nn.Conv2d(channels, 3 * scale**2, 3, padding=1))
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        residual = F.pixel_shuffle(self.body(x).float(), self.scale)
        return residual + F.interpolate(x, scale_factor=self.scale, mode="nearest")


@torch.no_grad()
def start_near_identity(network: Compact, gain: float = 0.1) -> Compact:
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
