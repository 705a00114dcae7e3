"""The batch reduction on torch equals the published rule inside a picture."""

from __future__ import annotations

import numpy as np
import torch

from acutance.degrade.bicubic import downscale_valid, kernel, margin
from acutance.imaging import bicubic


def test_equals_the_numpy_rule_bit_for_bit(photo: np.ndarray) -> None:
    for factor in (2, 4):
        edge = margin(factor)
        whole = bicubic.downscale(photo, factor)
        # a block of 16 x 24 low-resolution pixels, with the margin around it
        y, x, h, w = 20, 30, 16, 24
        wide = photo[y * factor - edge : (y + h) * factor + edge, x * factor - edge : (x + w) * factor + edge]
        got = downscale_valid(torch.from_numpy(wide.copy()).permute(2, 0, 1)[None].float(), factor)
        np.testing.assert_array_equal(got[0].permute(1, 2, 0).numpy(), whole[y : y + h, x : x + w])


def test_the_kernel_sums_to_one() -> None:
    for factor in (2, 3, 4):
        assert abs(kernel(factor).sum().item() - 1) < 1e-6
