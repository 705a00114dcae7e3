"""Strokes whose direction is computed, not learned: smears along the contours of a picture (ours).

The direction is that of the smoothed structure tensor (as in Kyprianidis & Doellner 2008, "Image abstraction
by structure adaptive filtering"); a stroke is a mean along it, and paint is what a stroke has more or less of
than its surroundings. All of it is fixed convolutions and products, so it becomes part of the graph.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIRECTIONS = 8
PARTS = 2048
FOCUS = 6.0  # how much the nearest direction counts more than the others
NEAR, FAR = 5, 21  # sides of the windows, at a quarter of the size, over which contours are averaged, thrice
FAINT = 4e-4  # contours below it (the ground's are 7e-5) leave the direction to what lies farther around
# Sides of kernels, deviations along and across a stroke and of what is around it; how paint is amplified and bounded
COARSE = {"size": 17, "long": 4.5, "wide": 0.85, "around": 2.75, "gain": 5.0, "most": 0.10}  # at a quarter of the size
FINE = {"size": 13, "long": 4.0, "wide": 0.7, "around": 3.0, "gain": 4.0, "most": 0.06}  # at half
HAIRS = {"size": 17, "long": 6.0, "wide": 0.65, "around": 2.2, "gain": 3.0, "most": 0.04}  # at the full size, of light
CANVAS = 0.06  # the most that the roughness of canvas changes the light


class Brush(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1], sides multiples of 8, to three pictures of half the size: the smeared
    picture, and the paint of coarse and of fine strokes, within +-0.10 and +-0.06; and two of the full size, ``(N, 1,
    H, W)``: the furrows that a brush's hairs leave, within +-0.04, and the canvas under it, within +-0.06. Has no
    trained weights.
    """

    angles: Tensor
    sobel: Tensor
    fine: Tensor
    coarse: Tensor
    hairs: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)  # doubled: a stroke has no front
        self.register_buffer("angles", torch.stack([angles.cos(), angles.sin()], 1)[:, :, None, None] * FOCUS)
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
        self.register_buffer("sobel", torch.stack([sobel, sobel.T])[:, None].repeat(3, 1, 1, 1))
        strokes, around = _strokes(**FINE)
        self.register_buffer("fine", torch.cat([_by_channel(strokes), _by_channel(around[None])]))
        self.register_buffer("coarse", _by_channel(_strokes(**COARSE)[0]))
        self.register_buffer("hairs", _strokes(**HAIRS)[0][:, None])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """See the class."""
        half, quarter = F.avg_pool2d(x, 2), F.avg_pool2d(x, 4)
        along = self.along(quarter)
        coarse = _gathered(_convolved(quarter, self.coarse), self._shares(along))
        along = twice(along)
        shares = self._shares(along)
        fine = _convolved(half, self.fine)
        light = x.mean(1, keepdim=True)
        hairs = _gathered(_convolved(light, self.hairs), self._shares(twice(along)), 1)
        rough = light - F.avg_pool2d(light, 3, 1, 1, count_include_pad=False)  # the ground's smallest grains
        around, fine = fine[:, -3:], _gathered(fine[:, :-3], shares)
        return (
            around + fine,
            twice(_bounded(coarse, COARSE["gain"], COARSE["most"])),
            _bounded(fine, FINE["gain"], FINE["most"]),
            _bounded(hairs, HAIRS["gain"], HAIRS["most"]),
            CANVAS * torch.tanh(rough / CANVAS),
        )

    def along(self, x: Tensor) -> Tensor:
        """``(N, 2, H, W)``: cosine and sine of twice the angle of the contours near and, less, far around."""
        steep = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.sobel, groups=3)
        across, down = steep[:, 0::2], steep[:, 1::2]
        tensor = torch.stack([(across * across - down * down).sum(1), 2 * (across * down).sum(1)], 1)
        near, far = tensor, tensor
        for _ in range(3):
            near, far = (F.avg_pool2d(t, n, 1, n // 2, count_include_pad=False) for t, n in ((near, NEAR), (far, FAR)))
        size = (near * near).sum(1, keepdim=True)
        both = near * (size / (size + FAINT**2)) + far
        return -both / ((both * both).sum(1, keepdim=True) + 1e-12).sqrt()

    def _shares(self, along: Tensor) -> Tensor:
        """How much each direction counts, ``(N, DIRECTIONS, H, W)``."""
        return F.conv2d(along, self.angles).softmax(1)


def _strokes(*, size: int, long: float, wide: float, around: float, **_: float) -> tuple[Tensor, Tensor]:
    """Kernels: of strokes ``(DIRECTIONS, size, size)``, means along a direction less the mean around; and of that mean.

    A smear is the sum of both; apart, little is lost where the processor computes in bf16.
    """
    reach = size // 2
    y, x = torch.meshgrid(torch.arange(-reach, reach + 1.0), torch.arange(-reach, reach + 1.0), indexing="ij")
    found = []
    for k in range(DIRECTIONS):
        angle = math.pi * k / DIRECTIONS
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        found.append(torch.exp(-(u**2) / (2 * long**2) - v**2 / (2 * wide**2)))
    mean = _whole(torch.exp(-(x**2 + y**2) / (2 * around**2)))
    return torch.stack([_whole(kernel) for kernel in found]) - mean, mean


def _whole(kernel: Tensor) -> Tensor:
    """``kernel`` as whole parts of ``PARTS``, which bf16 holds exactly, that sum to 1: even areas stay as bright."""
    parts = (kernel / kernel.sum() * PARTS).round()
    middle = kernel.shape[0] // 2
    parts[middle, middle] += PARTS - parts.sum()
    return parts / PARTS


def _by_channel(kernels: Tensor) -> Tensor:
    """Kernels ``(K, s, s)`` as a convolution ``(3 K, 3, s, s)`` of each channel by itself: all of red, then green, then
    blue. One dense convolution is faster than three of one channel."""
    weight = torch.zeros(3, len(kernels), 3, *kernels.shape[1:])
    for channel in range(3):
        weight[channel, :, channel] = kernels
    return weight.flatten(0, 1)


def _convolved(x: Tensor, kernels: Tensor) -> Tensor:
    reach = kernels.shape[-1] // 2
    return F.conv2d(F.pad(x, (reach,) * 4, mode="replicate"), kernels)


def _gathered(strokes: Tensor, shares: Tensor, channels: int = 3) -> Tensor:
    """``(N, channels DIRECTIONS, H, W)`` weighted by direction, to ``(N, channels, H, W)``."""
    return torch.cat([(part * shares).sum(1, keepdim=True) for part in strokes.chunk(channels, 1)], 1)


def _bounded(x: Tensor, gain: float, most: float) -> Tensor:
    """Paint amplified, within ``most``; half of it is alike in all channels, or contours would have coloured rims."""
    return most * torch.tanh((x + x.mean(1, keepdim=True)) * (gain / most / 2))


def twice(x: Tensor) -> Tensor:
    """Twice as large."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
