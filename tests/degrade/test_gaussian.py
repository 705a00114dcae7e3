"""Gaussian filter and subsampling: the same sum as written out, centred on each block."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acutance.degrade.gaussian import GaussianDown


@pytest.mark.parametrize(("scale", "taps"), [(1, 13), (2, 14), (3, 13), (4, 14), (16, 16)])
def test_one_pixel_written_out(photo: np.ndarray, scale: int, taps: int) -> None:
    law = GaussianDown()
    m, crop = law.margin(scale), 2 * scale
    assert len(law.weights(scale)) == taps and abs(law.weights(scale).sum().item() - 1) < 1e-6
    wide = photo[100 : 100 + crop + 2 * m, 100 : 100 + crop + 2 * m]
    lr = law(torch.from_numpy(wide.copy()).permute(2, 0, 1)[None].float(), [np.random.default_rng()], scale)
    centre = m + (scale - 1) / 2  # of the first block
    distance = np.arange(len(wide)) - centre
    line = np.where(np.abs(distance) <= (taps - 1) / 2, np.exp(-0.5 * (distance / 1.6) ** 2), 0)
    line /= line.sum()
    want = np.einsum("y,x,yxc->c", line, line, wide.astype(float))
    np.testing.assert_allclose(lr[0, :, 0, 0].numpy() * 255, want, atol=0.51)
