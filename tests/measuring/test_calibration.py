"""Calibrating a model for 8 bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acutance.files.pixels import write_png
from acutance.measuring.calibration import calibrate
from acutance.models import store


@pytest.fixture
def photographs(tmp_path: Path, photo: np.ndarray) -> Path:
    """Nine pieces of a real photograph, one of them too small, in two folders."""
    tall = np.concatenate([photo, photo[::-1]])
    tall = np.concatenate([tall, tall[:, ::-1]], axis=1)
    for number in range(9):
        piece = np.rot90(tall[number * 10 : number * 10 + 260, number * 12 : number * 12 + 270], number)
        (tmp_path / "photos" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "photos" / f"{number % 2}" / f"{number}.png", np.ascontiguousarray(piece))
    write_png(tmp_path / "photos" / "small.png", photo[:60, :60])
    return tmp_path / "photos"


def test_a_model_gets_its_ranges_and_what_they_cost(photographs: Path, tmp_path: Path, acutance) -> None:
    done = acutance("models", "calibrate", "fidelity_x2", photographs, "-o", "mine.safetensors", "--json")
    if done.returncode == 0:
        made = json.loads(done.stdout)
        assert made["event"] == "made" and made["name"] == "mine"
        shown = acutance("models", "show", "mine.safetensors")
        assert "dB of PSNR-Y on 9 photographs" in shown.stdout
    found = calibrate(store.load("fidelity_x2"), photographs)
    assert found.pictures == 9 and len(found.ranges) == 17 and all(low < high for low, high in found.ranges)
    assert found.agreement > 40 and abs(found.loss) < 1
    assert done.returncode == 0, done.stderr


def test_a_model_that_changes_too_much_is_not_written(photographs: Path, tmp_path: Path, acutance) -> None:
    done = acutance("models", "calibrate", "restore", photographs, "-o", "mine.safetensors")
    assert done.returncode == 4 and "more than 0.1; nothing was written" in done.stderr
    assert not list(tmp_path.glob("mine*"))


def test_what_cannot_be_calibrated_is_said(photographs: Path, tmp_path: Path, acutance) -> None:
    painter = acutance("models", "calibrate", "vangogh", photographs, "-o", "x.safetensors")
    assert painter.returncode == 2 and "only models that enlarge" in painter.stderr
    for number in range(3):
        next(photographs.rglob(f"{number}.png")).unlink()
    few = acutance("models", "calibrate", "fidelity_x2", photographs, "-o", "x.safetensors")
    assert few.returncode == 3 and "holds 6 pictures" in few.stderr
    nowhere = acutance("models", "calibrate", "fidelity", "nowhere", "-o", "x.safetensors")
    assert nowhere.returncode == 2 and "no such folder" in nowhere.stderr
