"""Bilinear reduction, with and without antialiasing: equal to Pillow and to OpenCV within a level.

Batches are reduced by a whole factor; ``resize`` takes whole pictures to any size (faces, whose
aspect ratio their recipe does not keep).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.degrade.contract import require
from acutance.degrade.reduce import reach, reduce_valid


def triangle(factor: int) -> Tensor:
    """The antialiased bilinear weights for 1 / ``factor``: a triangle as wide as two blocks.

    >>> (triangle(4) * 32).tolist()
    [1.0, 3.0, 5.0, 7.0, 7.0, 5.0, 3.0, 1.0]
    """
    count = 2 * factor - factor % 2
    distance = (torch.arange(count, dtype=torch.float64) - (count - 1) / 2).abs()
    weights = 1 - distance / factor
    return (weights / weights.sum()).float()


@dataclass(frozen=True, kw_only=True)
class AntialiasedLinear:
    """Pillow's ``resize(..., BILINEAR)`` (KerasSRGAN's loader): columns first, 8-bit after each pass."""

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return reach(len(triangle(scale)), scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, self.margin(scale))
        return reduce_valid(hr, triangle(scale), scale, rows_first=False) / 255


@dataclass(frozen=True, kw_only=True)
class Linear:
    """OpenCV's ``resize`` as it is by default: bilinear without antialiasing.

    For a whole factor it reads only the middle of each block: the mean of its 2 x 2 central pixels,
    or the central one where the factor is odd.
    """

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop: none."""
        return 0

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H, W)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        require(hr, randoms, scale, 0)
        high, low = scale // 2, (scale - 1) // 2
        rows = hr[:, :, low::scale] + hr[:, :, high::scale]
        four = rows[..., low::scale] + rows[..., high::scale]
        return torch.floor(four / 4 + 0.5) / 255


def resize(picture: np.ndarray, height: int, width: int, *, antialias: bool) -> np.ndarray:
    """A whole picture, uint8 ``(H, W, 3)``, to uint8 ``(height, width, 3)``, bilinear.

    ``antialias``: as Pillow does; without it: as OpenCV does by default. Both within one level.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
    small = F.interpolate(pixels, size=(height, width), mode="bilinear", align_corners=False, antialias=antialias)
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())
