"""The three structural similarities against plain loops, published figures and other people's documentation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadInput
from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import downscale, upscale
from acutance.imaging.colour import luma
from acutance.measuring.metrics.ms_ssim import WEIGHTS, halve, ms_ssim, ms_ssim_y
from acutance.measuring.metrics.ssim import gaussian_window, similarity, ssim, ssim_y
from acutance.measuring.metrics.ssim_daala import daala_window, ssim_daala, ssim_daala_y


def noisy(picture: np.ndarray, sigma: float = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(picture.dtype)


def plain_factors(a: np.ndarray, b: np.ndarray, window: np.ndarray) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure, one window at a time, straight from Wang 2004, eqs. 6-13."""
    size = len(window)
    found = []
    for y in range(a.shape[0] - size + 1):
        for x in range(a.shape[1] - size + 1):
            p, q = a[y : y + size, x : x + size], b[y : y + size, x : x + size]
            m, n = (window * p).sum(), (window * q).sum()
            v, w, c = (window * (p - m) ** 2).sum(), (window * (q - n) ** 2).sum(), (window * (p - m) * (q - n)).sum()
            structure = (2 * c + 58.5225) / (v + w + 58.5225)
            found.append(((2 * m * n + 6.5025) / (m * m + n * n + 6.5025) * structure, structure))
    return tuple(np.mean(found, 0))


@pytest.mark.parametrize("shape", [(11, 11), (12, 43), (32 + 10, 15), (32 + 11, 20), (75, 13)])
def test_strips_change_nothing(shape: tuple[int, int]) -> None:
    """Heights on both sides of what one strip holds."""
    a = np.random.default_rng(1).uniform(0, 255, shape)
    b = noisy(a)
    window = np.outer(gaussian_window(), gaussian_window())
    assert similarity(a, b) == pytest.approx(plain_factors(a, b, window), abs=1e-10)


def test_memory_is_a_strip_not_a_picture() -> None:
    import tracemalloc

    a = np.random.default_rng(0).integers(0, 255, (1500, 400)).astype(np.float64)
    tracemalloc.start()
    ssim(a, a + 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * a.nbytes  # the old way took 27 times the picture


def test_constant_pictures_are_defined() -> None:
    a = np.full((200, 200, 3), 90, np.uint8)
    for measure in (ssim_y, ssim_daala_y, ms_ssim_y):
        assert measure(a, a) == pytest.approx(1, abs=1e-12)
        assert 0 < measure(a, a + 60) < 1


def test_ms_ssim_is_its_definition(photo: np.ndarray) -> None:
    a = luma(photo[100:277, 150:331])  # odd sides
    b = noisy(a, 25)
    window = np.outer(gaussian_window(), gaussian_window())
    expected, p, q = 1.0, a, b
    for scale, weight in enumerate(WEIGHTS):
        factors = plain_factors(p, q, window) if scale else similarity(p, q)  # the loop is slow on the finest
        expected *= factors[0 if scale == 4 else 1] ** weight
        p, q = halve(p), halve(q)
    assert min(p.shape) == 6  # 177 -> 89 -> 45 -> 23 -> 12 -> 6
    assert ms_ssim(a, b) == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_as_torchmetrics_documents_it() -> None:
    """torchmetrics' functional documentation: rand([3, 3, 256, 256]) of seed 42 against 0.75 of it gives 0.9627
    (0.9628 in some versions; rounding of fp32), factors averaged over the channels before the product."""
    preds = torch.rand([3, 3, 256, 256], generator=torch.manual_seed(42)).double().numpy()
    values = []
    for sample in preds:
        bands, result = [(band, band * 0.75) for band in sample], 1.0
        for scale, weight in enumerate(WEIGHTS):
            whole, structure = np.mean([similarity(p, q, peak=1.0) for p, q in bands], 0)
            result *= (whole if scale == 4 else structure) ** weight
            bands = [(halve(p), halve(q)) for p, q in bands]
        values.append(result)
    assert np.mean(values) == pytest.approx(0.9627, abs=1e-4)


def test_ms_ssim_of_opposites_is_nought_not_nan() -> None:
    a = np.random.default_rng(0).uniform(0, 255, (180, 180))
    assert ms_ssim(a, 255 - a) == 0


def test_too_small_is_said() -> None:
    a = np.zeros((183, 300, 3), np.uint8)
    with pytest.raises(BadInput, match=r"MS-SSIM needs at least 176 pixels a side inside the border, got 292x175"):
        ms_ssim_y(a, a)
    assert ms_ssim_y(a, a, border=3) == 1
    with pytest.raises(BadInput, match="SSIM needs at least 11"):
        ssim_y(a[:18], a[:18])
    with pytest.raises(BadInput, match="equal shape"):
        ssim_daala_y(a, a[1:])


def plain_daala(a: np.ndarray, b: np.ndarray) -> float:
    """One pixel at a time: weights in whole 256ths, of which those outside the picture are not counted."""
    height, width = a.shape
    weights = daala_window(height, width) * 256
    half = len(weights) // 2
    total = covered = 0.0
    for y in range(height):
        for x in range(width):
            rows = [r for r in range(y - half, y + half + 1) if 0 <= r < height]
            columns = [c for c in range(x - half, x + half + 1) if 0 <= c < width]
            w = np.outer(weights[[r - y + half for r in rows]], weights[[c - x + half for c in columns]])
            p, q = a[np.ix_(rows, columns)], b[np.ix_(rows, columns)]
            n, x1, x2 = w.sum(), (w * p).sum(), (w * q).sum()
            c1, c2 = 6.5025 * n * n, 58.5225 * n * n
            covariance = (w * p * q).sum() * n - x1 * x2
            variances = (w * p * p).sum() * n - x1 * x1 + (w * q * q).sum() * n - x2 * x2
            total += n * (2 * x1 * x2 + c1) * (2 * covariance + c2) / ((x1**2 + x2**2 + c1) * (variances + c2))
            covered += n
    return total / covered


@pytest.mark.parametrize("shape", [(40, 33), (300, 14), (20, 70)])
def test_daala_is_its_definition(shape: tuple[int, int]) -> None:
    a = np.random.default_rng(2).uniform(0, 255, shape)
    b = noisy(a)
    assert ssim_daala(a, b) == pytest.approx(plain_daala(a, b), abs=1e-10)


def test_daala_window_grows_with_the_picture() -> None:
    assert len(daala_window(4, 4)) == 1
    assert len(daala_window(1080, 1920)) > 3 * len(daala_window(256, 256))
    assert daala_window(1080, 1920).sum() == pytest.approx(1)


def test_the_table_of_srgan(shared: Path) -> None:
    """Ledig 2017, table 2: bicubic x4 has 0.8211 on Set5 and 0.7486 on Set14 (ESRGAN's table: 0.8104, 0.7027).

    Their pictures have the older border (replicate); Set14's grey "bridge" is measured as it is.
    """
    for folder, published in (("Set5", 0.8211), ("Set14", 0.7486)):
        values = []
        for path in sorted((shared / "bench" / folder / "HR").iterdir()):
            hr = read_rgb8(path)
            result = upscale(downscale(hr, 4, border="replicate"), 4, border="replicate")
            if folder == "Set14" and path.stem == "img_003":
                assert np.ptp(hr, axis=2).max() == 0  # grey
                values.append(ssim_daala(hr[..., 0], result[..., 0], border=4))
            else:
                values.append(ssim_daala_y(hr, result))
        assert len(values) in (5, 14)
        assert math.fsum(values) / len(values) == pytest.approx(published, abs=1.5e-4)
