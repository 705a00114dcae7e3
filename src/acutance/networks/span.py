"""SPAN, the Swift Parameter-free Attention Network (Wan et al. 2024, arXiv 2311.12770, sec. 3).

A chain of 3x3 convolutions whose blocks weigh their own result by how far it is from zero; no attention weights. The
branches that the paper trains beside each convolution are folded into it (sec. 3.3), so a model file holds plain ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# What the first convolution sees as black: the mean colour of DIV2K, rounded to whole levels of 255, so that bf16 holds
# every 8-bit sample exactly.
MEAN = (114.0, 111.0, 103.0)


class AttentionBlock(nn.Module):
    """Three convolutions; what they find weighs itself (sec. 3.2, eq. 4 to 6)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.c2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.c3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Same shape in and out, twice: the block's result, and its first features behind their activation."""
        first = F.silu(self.c1(x))
        last = self.c3(F.silu(self.c2(first)))
        return (0.5 * (last + x)) * torch.tanh(0.5 * last), first


class Span(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped.

    ``blocks`` blocks of ``channels``; 426,048 parameters at x4, six of 48. The features of the first convolution, of
    the first block, inside the last block and behind it are joined by a 1x1 convolution (sec. 3.1, fig. 2).
    """

    def __init__(self, *, scale: int = 4, channels: int = 48, blocks: int = 6) -> None:
        super().__init__()
        self.scale = scale
        self.halo = 3 * blocks + 3
        self.conv_1 = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(AttentionBlock(channels) for _ in range(blocks))
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_cat = nn.Conv2d(4 * channels, channels, 1)
        self.upsampler = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)

    def folded(self, x: Tensor) -> Tensor:
        """The result before its pixels go to their places: ``(N, 3 scale^2, H, W)``."""
        mean = x.new_tensor(MEAN)[:, None, None]
        first = features = self.conv_1(x * 255 - mean)
        after, inside = [], features
        for block in self.blocks:
            features, inside = block(features)
            after.append(features)
        joined = torch.cat([first, self.conv_2(features), after[0], inside], 1)
        return self.upsampler(self.conv_cat(joined)).float()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.pixel_shuffle(self.folded(x), self.scale)
