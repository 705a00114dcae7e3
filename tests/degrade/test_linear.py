"""Bilinear reduction against arrays made by OpenCV 5.0.0 and Pillow 13.0.0 from scikit-image's astronaut.

``golden_linear.npz`` holds ``cv2.resize(x, size)`` and ``Image.resize(size, BILINEAR)`` of
astronaut[64:160, 160:288], cut to a multiple, by 1/2, 1/3 and 1/4, and of astronaut[80:141, 180:263]
at 24 x 32 and 80 x 64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.degrade.contract import Degradation
from acutance.degrade.linear import AntialiasedLinear, Linear, resize

with np.load(Path(__file__).with_name("golden_linear.npz")) as arrays:
    GOLDEN = dict(arrays)


def reduce(degradation: Degradation, photo: np.ndarray, factor: int) -> np.ndarray:
    """Levels of the reduced golden crop, with real pixels around it."""
    m, height, width = degradation.margin(factor), 96 // factor * factor, 128 // factor * factor
    wide = photo[64 - m : 64 + height + m, 160 - m : 160 + width + m].copy()
    lr = degradation(torch.from_numpy(wide).permute(2, 0, 1)[None].float(), [np.random.default_rng()], factor)
    return (lr[0] * 255).round().permute(1, 2, 0).numpy().astype(int)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_plain_linear_is_opencvs_resize(photo: np.ndarray, factor: int) -> None:
    np.testing.assert_allclose(reduce(Linear(), photo, factor), GOLDEN[f"opencv_{factor}"].astype(int), atol=1)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_antialiased_linear_is_pillows_resize(photo: np.ndarray, factor: int) -> None:
    got, want = reduce(AntialiasedLinear(), photo, factor), GOLDEN[f"pillow_{factor}"].astype(int)
    # the golden crop ends where ours sees on: its outermost pixels differ
    np.testing.assert_allclose(got[1:-1, 1:-1], want[1:-1, 1:-1], atol=1)


@pytest.mark.parametrize("size", [(24, 32), (80, 64)])
@pytest.mark.parametrize("library", ["opencv", "pillow"])
def test_whole_pictures_of_any_aspect(small_photo: np.ndarray, size: tuple[int, int], library: str) -> None:
    want = GOLDEN[f"{library}_{size[0]}x{size[1]}"]
    got = resize(small_photo, *size, antialias=library == "pillow")
    assert got.dtype == np.uint8 and got.shape == (*size, 3)
    np.testing.assert_allclose(got.astype(int), want.astype(int), atol=1)


def test_scale_one_changes_nothing(photo: np.ndarray) -> None:
    hr = torch.from_numpy(photo[:16, :16].copy()).permute(2, 0, 1)[None].float()
    for degradation in (Linear(), AntialiasedLinear()):
        assert degradation.margin(1) == 0
        torch.testing.assert_close(degradation(hr, [np.random.default_rng()], 1) * 255, hr)
