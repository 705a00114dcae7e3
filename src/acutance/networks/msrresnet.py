"""MSRResNet, the 16-block generator of the ESRGAN code: SRResNet without batch norm (arXiv 1809.00219, sec. 4.1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PlainBlock(nn.Module):
    """Convolution, ReLU, convolution, sum: a residual block without norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.conv2(F.relu(self.conv1(x)))


class MSRResNet(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, scale H, scale W)``, unclamped; ``scale`` 1 to 4.

    LeakyReLU 0.1, and the result is added to the bilinearly enlarged input; 1,517,571 parameters with 16
    blocks at x4. ``long_skip`` is the form of 2018: a shortcut with a convolution around the blocks, ReLU,
    no bilinear base; 1,554,499 parameters. Names as in BasicSR, so that its checkpoints load.
    """

    def __init__(self, *, scale: int = 4, channels: int = 64, blocks: int = 16, long_skip: bool = False) -> None:
        super().__init__()
        self.scale, self.long_skip = scale, long_skip
        # 1 + 2 a block + (1) + 1 + 1/2 + 1/4 + 1/4, as far as whole pixels go; nothing gets smaller at x1
        self.halo = 2 * blocks + (4 if long_skip else 3) + (scale == 1)
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(PlainBlock(channels) for _ in range(blocks)))
        if long_skip:
            self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        self.steps = (2, 2) if scale == 4 else (scale,)
        for number, step in enumerate(self.steps, 1):
            setattr(self, f"upconv{number}", nn.Conv2d(channels, channels * step**2, 3, padding=1))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def _active(self, x: Tensor) -> Tensor:
        return F.relu(x) if self.long_skip else F.leaky_relu(x, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        features = self.conv_first(x)
        if self.long_skip:
            features = features + self.conv_body(self.body(features))
        else:
            features = self.body(self._active(features))
        for number, step in enumerate(self.steps, 1):
            features = self._active(F.pixel_shuffle(getattr(self, f"upconv{number}")(features), step))
        residual = self.conv_last(self._active(self.conv_hr(features)))
        if self.long_skip:
            return residual
        return residual.float() + F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
