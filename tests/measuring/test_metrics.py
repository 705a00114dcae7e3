"""PSNR and SSIM against hand values, scikit-image and the published base line (checks C2, C3)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from acutance.errors import BadInput
from acutance.imaging.colour import luma
from acutance.measuring.benchmark import evaluate
from acutance.measuring.methods import interpolation
from acutance.measuring.metrics.psnr import psnr, psnr_y
from acutance.measuring.metrics.ssim import ssim, ssim_y


def test_hand_values() -> None:
    a = np.zeros((32, 32, 3), np.uint8)
    assert psnr(a, a + 1) == pytest.approx(48.1308, abs=1e-3)
    assert psnr(a, a + 10) == pytest.approx(28.1308, abs=1e-3)
    assert psnr_y(a, a + 1) == pytest.approx(49.4527, abs=1e-3)


def test_identity_and_border(photo: np.ndarray) -> None:
    framed = photo.copy()
    framed[:4] = framed[-4:] = 0
    framed[:, :4] = framed[:, -4:] = 0
    assert psnr_y(photo, framed, border=4) == math.inf
    assert psnr_y(photo, framed, border=0) < 40
    assert ssim_y(photo, photo) == 1.0


def test_ssim_equals_scikit_image(photo: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(photo + rng.normal(0, 12, photo.shape), 0, 255).astype(np.uint8)
    a, b = luma(photo), luma(noisy)
    _, full = structural_similarity(
        a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim(a, b) == pytest.approx(float(full[5:-5, 5:-5].mean()), abs=1e-9)


def test_shapes_that_differ_are_refused(photo: np.ndarray) -> None:
    with pytest.raises(BadInput, match="different shapes"):
        psnr_y(photo, photo[:-1])
    with pytest.raises(BadInput, match="nothing left"):
        psnr_y(photo[:8, :8], photo[:8, :8])


def test_the_published_base_line(shared: Path) -> None:
    """Ledig 2017 table 2, Wang 2018 table 1: bicubic on Set5 28.42 dB, .8104; here with float luma."""
    metrics = ("psnr_y", "ssim_y")
    (result,) = evaluate([interpolation("bicubic", 4)], [shared / "bench" / "Set5"], 4, metrics)
    assert result.lr == "given"
    assert result.mean("psnr_y") == pytest.approx(28.43, abs=0.005)
    assert result.mean("ssim_y") == pytest.approx(0.8111, abs=2e-4)
    expected = {"baby": 31.79, "bird": 30.19, "butterfly": 22.10, "head": 31.62, "woman": 26.47}
    for row in result.rows:
        name = next(key for key in expected if key in row.image.lower())
        assert row.scores["psnr_y"] == pytest.approx(expected[name], abs=0.01)
