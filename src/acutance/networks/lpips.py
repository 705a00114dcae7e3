"""LPIPS, the learned perceptual distance (Zhang et al. 2018, arXiv 1801.03924, eq. 1), version 0.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acutance.errors import BadModel

# ImageNet mean and deviation on [-1, 1], as the authors round them
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
TINY = 1e-10  # keeps a feature vector of zeros from dividing by zero


class Fire(nn.Module):
    """A squeeze to few channels, then 1x1 and 3x3 convolutions side by side (Iandola et al. 2016, sec. 3.2)."""

    def __init__(self, before: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, before, H, W)`` to ``(N, 2 expanded, H, W)``, after the ReLU."""
        x = self.squeeze(x).relu()
        return torch.cat((self.expand1x1(x), self.expand3x3(x)), 1).relu()


def squeezenet() -> nn.Sequential:
    """The features of SqueezeNet 1.1, numbered as in torchvision; 722,496 parameters."""
    pool = {2: nn.MaxPool2d(3, 2, ceil_mode=True), 5: nn.MaxPool2d(3, 2, ceil_mode=True)}
    sizes = ((64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128))
    deep = ((256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256))
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool[2], *(Fire(*s) for s in sizes[:2]), pool[5],
        *(Fire(*s) for s in sizes[2:]), nn.MaxPool2d(3, 2, ceil_mode=True), *(Fire(*s) for s in deep),
    )  # fmt: skip


def alexnet() -> nn.Sequential:
    """The features of AlexNet (Krizhevsky 2014), numbered as in torchvision; 2,469,696 parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def vgg16() -> nn.Sequential:
    """The features of VGG16 up to relu5_3, numbered as in torchvision; 14,714,688 parameters."""
    layers: list[nn.Module] = []
    before = 3
    for block, (channels, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        layers += [nn.MaxPool2d(2)] if block else []
        for _ in range(count):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
    return nn.Sequential(*layers)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """``features`` makes the network; ``taps`` are the positions whose output is compared and
    ``channels`` its widths; ``backbones`` are weight files of which any will do; ``heads`` is one more."""

    features: Callable[[], nn.Sequential]
    taps: tuple[int, ...]
    channels: tuple[int, ...]
    backbones: tuple[str, ...]
    heads: str


VARIANTS: Mapping[str, Variant] = {
    "squeeze": Variant(
        features=squeezenet,
        taps=(1, 4, 7, 9, 10, 11, 12),
        channels=(64, 128, 256, 384, 384, 512, 512),
        backbones=("lpips_squeeze_backbone.pth", "squeezenet1_1-b8a52dc0.pth"),
        heads="lpips_squeeze_v0.1_heads.pth",
    ),
    "alex": Variant(
        features=alexnet,
        taps=(1, 4, 7, 9, 11),
        channels=(64, 192, 384, 256, 256),
        backbones=("alexnet-owt-7be5be79.pth",),
        heads="lpips_alex_v0.1_heads.pth",
    ),
    "vgg": Variant(
        features=vgg16,
        taps=(3, 8, 15, 22, 29),
        channels=(64, 128, 256, 512, 512),
        backbones=("vgg16-397923af.pth",),
        heads="lpips_vgg_v0.1_heads.pth",
    ),
}


class LPIPS(nn.Module):
    """The distance of two batches of RGB ``(N, 3, H, W)`` in [0, 1], as ``(N,)``; 0 for equal ones, lower is better.

    d = sum over layers l of mean over positions of w_l . (f_l(a) / |f_l(a)| - f_l(b) / |f_l(b)|)^2: features
    of unit length over the channels, their squared difference, weighted by heads w >= 0 (eq. 1). Frozen;
    without ``backbone`` and ``heads`` the network is random, for tests of shapes only.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        variant: Variant = VARIANTS["squeeze"],
        *,
        backbone: Mapping[str, Tensor] | None = None,
        heads: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.taps = variant.taps
        self.features = variant.features()
        self.heads = nn.ParameterList(torch.rand(1, c, 1, 1) for c in variant.channels)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        if backbone is not None:
            self._load_backbone(backbone)
        if heads is not None:
            self._load_heads(heads)
        self.requires_grad_(False).eval()

    def _load_backbone(self, stored: Mapping[str, Tensor]) -> None:
        named = {key.removeprefix("features."): value for key, value in stored.items()}
        own = {key: value for key, value in named.items() if not key.startswith("classifier.")}
        try:
            self.features.load_state_dict(own)
        except (RuntimeError, AttributeError, TypeError) as error:
            raise BadModel("these weights are not those of this LPIPS backbone") from error

    def _load_heads(self, stored: Mapping[str, Tensor]) -> None:
        for number, head in enumerate(self.heads):
            weight = stored.get(f"lin{number}.model.1.weight")
            if not isinstance(weight, Tensor) or weight.shape != head.shape or bool((weight < 0).any()):
                raise BadModel(f"no fitting lin{number} among the LPIPS heads: these belong to another backbone")
            head.data.copy_(weight)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """See the class."""
        a, b = (((x * 2 - 1) - self.shift) / self.scale for x in (a, b))
        total = a.new_zeros(len(a))
        heads = iter(self.heads)
        for position, layer in enumerate(self.features):
            a, b = layer(a), layer(b)
            if position in self.taps:
                total = total + ((_unit(a) - _unit(b)).square() * next(heads)).sum(1).mean((1, 2))
        return total


def _unit(x: Tensor) -> Tensor:
    """Feature vectors of length one: ``(N, C, H, W)`` divided by its length over the channels."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + TINY)
