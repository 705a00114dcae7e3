"""Published weights, imported and run: minutes on a small machine, so only with ``-m slow``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from acutance.measuring.benchmark import evaluate
from acutance.measuring.methods import network
from acutance.models.foreign import read_foreign
from acutance.models.model import Model, read_model
from acutance.pipelines.upscale import Settings, Upscaler
from acutance.training.export import export_model

pytestmark = pytest.mark.slow


def imported(folder: Path, shared: Path, name: str) -> Model:
    found = read_foreign(shared / "weights" / f"{name}.pth")
    return read_model(export_model(folder, name, found.network, found.arguments, found.module(), {}))


@pytest.fixture(scope="module")
def esrgan(shared: Path, tmp_path_factory) -> Model:
    return imported(tmp_path_factory.mktemp("esrgan"), shared, "RRDB_ESRGAN_x4_fp16")


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_the_esrgan_model_scores_as_published(esrgan: Model, shared: Path, precision: str) -> None:
    """Set5, luma, x4: 30.44 dB for the public weights where luma is rounded to levels; 30.46 as measured here."""
    method = network(esrgan, Settings(precision=precision))  # type: ignore[arg-type]
    (result,) = evaluate([method], [shared / "bench" / "Set5"], 4, ("psnr_y",))
    assert result.mean("psnr_y") == pytest.approx(30.46, abs=0.02)


def test_the_practical_halo_of_a_deep_rrdb(esrgan: Model, photo: np.ndarray) -> None:
    """Tiles of 56 kept pixels against the whole picture: 66 dB, at most 3 levels."""
    image = np.ascontiguousarray(photo[60:220, 150:310])
    whole = Upscaler(esrgan, Settings(precision="fp32", tile=400)).array(image)
    tile = 56 + 2 * (esrgan.geometry.halo or 0)
    tiled = Upscaler(esrgan, Settings(precision="fp32", tile=tile)).array(image)
    difference = np.abs(tiled.astype(int) - whole)
    assert 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2)) > 64
    assert difference.max() <= 4 and np.mean(difference > 1) < 0.001


@pytest.mark.parametrize("name", ["realesr-general-x4v3", "RealESRGAN_x4plus_fp16"])
def test_published_models_agree_between_the_engines(shared: Path, tmp_path: Path, photo: np.ndarray, name: str) -> None:
    model = imported(tmp_path, shared, name)
    image = np.ascontiguousarray(photo[100:164, 200:280])
    fp32, torch_fp32, bf16 = (
        Upscaler(model, dataclasses.replace(Settings(), engine=engine, precision=precision)).array(image).astype(int)
        for engine, precision in (("cpu", "fp32"), ("torch", "fp32"), ("cpu", "auto"))
    )
    assert np.abs(fp32 - torch_fp32).max() <= 1
    difference = np.abs(bf16 - torch_fp32)
    assert 10 * np.log10(255**2 / max(np.mean(difference.astype(float) ** 2), 1e-9)) >= 50
