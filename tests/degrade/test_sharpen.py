"""Unsharp masking against the sum written out, with OpenCV's Gaussian of 51 taps."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.degrade.sharpen import blur, unsharp


def plain_blur(picture: Tensor) -> Tensor:
    taps = torch.exp(-0.5 * (torch.arange(-25, 26) / 8.0) ** 2)
    line = (taps / taps.sum()).view(1, 1, 51, 1)
    wide = F.pad(picture, (25,) * 4, mode="reflect").flatten(0, 1)[:, None]
    return F.conv2d(F.conv2d(wide, line), line.transpose(2, 3)).view(picture.shape)


def test_the_wide_blur_is_the_full_sum(photo: np.ndarray) -> None:
    picture = torch.from_numpy(photo[:150, 150:333].copy()).permute(2, 0, 1)[None].float()
    error = (blur(picture, 51) - plain_blur(picture)).abs()
    assert error.max() < 0.5 and error.mean() < 0.06


def test_sharpening_is_the_published_rule(photo: np.ndarray) -> None:
    picture = torch.from_numpy(photo[:150, 150:333].copy()).permute(2, 0, 1)[None].float()
    residual = picture - plain_blur(picture)
    mask = plain_blur((residual.abs() > 10).float())
    want = mask * (picture + 0.5 * residual).clamp(0, 255) + (1 - mask) * picture
    error = (unsharp(picture) - want).abs()
    assert error.max() < 1.5 and error.mean() < 0.06  # levels; a residual at the threshold may fall either way


def test_flat_parts_keep_their_noise() -> None:
    flat = torch.full((1, 3, 64, 64), 100.0) + torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(unsharp(flat), flat)
