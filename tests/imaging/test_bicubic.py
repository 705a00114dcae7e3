"""MATLAB's bicubic, by its published weights and pictures (specification checks C1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import downscale, modcrop, resize, taps


def test_an_impulse_shows_the_16_weights() -> None:
    expected = np.array([-1.75, -11.25, -18.75, -12.25, 23.25, 99.75, 186.25, 246.75]) / 1024
    impulse = np.zeros((1, 128))
    impulse[0, 64] = 1.0
    got = resize(impulse, 1, 32, scale=0.25)[0]
    both = np.concatenate([expected, expected[::-1]])
    np.testing.assert_allclose(got[14:18], both[[14, 10, 6, 2]], atol=1e-6)
    np.testing.assert_allclose(taps(128, 32)[1][16], both, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(8, 9), (77, 40), (31, 123)])
def test_a_constant_stays_constant_to_the_border(height: int, width: int) -> None:
    np.testing.assert_allclose(resize(np.full((32, 36), 0.7), height, width), 0.7, atol=1e-6)


def test_the_interior_equals_torchs_antialiased_bicubic_only(photo: np.ndarray) -> None:
    image = photo[:, :, 0].astype(np.float64)
    ours = resize(image, 128, 128)[2:-2, 2:-2]
    x = torch.from_numpy(image)[None, None]
    theirs = {
        alias: F.interpolate(x, scale_factor=0.25, mode="bicubic", antialias=alias)[0, 0, 2:-2, 2:-2].numpy()
        for alias in (True, False)
    }
    np.testing.assert_allclose(ours, theirs[True], atol=1e-3)
    assert np.abs(ours - theirs[False]).max() > 5


@pytest.mark.parametrize(("name", "border", "count"), [("Set5", "symmetric", 5), ("Set14", "replicate", 14)])
def test_published_pictures_are_reproduced_bit_for_bit(shared: Path, name: str, border, count: int) -> None:
    originals = sorted((shared / "bench" / name / "HR").iterdir())
    partners = {p.stem.removesuffix("x4"): p for p in (shared / "bench" / name / "LRx4").iterdir()}
    assert len(originals) == count
    for path in originals:
        ours = downscale(modcrop(read_rgb8(path), 4), 4, border=border)
        np.testing.assert_array_equal(ours, read_rgb8(partners[path.stem]), err_msg=path.name)
