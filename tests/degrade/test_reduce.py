"""The separable filter: a single weight is subsampling, rounding follows each pass."""

from __future__ import annotations

import torch

from acutance.degrade.reduce import reach, reduce_valid


def test_one_weight_keeps_the_middle_pixel() -> None:
    picture = torch.arange(81.0).view(1, 1, 9, 9)
    kept = reduce_valid(picture, torch.tensor([0.0, 1.0, 0.0]), 3)
    assert torch.equal(kept, picture[..., 1::3, 1::3])


def test_the_order_of_the_passes_shows_in_their_rounding() -> None:
    picture = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    half = torch.tensor([0.5, 0.5])
    assert reach(2, 2) == 0
    assert reduce_valid(picture, half, 2).item() == 1  # 0.5 -> 1, then again
    assert reduce_valid(picture, half, 2, rounded=False).item() == 0.25
    tall = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    assert reduce_valid(tall, half, 2, rows_first=False).item() == 1
