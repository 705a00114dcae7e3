"""NIQE against MATLAB's own figure, and what it does where it is not defined."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from acutance.errors import BadInput, BadModel, UsageError
from acutance.files.pixels import read_rgb8
from acutance.measuring.metrics.niqe import features, fit, niqe, niqe_y, normalised, pristine
from acutance.measuring.metrics.perceptual_index import perceptual_index, read_ma_scores


@pytest.fixture
def weights(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    return shared / "weights"


@pytest.fixture
def baboon(shared: Path) -> np.ndarray:
    return read_rgb8(shared / "bench" / "Set14" / "HR" / "img_001.png")


def test_equal_to_matlab(weights: Path, baboon: np.ndarray) -> None:
    """BasicSR's documentation of calculate_niqe: MATLAB R2021a gives 5.72957338 for this picture's luma.

    mmagic's test_niqe.py: 5.73154 for its grey, 5.62525 for its blue band.
    """
    assert baboon.shape == (480, 500, 3)
    assert niqe_y(baboon, border=0) == pytest.approx(5.72957338, rel=1e-6)
    grey = np.rint(baboon @ np.array([0.299, 0.587, 0.114]))
    assert niqe(grey) == pytest.approx(5.73154, abs=2e-5)
    assert niqe(baboon[..., 2]) == pytest.approx(5.62525, abs=1e-5)


def test_worse_pictures_have_more(weights: Path, baboon: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 40, baboon.shape)
    rough = np.clip(baboon + noise, 0, 255).astype(np.uint8)
    coarse = baboon[::8, ::8].repeat(8, 0).repeat(8, 1)
    assert niqe_y(baboon) < min(niqe_y(rough), niqe_y(coarse)) - 1


def test_fast(weights: Path, photo: np.ndarray) -> None:
    niqe_y(photo)
    start = time.process_time()
    niqe_y(photo)
    assert time.process_time() - start < 0.6  # 0.07 s on an idle core


def test_the_fit_finds_the_distribution_it_is_given() -> None:
    rng = np.random.default_rng(3)
    alpha, left, right, mean = fit(np.stack([rng.normal(0, 1, 200_000), rng.laplace(0, 1, 200_000)]))
    assert alpha == pytest.approx([2, 1], abs=0.03)
    assert left == pytest.approx([np.sqrt(2), 1], abs=0.03) and right == pytest.approx([np.sqrt(2), 1], abs=0.03)
    assert mean == pytest.approx([0, 0], abs=0.02)


def test_the_fit_takes_the_nearest_candidate() -> None:
    """As the authors' code: the least squared distance over all 9801, not only the two beside it."""
    from scipy.special import gamma

    values = np.random.default_rng(5).normal(0.1, 1, (40, 500)) ** 3
    candidates = 0.2 + 0.001 * np.arange(9801)
    ratios = gamma(2 / candidates) ** 2 / (gamma(1 / candidates) * gamma(3 / candidates))
    for row, alpha in zip(values, fit(values)[0], strict=True):
        left, right = np.sqrt((row[row < 0] ** 2).mean()), np.sqrt((row[row > 0] ** 2).mean())
        g = left / right
        ratio = np.abs(row).mean() ** 2 / (row**2).mean() * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
        assert alpha == candidates[np.argmin((ratios - ratio) ** 2)]


def test_flat_blocks_are_as_in_the_original() -> None:
    """A block with nothing but rounding in it has alpha 0.2 and no widths; others are not touched by it."""
    image = np.full((96, 192), 255.0)
    image[:, 110:] = np.random.default_rng(0).uniform(0, 255, (96, 82))
    flat, rough = features(normalised(image), 96)
    assert flat[0] == 0.2 and np.isnan(flat[1]) and np.isfinite(rough).all()


def test_where_it_is_not_defined(weights: Path) -> None:
    with pytest.raises(BadInput, match="without structure"):
        niqe_y(np.full((300, 300, 3), 128, np.uint8))
    with pytest.raises(BadInput, match=r"two blocks of 96x96 pixels inside the border, got 183x120"):
        niqe_y(np.zeros((128, 191, 3), np.uint8))
    with pytest.raises(BadInput, match="one band"):
        niqe(np.zeros((300, 300, 3)))


def test_the_parameters_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared: Path) -> None:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match=r"niqe_pris_params.npz: not in .*published at https://github.com/XPixelGroup"):
        niqe(np.zeros((300, 300)))
    real = (shared / "weights" / "niqe_pris_params.npz").read_bytes()
    (tmp_path / "niqe_pris_params.npz").write_bytes(real[:-1] + b"x")
    with pytest.raises(BadModel, match="expected 2a7c182a"):
        niqe(np.zeros((300, 300)))
    np.savez(tmp_path / "other.npz", mu=np.zeros(3))
    with pytest.raises(BadModel, match="no NIQE parameters"):
        pristine(tmp_path / "other.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK no archive")
    with pytest.raises(BadModel, match="no file of arrays"):
        pristine(tmp_path / "broken.npz")


def test_perceptual_index(tmp_path: Path) -> None:
    """ESRGAN, figure 7: the original of "baboon" has PI 3.59; with our NIQE its Ma score would then be in range."""
    assert perceptual_index(0, 10) == 0 and perceptual_index(5.73, 8.55) == pytest.approx(3.59)
    with pytest.raises(BadInput, match="0 to 10"):
        perceptual_index(5, 11)
    path = tmp_path / "ma.csv"
    path.write_text("name,score\nbaboon, 8.5\n\nlenna,7\n")
    assert read_ma_scores(path) == {"baboon": 8.5, "lenna": 7.0}
    for text, fault in (("a,1\nb", "line 2 is not"), ("a,1\na,2", "twice"), ("a,nan", "0 to 10")):
        path.write_text(text)
        with pytest.raises(BadInput, match=fault):
            read_ma_scores(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_ma_scores(tmp_path / "none.csv")
