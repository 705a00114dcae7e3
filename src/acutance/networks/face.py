"""The face SRGAN's generator in the Keras manner (64x64 to 256x256)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

MOMENTUM = 0.2  # Keras' 0.8
EPSILON = 1e-3  # Keras' default


class FaceBlock(nn.Module):
    """Convolution, ReLU, batch norm - in that order -, convolution, batch norm, sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.body(x)


class FaceGenerator(nn.Module):
    """RGB ``(N, 3, H, W)`` in [-1, 1] to ``(N, 3, 4 H, 4 W)`` in [-1, 1]; 2,038,467 trainable parameters."""

    scale = 4
    signed_input = signed_output = True

    def __init__(self, *, channels: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.halo = 7 + 2 * blocks
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.ReLU())
        self.blocks = nn.Sequential(*(FaceBlock(channels) for _ in range(blocks)))
        self.merge = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)
        )
        self.enlarge = nn.ModuleList(
            [nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.Conv2d(4 * channels, 4 * channels, 3, padding=1)]
        )
        self.tail = nn.Conv2d(4 * channels, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = self.head(x)
        x = first + self.merge(self.blocks(first))
        for convolution in self.enlarge:
            x = F.relu(convolution(F.interpolate(x, scale_factor=2, mode="nearest")))
        return self.tail(x).tanh()
