"""Every recipe's small variant trains for real and its run folder upscales a photograph."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acutance.training.loop import train
from acutance.training.recipe import ConstantThenDecay
from acutance.training.recipes import RECIPES

SMALL = [
    "compact",
    "compact_x2",
    "compact_int8",
    "compact_finish",
    "compact_gan_int8",
    "compact_x2_int8",
    "compact_gan",
    *(name for name in RECIPES if name.endswith("_small") and "siamese" not in name),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_from_photographs_to_an_upscaled_picture(
    name: str, dataset: Path, tmp_path: Path, shared: Path, acutance, small_photo: np.ndarray, monkeypatch
) -> None:
    from acutance.files.pixels import read_rgb8, write_png

    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    recipe = RECIPES[name]()
    loader = replace(recipe.data, batch=2)  # type: ignore[type-var]
    recipe = replace(recipe, data=loader, schedule=ConstantThenDecay(warmup=1, decay=10))
    model = train(recipe, data=dataset, out=tmp_path / "run", steps=12)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["name"] == name
    assert model.exists() and list((tmp_path / "run" / "sheets").glob("*.png"))
    write_png(tmp_path / "photo.png", small_photo)
    done: subprocess.CompletedProcess = acutance("upscale", "photo.png", "-o", "large.png", "--model", "run")
    assert done.returncode == 0, done.stderr
    scale = recipe.data.scale
    assert read_rgb8(tmp_path / "large.png").shape == (scale * 61, scale * 83, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["siamese", "siamese_small", "siamese_plus"])
def test_from_two_datasets_to_a_painted_picture(
    name: str, dataset: Path, tmp_path: Path, shared: Path, acutance, small_photo: np.ndarray, monkeypatch
) -> None:
    from acutance.files.pixels import read_rgb8, write_png
    from acutance.training.prepare import prepare

    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    prepare([shared / "train" / "style" / "vangogh"], tmp_path / "paintings", valid_share=0.2)
    recipe = RECIPES[name]()
    recipe = replace(recipe, data=replace(recipe.data, batch=2), schedule=ConstantThenDecay(warmup=1, decay=10))  # type: ignore[type-var]
    train(recipe, data=dataset, style=tmp_path / "paintings", out=tmp_path / "run", steps=6)
    assert list((tmp_path / "run" / "sheets").glob("*.png"))
    write_png(tmp_path / "photo.png", small_photo)
    done = acutance("stylize", "photo.png", "-o", "painted.png", "--model", "run")
    assert done.returncode == 0, done.stderr
    assert read_rgb8(tmp_path / "painted.png").shape == small_photo.shape
