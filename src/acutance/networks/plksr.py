"""PLKSR, partial large kernels (Lee et al. 2024, arXiv 2404.11848, sec. 3), and RealPLKSR, its variant for damaged
pictures that most published models use.

In every block a part of the channels goes through one large convolution, which sees as far as attention does at a
fraction of its cost. RealPLKSR has Mish for GELU and a norm: over groups of channels of the *whole picture* (so it
cannot run in tiles), or, in newer models, over the channels of each pixel. Names as published, so that weights load.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 4  # of RealPLKSR's norm; no published model has others


class PartialConvolution(nn.Module):
    """A large convolution of the first ``large`` channels; the others pass."""

    def __init__(self, large: int, kernel: int) -> None:
        super().__init__()
        self.large = large
        self.conv = nn.Conv2d(large, large, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return torch.cat([self.conv(x[:, : self.large]), x[:, self.large :]], 1)


class ElementAttention(nn.Module):
    """Every sample is weighed by a number that its neighbourhood decides (sec. 3.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x * self.f(x)


class PixelNorm(nn.Module):
    """Mean 0 and variance 1 over the channels of each pixel, then a weight and a bias per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        centred = x - x.mean(1, keepdim=True)
        even = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)
        return even * self.weight[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    """Channels mixed, the large kernel, attention, a 1x1 convolution, all added to the input (fig. 3)."""

    def __init__(
        self, channels: int, large: int, kernel: int, attention: bool, mixer: tuple[int, int], active: nn.Module
    ) -> None:
        super().__init__()
        first, second = mixer
        self.channel_mixer = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, first, padding=first // 2), active,
            nn.Conv2d(2 * channels, channels, second, padding=second // 2),
        )  # fmt: skip
        self.lk = PartialConvolution(large, kernel)
        self.attn = ElementAttention(channels) if attention else nn.Identity()
        self.refine = nn.Conv2d(channels, channels, 1)

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the input."""
        return self.refine(self.attn(self.lk(self.channel_mixer(x))))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return self.residual(x) + x


class RealBlock(Block):
    """With RealPLKSR's norm: before everything over a pixel's channels, or behind it over the picture."""

    def __init__(self, channels: int, large: int, kernel: int, attention: bool, pixel_norm: bool) -> None:
        super().__init__(channels, large, kernel, attention, (3, 3), nn.Mish())
        self.layer_norm = PixelNorm(channels) if pixel_norm else nn.Identity()
        self.norm = nn.Identity() if pixel_norm else nn.GroupNorm(GROUPS, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.residual(self.layer_norm(x))) + x


class PLKSR(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped.

    ``blocks`` of ``channels``, of which ``large`` go through a convolution of ``kernel`` squared; ``before`` and
    ``behind``: the sizes of the mixer's two convolutions, 3 or 1. 7.4 M parameters as published; tiny: 12 blocks, 13.
    """

    def __init__(
        self, *, scale: int = 4, channels: int = 64, blocks: int = 28, kernel: int = 17, large: int = 16,
        attention: bool = True, before: int = 3, behind: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.scale = scale
        reach = before // 2 + behind // 2 + kernel // 2 + bool(attention)
        self.halo: int | None = 2 + blocks * reach
        chain = [Block(channels, large, kernel, attention, (before, behind), nn.GELU()) for _ in range(blocks)]
        self.feats = _around(channels, chain, scale)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        residual = F.pixel_shuffle(self.feats(x).float(), self.scale)
        return residual + F.interpolate(x, scale_factor=self.scale, mode="nearest")


class RealPLKSR(PLKSR):
    """``PLKSR`` with Mish and a norm; ``pixel_norm``: over each pixel's channels, so that it can run in tiles."""

    def __init__(
        self, *, scale: int = 4, channels: int = 64, blocks: int = 28, kernel: int = 17, large: int = 16,
        attention: bool = True, pixel_norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(scale=scale, channels=channels, blocks=blocks, kernel=kernel, large=large, attention=attention)
        self.halo = self.halo if pixel_norm else None
        chain = [RealBlock(channels, large, kernel, attention, pixel_norm) for _ in range(blocks)]
        self.feats = _around(channels, [*chain, nn.Identity()], scale)  # where dropout stands in training


def _around(channels: int, chain: list[nn.Module] | list[Block], scale: int) -> nn.Sequential:
    first, last = nn.Conv2d(3, channels, 3, padding=1), nn.Conv2d(channels, 3 * scale**2, 3, padding=1)
    return nn.Sequential(first, *chain, last)
