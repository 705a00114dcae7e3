"""Networks that paint a picture anew at its own size: the article's U-Net for single tiles, and ours.

The article (Pasini 2019, "Siamese GAN on assembled tiles") gives no widths; those of ``TileUNet`` follow the
sister implementations (MelGAN-VC, TraVeLGAN). ``Painter`` is ours: a brush whose direction is computed, and a
network that learns what to do with it.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.networks.brush import Brush, twice

ATANH = 0.80471896  # of 2 / 3


class TileUNet(nn.Module):
    """RGB tiles ``(N, 3, tile, tile)`` in [-1, 1] to the same: each tile alone, as the article has it.

    Four 4x4 convolutions of stride 2 (no batch norm in the first), four deconvolutions whose inputs are
    joined with the encoder's maps, tanh. 6,172,355 parameters at ``width`` 64. Batch norm uses its running
    statistics when translating, so that a tile does not depend on its neighbours in the batch.
    """

    scale, halo, multiple = 1, 0, 16
    signed_input = signed_output = True

    def __init__(self, *, tile: int = 64, width: int = 64) -> None:
        super().__init__()
        if tile % self.multiple:
            raise ValueError(f"tile={tile}: a multiple of {self.multiple}")
        self.tile = tile
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList([nn.Conv2d(3, width, 4, stride=2, padding=1)])
        self.down_norms = nn.ModuleList([nn.Identity()])
        for before, after in itertools.pairwise(widths):
            self.down.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False))
            self.down_norms.append(nn.BatchNorm2d(after))
        self.up, self.up_norms = nn.ModuleList(), nn.ModuleList()
        for before, after in ((8, 4), (8, 2), (4, 1)):
            self.up.append(nn.ConvTranspose2d(before * width, after * width, 4, stride=2, padding=1, bias=False))
            self.up_norms.append(nn.BatchNorm2d(after * width))
        self.last = nn.ConvTranspose2d(2 * width, 3, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        maps: list[Tensor] = []
        for layer, norm in zip(self.down, self.down_norms, strict=True):
            x = F.leaky_relu(norm(layer(x)), 0.2)
            maps.append(x)
        maps.pop()
        for layer, norm in zip(self.up, self.up_norms, strict=True):
            x = torch.cat([F.relu(norm(layer(x))), maps.pop()], 1)
        return torch.tanh(self.last(x))


class _Residual(nn.Module):
    """x + conv(act(conv(x))), which starts near the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = _convolution(channels, channels)
        self.two = _convolution(channels, channels)
        with torch.no_grad():
            self.two.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(F.leaky_relu(self.one(x), 0.2))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    """3x3; beyond the border the picture's edge goes on, where zeros would draw a frame."""
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, padding_mode="replicate")


class Painter(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1], H and W multiples of 8, to the same size, unclamped.

    ``Brush`` lays strokes; the network sees them and the picture and decides, slowly varying from place to place,
    how strongly coarse and fine strokes show in each channel, the furrows of the hairs and the canvas in all (0.6 to 3
    times), and what colour is added. It
    cannot draw by itself: left free to, it found grids, weaves and inverted detail that please the features it
    is judged by. ``channels`` at a quarter of the size, twice as many at an eighth, where ``blocks``
    residual blocks work. No layer normalises, so a tile is painted alike alone or among others. ``halo``: the
    surrounding a tile is given, less than it could see (direction looks 120 pixels around); so tiles overlap by
    ``overlap`` more, and are blended there. ``ground``: levels of
    grain it was trained on (``imaging.ground``), from which strokes in even areas come.
    """

    scale, multiple, overlap = 1, 8, 48

    def __init__(self, *, channels: int = 48, blocks: int = 4, halo: int = 64, ground: int = 16) -> None:
        super().__init__()
        self.halo, self.ground = halo, ground
        c = channels
        self.brush = Brush()
        self.first = _convolution(4 * 12, c)
        self.down = _convolution(c, 2 * c, stride=2)
        self.coarse = nn.Sequential(*[_Residual(2 * c) for _ in range(blocks)])
        self.up = _convolution(2 * c, c)
        self.fine = nn.Sequential(*[_Residual(c) for _ in range(2)])
        self.last = _convolution(c, 11)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        half = F.avg_pool2d(x, 2)
        paint, coarse, fine, hairs, canvas = self.brush(x)
        shallow = F.leaky_relu(self.first(F.pixel_unshuffle(torch.cat([half, paint, coarse, fine], 1), 2)), 0.2)
        deep = self.coarse(F.leaky_relu(self.down(shallow), 0.2))
        deep = F.leaky_relu(self.up(F.interpolate(deep, scale_factor=2.0, mode="nearest")), 0.2)
        found = self.last(self.fine(shallow + deep)).float()
        found = twice(F.avg_pool2d(found, 5, 1, 2, count_include_pad=False))
        strokes = paint + found[:, :3] + _share(found[:, 3:6]) * coarse + _share(found[:, 6:9]) * fine
        shares = _share(twice(found[:, 9:]))
        return twice(strokes) + shares[:, :1] * hairs + shares[:, 1:] * canvas


def _share(x: Tensor) -> Tensor:
    """Anything to between 0.6 and 3; 0 to 1."""
    return 1.8 + 1.2 * torch.tanh(x - ATANH)
