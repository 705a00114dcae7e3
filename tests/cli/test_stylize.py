"""acutance stylize as people type it, and acutance train with two datasets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.files.pixels import read_rgb8, write_png
from acutance.networks.stylizer import Painter
from acutance.training.export import export_model


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model file."""
    torch.manual_seed(0)
    arguments = {"channels": 8, "blocks": 1}
    return export_model(tmp_path_factory.mktemp("models"), "small", "painter", arguments, Painter(**arguments), {})


def test_a_folder_is_painted_and_kept(acutance, painter: Path, tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "a.png", photo[:90, :130])
    write_png(tmp_path / "in" / "b.png", photo[200:260, :75])
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    done = acutance("stylize", "in", "--model", painter, "--json")
    assert done.returncode == 1 and "broken.png" in done.stderr and "Traceback" not in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    finished = [e for e in events if e["event"] == "done"]
    assert [(e["width"], e["height"]) for e in finished] == [(130, 90), (75, 60)]
    assert all(0 < e["seams"] < 5 for e in finished)
    assert read_rgb8(tmp_path / "in_small" / "a.png").shape == (90, 130, 3)
    again = acutance("stylize", "in", "--model", painter, "--json")
    assert [json.loads(line)["event"] for line in again.stdout.splitlines()].count("kept") == 2
    beside = acutance("stylize", "in/a.png", "--model", painter, "--strength", "0.5", "--shrink", "2")
    assert beside.returncode == 0 and "seam ratio" in beside.stderr
    assert read_rgb8(tmp_path / "in" / "a_small.png").shape == (45, 65, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upscale", "p.png", "--model", "MODEL"), "small paints pictures in a style; use it with: acutance stylize"),
        (("stylize", "p.png", "--model", "fidelity"), "fidelity enlarges pictures; use it with: acutance upscale"),
        (("stylize", "p.png", "--model", "MODEL", "--strength", "1.5"), "--strength 1.5: expected 0"),
        (("stylize", "p.png", "--model", "MODEL", "--shrink", "0"), "--shrink 0: expected 1"),
        (("stylize", "none.png", "--model", "MODEL"), "none.png: no such file"),
    ],
)
def test_one_line_says_what_is_wrong(acutance, painter: Path, tmp_path: Path, arguments, message: str) -> None:
    write_png(tmp_path / "p.png", np.zeros((20, 20, 3), np.uint8))
    done = acutance(*(painter if a == "MODEL" else a for a in arguments))
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.glob("p_*"))


def test_models_are_listed_with_what_they_do(acutance, painter: Path) -> None:
    done = acutance("models", ACUTANCE_MODELS=str(painter.parent))
    lines = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert lines["small"] == "style" and lines["fidelity"] == "x4"
    shown = acutance("models", "show", painter)
    assert "paints in a style; looks 64 pixels around" in shown.stdout


def test_train_asks_for_the_second_dataset(acutance, tmp_path: Path) -> None:
    done = acutance("train", "siamese", "--data", "a", "--out", "run")
    assert done.returncode == 2 and "siamese carries the look of a second dataset" in done.stderr
    assert "--style PAINTINGS" in done.stderr and not (tmp_path / "run").exists()
