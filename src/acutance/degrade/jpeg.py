"""Baseline JPEG with 4:2:0 chroma, and its relatives, as arithmetic on a batch (torch).

ITU-T T.81 (tables of Annex K) and the quality scale and chroma filters of libjpeg. Entropy coding
loses nothing and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Matrix = tuple[tuple[float, ...], ...]

# T.81, Annex K, tables K.1 and K.2, rows from the lowest vertical frequency
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
RGB_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
YCC_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def jpeg(picture: Tensor, quality: Sequence[int], phase: tuple[int, int] = (0, 0)) -> Tensor:
    """What a JPEG file of the given quality (1..100, one for each sample) makes of the picture.

    picture: ``(N, 3, H, W)`` levels 0..255, rounded and clipped first; whole levels come back.
    phase: rows and columns (0..15) by which the picture lies beyond the corner of a 16 x 16 block,
    as after a crop.
    """
    luma = torch.stack([scaled(LUMA, q, picture.device) for q in quality])
    chroma = torch.stack([scaled(CHROMA, q, picture.device) for q in quality])
    return code(picture, luma, chroma, phase)


def draw_phase(random: np.random.Generator) -> tuple[int, int]:
    """Where a grid of blocks lies: a crop of a file does not begin with a block (ours)."""
    return int(random.integers(16)), int(random.integers(16))


@lru_cache(maxsize=512)
def scaled(table: Matrix, quality: int, device: torch.device | None = None) -> Tensor:
    """``table`` at libjpeg's ``quality``, float32 ``(8, 8)`` of whole steps 1..255.

    >>> scaled(LUMA, 50)[0].tolist(), scaled(LUMA, 100).max().item(), scaled(LUMA, 10)[0, 0].item()
    ([16.0, 11.0, 10.0, 16.0, 24.0, 40.0, 51.0, 61.0], 1.0, 80.0)
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = (torch.tensor(table, dtype=torch.float64) * percent + 50) / 100
    return steps.floor().clamp(1, 255).float().to(device)


def code(picture: Tensor, luma: Tensor, chroma: Tensor, phase: tuple[int, int] = (0, 0)) -> Tensor:
    """Transform coding with any tables: JPEG, or the intra frames of MPEG.

    picture: ``(N, 3, H, W)`` levels; luma, chroma: steps ``(N, 8, 8)``; returns whole levels 0..255.
    """
    height, width = picture.shape[-2:]
    top, left = phase
    ycc = rotate(picture.round().clamp_(0, 255), RGB_TO_YCC).round_()
    ycc = F.pad(ycc, (left, -(left + width) % 16, top, -(top + height) % 16), mode="replicate")
    y = quantise(ycc[:, :1] - 128, luma) + 128
    mean = F.avg_pool2d(ycc[:, 1:], 2)
    mean = torch.floor(mean + (1 + torch.arange(mean.shape[-1], device=mean.device) % 2) / 4)  # libjpeg's bias
    cbcr = F.interpolate(quantise(mean, chroma), scale_factor=2, mode="bilinear", align_corners=False)
    ycc = torch.cat((y, cbcr.round_()), 1)[..., top : top + height, left : left + width]
    return rotate(ycc, YCC_TO_RGB).round_().clamp_(0, 255)


def quantise(plane: Tensor, steps: Tensor) -> Tensor:
    """Round the cosine coefficients of each 8 x 8 block of ``(N, C, H, W)`` to whole ``steps``.

    plane: levels around 0, H and W multiples of 8; steps: ``(N, 8, 8)``. Rounded, in -128..127.
    """
    cosines = dct(plane.device)
    steps = steps.flatten(1)[:, None, :, None]
    blocks = F.pixel_unshuffle(plane.flatten(0, 1)[:, None], 8)
    coefficients = (cosines @ blocks.flatten(2)).view(*plane.shape[:2], 64, -1)
    coefficients = (coefficients / steps).round_().mul_(steps)
    blocks = (cosines.T @ coefficients.flatten(0, 1)).view(blocks.shape)
    return F.pixel_shuffle(blocks, 8).view(plane.shape).round_().clamp_(-128, 127)


def rotate(picture: Tensor, matrix: Matrix) -> Tensor:
    """Multiply the colours of ``(N, 3, H, W)`` by a 3 x 3 matrix."""
    return (colours(matrix, picture.device) @ picture.flatten(2)).view(picture.shape)


@lru_cache(maxsize=16)
def colours(matrix: Matrix, device: torch.device) -> Tensor:
    """``matrix`` as float32 on ``device``."""
    return torch.tensor(matrix, device=device)


@lru_cache(maxsize=8)
def dct(device: torch.device) -> Tensor:
    """The orthonormal cosine transform of an 8 x 8 block as one ``(64, 64)`` matrix (T.81, A.3.3)."""
    angle = torch.outer(torch.arange(8, dtype=torch.float64), 2 * torch.arange(8, dtype=torch.float64) + 1) * math.pi
    line = torch.cos(angle / 16) / 2
    line[0] /= math.sqrt(2)
    return torch.kron(line, line).float().to(device)
