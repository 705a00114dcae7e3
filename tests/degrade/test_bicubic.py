"""The batch reduction on torch equals the published rule inside a picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acutance.degrade.bicubic import Bicubic, downscale_valid, kernel, margin
from acutance.imaging import bicubic


def reduced(photo: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """A block of 16 x 24 low-resolution pixels: ours, with the margin around it, and the rule's."""
    edge = margin(factor)
    whole = bicubic.downscale(photo, factor)
    y, x, h, w = 20, 30, 16, 24
    wide = photo[y * factor - edge : (y + h) * factor + edge, x * factor - edge : (x + w) * factor + edge]
    got = downscale_valid(torch.from_numpy(wide.copy()).permute(2, 0, 1)[None].float(), factor)
    return got[0].permute(1, 2, 0).numpy(), whole[y : y + h, x : x + w]


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_equals_the_numpy_rule_bit_for_bit(photo: np.ndarray, factor: int) -> None:
    np.testing.assert_array_equal(*reduced(photo, factor))


def test_equals_it_within_a_level_where_the_weights_are_not_exact(photo: np.ndarray) -> None:
    got, want = reduced(photo, 3)
    np.testing.assert_allclose(got, want, atol=1)
    assert (got == want).mean() > 0.999


def test_the_kernel_sums_to_one() -> None:
    for factor in (1, 2, 3, 4):
        assert abs(kernel(factor).sum().item() - 1) < 1e-6


def test_as_a_degradation_it_is_the_same_in_unit_range(photo: np.ndarray) -> None:
    hr = torch.from_numpy(photo[:76, :76].copy()).permute(2, 0, 1)[None].float()
    lr = Bicubic()(hr, [np.random.default_rng()], 4)
    assert torch.equal(lr, downscale_valid(hr, 4) / 255)
