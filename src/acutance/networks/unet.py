"""The conditional SRGAN's U-shaped generator: convolutions down, deconvolutions up, shortcuts that add.

The source fixes the shape (128 pixels in, 512 out; the right side two stages taller; no activation on
the last layer of either side; no dropout); widths, strides and slopes are ours.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

DOWN = (64, 128, 256, 512, 512)
UP = (512, 256, 128, 64, 64)


def _norm(enabled: bool, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if enabled else nn.Identity()


class AdditiveUNet(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1], H and W multiples of 16, to ``(N, 3, 4 H, 4 W)``, unclamped.

    13,966,467 parameters, 13,970,435 with batch norm after every layer that has an activation. ``width``
    scales all channels.
    """

    scale = 4
    halo = 47  # the receptive radius, whatever the width
    multiple = 16

    def __init__(self, *, batch_norm: bool = False, width: float = 1.0) -> None:
        super().__init__()
        down = [round(c * width) for c in DOWN]
        up = [round(c * width) for c in UP]
        self.down = nn.ModuleList([nn.Conv2d(3, down[0], 3, padding=1)])
        for before, after in itertools.pairwise(down):
            self.down.append(nn.Conv2d(before, after, 4, stride=2, padding=1))
        self.up = nn.ModuleList()
        for before, after in zip([down[-1], *up], [*up, 3], strict=True):
            self.up.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1))
        self.down_norms = nn.ModuleList(_norm(batch_norm, c) for c in down[:-1])
        self.up_norms = nn.ModuleList(_norm(batch_norm, c) for c in up)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        shortcuts: list[Tensor] = []
        for layer, norm in zip(self.down[:-1], self.down_norms, strict=True):
            x = F.leaky_relu(norm(layer(x)), 0.2)
            shortcuts.append(x)
        x = self.down[-1](x)
        for layer, norm in zip(self.up[:-1], self.up_norms, strict=True):
            x = F.relu(norm(layer(x)))
            if shortcuts:
                x = x + shortcuts.pop()
        return self.up[-1](x)
