"""What ships does its job, on photographs that no model learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance import Upscaler
from acutance.degrade.realesrgan import RealESRGAN
from acutance.imaging.bicubic import downscale, upscale
from acutance.measuring.metrics.lpips import lpips
from acutance.measuring.metrics.psnr import psnr_y
from acutance.training.data import as_levels, generator


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """scikit-image's astronaut, cat and cup, 192 x 192 pieces."""
    from skimage import data

    pieces = ((data.astronaut(), 60, 150), (data.chelsea(), 60, 120), (data.coffee(), 100, 200))
    return [np.ascontiguousarray(p[y : y + 192, x : x + 192]) for p, y, x in pieces]


DAMAGED = [("restore", "fidelity", 4), ("restore_x2", "fidelity_x2", 2)]


def damaged(hr: np.ndarray, scale: int, seed: int) -> np.ndarray:
    """Blurred, noisy, compressed twice, as Wang et al. 2021 do."""
    chain = RealESRGAN()
    margin = chain.margin(scale)
    wide = np.pad(hr, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    lr = chain(as_levels([wide], torch.device("cpu")), [generator(3, seed)], scale)[0]
    return (lr * 255).round().byte().permute(1, 2, 0).numpy()


def mean_psnr(name: str, pairs: list[tuple[np.ndarray, np.ndarray]], scale: int) -> float:
    """Of a model, or ``bicubic``."""
    run = (lambda lr: upscale(lr, scale)) if name == "bicubic" else Upscaler(name)
    return float(np.mean([psnr_y(run(lr), hr, border=scale) for lr, hr in pairs]))


@pytest.mark.parametrize(
    ("name", "scale", "gain"),
    [
        ("fidelity", 4, 1.5),
        ("fidelity_compact", 4, 1.0),
        ("fidelity_x2", 2, 2.0),
        ("fidelity_x2_fast", 2, 1.5),
        ("srresnet", 4, 0.8),
    ],
)
def test_clean_pictures_come_out_truer_than_by_bicubic(
    name: str, scale: int, gain: float, photos: list[np.ndarray]
) -> None:
    pairs = [(downscale(hr, scale), hr) for hr in photos]
    assert mean_psnr(name, pairs, scale) > mean_psnr("bicubic", pairs, scale) + gain


@pytest.mark.parametrize(("name", "plain", "scale"), DAMAGED)
def test_noise_is_taken_away(name: str, plain: str, scale: int) -> None:
    """Where the models for clean pictures keep it."""
    noise = np.random.default_rng(0).normal(128, 8, (48, 48, 3)).clip(0, 255).round().astype(np.uint8)
    left = {model: float(Upscaler(model)(noise)[16:-16, 16:-16].std()) for model in (name, plain)}
    assert left[name] < 0.8 * left[plain], left


@pytest.mark.parametrize(("name", "plain", "scale"), DAMAGED)
def test_damaged_pictures_come_out_more_alike(
    name: str, plain: str, scale: int, photos: list[np.ndarray], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By LPIPS, which no loss saw."""
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    pairs = [(damaged(hr, scale, seed), hr) for seed, hr in enumerate(photos)]
    found = {model: np.mean([lpips(Upscaler(model)(lr), hr) for lr, hr in pairs]) for model in (name, plain)}
    assert found[name] < 0.85 * found[plain], found


def test_a_face_comes_out_more_alike_than_by_bicubic(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage import data

    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    face = np.ascontiguousarray(data.astronaut()[0:256, 100:356])
    lr = downscale(face, 4)
    assert lpips(Upscaler("face_srgan")(lr), face) < 0.6 * lpips(upscale(lr, 4), face)


@pytest.mark.parametrize(
    ("name", "most"), [("fidelity", 1.5), ("fidelity_compact", 1.5), ("texture", 1.5), ("restore", 1.5)]
)
def test_noise_is_not_woven_into_a_grid(name: str, most: float) -> None:
    """How far the 4 x 4 places within an input pixel lie apart in their means, in levels, under grey noise of 3
    (``benchmarks/varied.py``); 10.4 once by ``texture``."""
    y, x = np.mgrid[:48, :48]
    grey = 150 + 20 * np.sin(x / 30) + 15 * np.cos(y / 25) + np.random.default_rng(0).normal(0, 3, x.shape)
    picture = np.repeat(grey.round().astype(np.uint8)[..., None], 3, 2)
    result = Upscaler(name)(picture).astype(float).mean(2)[32:-32, 32:-32]
    places = result.reshape(result.shape[0] // 4, 4, -1, 4).mean((0, 2))
    assert np.ptp(places) < most
