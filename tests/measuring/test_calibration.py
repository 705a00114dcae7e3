"""Calibrating a model for 8 bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acutance.files.pixels import write_png
from acutance.measuring.calibration import calibrate
from acutance.models import store
from acutance.models.model import read_facts, write_model


@pytest.fixture
def photographs(tmp_path: Path, photo: np.ndarray) -> Path:
    """Nine pieces of a real photograph, one of them too small, in two folders."""
    tall = np.concatenate([photo, photo[::-1]])
    tall = np.concatenate([tall, tall[:, ::-1]], axis=1)
    for number in range(9):
        piece = np.rot90(tall[number * 9 : number * 9 + 520, number * 9 : number * 9 + 530], number)
        (tmp_path / "photos" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "photos" / f"{number % 2}" / f"{number}.png", np.ascontiguousarray(piece))
    write_png(tmp_path / "photos" / "small.png", photo[:60, :60])
    return tmp_path / "photos"


def test_a_model_gets_its_ranges_and_what_they_cost(photographs: Path, tmp_path: Path, acutance) -> None:
    done = acutance("models", "calibrate", "fidelity_compact", photographs, "-o", "mine.safetensors", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["event"] == "made" and made["name"] == "mine"
    assert "dB of PSNR-Y on 9 photographs" in acutance("models", "show", "mine.safetensors").stdout
    found = calibrate(store.load("fidelity_compact"), photographs)
    assert found.ranges == store.load(str(tmp_path / "mine.safetensors")).int8
    assert found.pictures == 9 and len(found.ranges) == 17 and all(low < high for low, high in found.ranges)
    assert found.agreement > 44 and abs(found.loss) < 0.1


def steepened(folder: Path, layers: range) -> None:
    """The same function in fp32, with one channel of ``layers`` a thousand times as strong inside: all others lose
    their steps."""
    model = store.load("fidelity_compact")
    weights = {name: tensor.copy() for name, tensor in model.weights.items()}
    for layer in layers:
        weights[f"body.{layer}.weight"][0] *= 1000
        weights[f"body.{layer}.bias"][0] *= 1000
        weights[f"body.{layer + 2}.weight"][:, 0] /= 1000
    store.copy_graph(model, folder)
    facts = {key: value for key, value in read_facts(model.path).items() if key not in ("weights_sha256", "int8")}
    write_model(folder / "steep.safetensors", weights, facts)


def test_a_convolution_that_loses_too_much_stays_as_it_is(photographs: Path, tmp_path: Path, acutance) -> None:
    steepened(tmp_path, range(0, 2, 2))
    done = acutance("models", "calibrate", "steep.safetensors", photographs, "-o", "mine.safetensors")
    assert done.returncode == 0, done.stderr
    assert store.load(str(tmp_path / "mine.safetensors")).int8.count(None) >= 1


def test_a_model_that_changes_too_much_is_not_written(photographs: Path, tmp_path: Path, acutance) -> None:
    """No more than half of the convolutions may stay as they are."""
    steepened(tmp_path, range(0, 32, 2))
    done = acutance("models", "calibrate", "steep.safetensors", photographs, "-o", "mine.safetensors")
    assert done.returncode == 4 and "more than 0.1; nothing was written" in done.stderr
    assert not list(tmp_path.glob("mine*"))


def test_even_surfaces_cost_nothing(tmp_path: Path) -> None:
    """Where fp32 makes no error at all, a tiny one is no infinite loss."""
    for level in range(8):
        write_png(tmp_path / f"{level}.png", np.full((520, 520, 3), level * 36, np.uint8))
    found = calibrate(store.load("fidelity_compact"), tmp_path)
    assert found.loss == 0 and found.agreement == 60


def test_what_cannot_be_calibrated_is_said(photographs: Path, tmp_path: Path, acutance) -> None:
    painter = acutance("models", "calibrate", "vangogh", photographs, "-o", "x.safetensors")
    assert painter.returncode == 2 and "only models that enlarge" in painter.stderr
    for number in range(3):
        next(photographs.rglob(f"{number}.png")).unlink()
    few = acutance("models", "calibrate", "fidelity_compact", photographs, "-o", "x.safetensors")
    assert few.returncode == 3 and "holds 6 pictures" in few.stderr
    nowhere = acutance("models", "calibrate", "fidelity_compact", "nowhere", "-o", "x.safetensors")
    assert nowhere.returncode == 2 and "no such folder" in nowhere.stderr
