"""Critics: networks that tell originals from generated pictures. All return logits, no sigmoid."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from acutance.networks.convolution import Conv2d

SRGAN_LAYERS = ((64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2))


class SRGANCritic(nn.Module):
    """Ledig et al. 2017, fig. 4 and sec. 2.1.1: ``(N, 3, size, size)`` to ``(N, 1)``.

    Eight 3x3 convolutions, no pooling, dense 1024 and 1; 23,563,649 parameters at size 96 (23,565,505
    with ``norm_bias``), 38,243,713 at 128.
    """

    def __init__(self, *, size: int = 96, norm_bias: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = [Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(0.2)]
        for (before, _), (after, stride) in itertools.pairwise(SRGAN_LAYERS):
            layers += [
                Conv2d(before, after, 3, stride=stride, padding=1, bias=norm_bias),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
        self.features = nn.Sequential(*layers)
        side = -(-size // 16)
        self.head = nn.Sequential(nn.Linear(512 * side**2, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.features(x).flatten(1))


class VGGCritic(nn.Module):
    """ESRGAN's Discriminator_VGG: 3x3 and strided 4x4 convolutions in turn, dense 100 and 1, to ``(N, 1)``.

    ``size``: the only input side accepted. 14,502,281 parameters at 128 (14,499,401 without
    ``norm_bias``), 14,143,881 at 96, with a sixth stage 20,700,553 at 192 and 21,058,953 at 256.
    """

    def __init__(self, *, size: int = 128, norm_bias: bool = True) -> None:
        super().__init__()
        self.size = size
        widths = [64, 128, 256, 512, 512] + ([512] if size >= 192 else [])
        layers: list[nn.Module] = []
        before = 3
        for stage, after in enumerate(widths):
            first = stage == 0
            layers += [Conv2d(before, after, 3, padding=1, bias=norm_bias or first)]
            layers += [] if first else [nn.BatchNorm2d(after)]
            layers += [nn.LeakyReLU(0.2), Conv2d(after, after, 4, stride=2, padding=1, bias=norm_bias)]
            layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
            before = after
        self.features = nn.Sequential(*layers)
        side = size // 2 ** len(widths)
        self.head = nn.Sequential(nn.Linear(512 * side**2, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class; raises ``ValueError`` for any other size."""
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(f"this critic takes {self.size}x{self.size}, got {x.shape[3]}x{x.shape[2]}")
        return self.head(self.features(x).flatten(1))


class TensorlayerCritic(nn.Module):
    """The critic of tensorlayer's SRGAN: ``(N, 3, size, size)`` to ``(N, 1)``; 48,153,921 parameters at size 384.

    Strided 4x4 convolutions to 32 times the first width, two 1x1 convolutions, one residual branch. Weights
    N(0, 0.02), batch-norm gains N(1, 0.02), no bias before batch norm. ``width``: of the first layer.
    """

    def __init__(self, *, size: int = 384, width: int = 64) -> None:
        super().__init__()
        w, slope = width, 0.2

        def normed(before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
            return [Conv2d(before, after, kernel, stride, padding, bias=False), nn.BatchNorm2d(after)]

        layers: list[nn.Module] = [Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(slope)]
        for k in (1, 2, 4, 8, 16):
            layers += [*normed(w * k, w * k * 2, 4, 2, 1), nn.LeakyReLU(slope)]
        layers += [*normed(w * 32, w * 16, 1), nn.LeakyReLU(slope), *normed(w * 16, w * 8, 1)]
        self.features = nn.Sequential(*layers)
        self.branch = nn.Sequential(
            *normed(w * 8, w * 2, 1), nn.LeakyReLU(slope),
            *normed(w * 2, w * 2, 3, padding=1), nn.LeakyReLU(slope), *normed(w * 2, w * 8, 3, padding=1),
        )  # fmt: skip
        self.head = nn.Linear(w * 8 * (size // 64) ** 2, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, 0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.features(x)
        return self.head(F.leaky_relu(x + self.branch(x), 0.2).flatten(1))


class PatchCritic(nn.Module):
    """The face SRGAN's critic: ``(N, 3, H, W)`` to a map ``(N, 1, H / 16, W / 16)``, dense layers per position.

    Convolution, LeakyReLU, batch norm in that order; 5,215,425 trainable parameters at ``width`` 1, which
    scales all channels. The source puts a sigmoid behind it.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, (channels, stride) in enumerate(SRGAN_LAYERS):
            after = round(channels * width)
            layers += [Conv2d(before, after, 3, stride=stride, padding=1), nn.LeakyReLU(0.2)]
            layers += [nn.BatchNorm2d(after, eps=1e-3, momentum=0.2)] if number else []
            before = after
        self.features = nn.Sequential(*layers)
        dense = round(1024 * width)
        self.head = nn.Sequential(Conv2d(before, dense, 1), nn.LeakyReLU(0.2), Conv2d(dense, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.features(x))


class ConditionalCritic(nn.Module):
    """disc(a, b): is ``a`` ``(N, 3, 512, 512)`` an original, given the blurred ``b`` ``(N, 3, 128, 128)``? ``(N, 1)``.

    Six strided 4x4 convolutions on ``a``, dense 1; ``b`` is resized and joined before the convolution that
    sees maps of ``inject`` pixels. 11,203,521 parameters with ``inject`` 64 or 32, 11,191,233 with 128.
    """

    def __init__(self, *, size: int = 512, inject: int = 64, width: float = 1.0) -> None:
        super().__init__()
        widths = [round(c * width) for c in (64, 128, 256, 512, 512, 512)]
        sides = [size // 2**n for n in range(len(widths))]
        if inject not in sides[1:]:
            raise ValueError(f"inject is one of {sides[1:]}, got {inject}")
        self.stage = sides.index(inject)
        self.layers = nn.ModuleList()
        before = 3
        for number, after in enumerate(widths):
            extra = 3 if number == self.stage else 0
            self.layers.append(Conv2d(before + extra, after, 4, stride=2, padding=1))
            before = after
        self.head = nn.Linear(widths[-1] * (size // 64) ** 2, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """See the class."""
        for number, layer in enumerate(self.layers):
            if number == self.stage:
                shown = F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
                a = torch.cat([a, shown], 1)
            a = F.leaky_relu(layer(a), 0.2)
        return self.head(a.flatten(1))


class UNetCritic(nn.Module):
    """Real-ESRGAN's U-Net critic with spectral norm (Wang et al. 2021, sec. 3.3): a logit per pixel.

    ``(N, 3, H, W)``, H and W multiples of 8, to ``(N, 1, H, W)``; 4,376,897 parameters at 64 features.
    """

    def __init__(self, *, features: int = 64) -> None:
        super().__init__()
        f = features

        def convolution(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Module:
            return spectral_norm(Conv2d(before, after, size, stride, 1, bias=False))

        self.first = Conv2d(3, f, 3, padding=1)
        self.down = nn.ModuleList([convolution(f * k, f * k * 2, 4, 2) for k in (1, 2, 4)])
        self.up = nn.ModuleList([convolution(f * k, f * k // 2) for k in (8, 4, 2)])
        self.last = nn.Sequential(
            convolution(f, f), nn.LeakyReLU(0.2), convolution(f, f), nn.LeakyReLU(0.2), Conv2d(f, 1, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        maps = [F.leaky_relu(self.first(x), 0.2)]
        for layer in self.down:
            maps.append(F.leaky_relu(layer(maps[-1]), 0.2))
        x = maps.pop()
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), 0.2) + maps.pop()
        return self.last(x)
