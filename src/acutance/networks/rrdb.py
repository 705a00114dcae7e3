"""RRDBNet, the generator of ESRGAN (Wang et al. 2018, arXiv 1809.00219, sec. 3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RESIDUAL_SCALE = 0.2  # sec. 3.1, beta
INITIAL_SCALE = 0.1  # sec. 3.1, smaller initialisation
# Instead of the receptive radius of 4 + 15 per block, which no tile could afford. Measured with the public ESRGAN model
# on a photograph, tiled against whole: 66 dB and 3 of 255 at most (24: 58.6 dB and 10; 16: 47 dB and 27).
HALO = 32


class ResidualDenseBlock(nn.Module):
    """Five convolutions, each of the first four seeing everything before it; 239,808 parameters at 64/32."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 5):
            setattr(self, f"conv{number}", nn.Conv2d(channels + (number - 1) * growth, growth, 3, padding=1))
        self.conv5 = nn.Conv2d(channels + 4 * growth, channels, 3, padding=1)
        for module in self.children():
            assert isinstance(module, nn.Conv2d) and module.bias is not None
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)
            module.weight.data *= INITIAL_SCALE

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        seen = [x]
        for number in range(1, 5):
            convolution = getattr(self, f"conv{number}")
            seen.append(F.leaky_relu(convolution(torch.cat(seen, 1)), 0.2))
        return x + RESIDUAL_SCALE * self.conv5(torch.cat(seen, 1))


class RRDB(nn.Module):
    """Three dense blocks in a row, scaled by 0.2 and added to the input.

    What is scaled still holds the input, so with all-zero weights the result is 1.2 x, as in the
    reference implementation.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(channels, growth)
        self.rdb2 = ResidualDenseBlock(channels, growth)
        self.rdb3 = ResidualDenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped.

    No batch norm, zero padding, biases everywhere; 16,697,987 parameters with 23 blocks. ``scale``: 4, 3,
    2 or 1; 2 and 1 first fold 2x2 or 4x4 pixels into channels (pixel-unshuffle, as in Real-ESRGAN), so H
    and W must then be multiples of 2 or 4. Names as in BasicSR, so that its checkpoints load.
    """

    def __init__(self, *, scale: int = 4, channels: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.scale = scale
        self.fold = self.multiple = {1: 4, 2: 2}.get(scale, 1)
        self.halo = self.fold * min(4 + 15 * blocks, HALO)
        self.conv_first = nn.Conv2d(3 * self.fold**2, channels, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_up1 = nn.Conv2d(channels, channels, 3, padding=1)
        if scale != 3:
            self.conv_up2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = self.conv_first(F.pixel_unshuffle(x, self.fold) if self.fold > 1 else x)
        features = first + self.conv_body(self.body(first))
        for convolution in (self.conv_up1,) if self.scale == 3 else (self.conv_up1, self.conv_up2):
            features = F.interpolate(features, scale_factor=3 if self.scale == 3 else 2, mode="nearest")
            features = F.leaky_relu(convolution(features), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(features), 0.2))
