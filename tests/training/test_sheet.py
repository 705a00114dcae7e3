"""The sheet of held-out crops, and TensorBoard beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from acutance.imaging.bicubic import downscale, modcrop, upscale
from acutance.training.board import Board
from acutance.training.sheet import GAP, busiest_crops, sheet


def pairs(*pictures: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(downscale(modcrop(p, 4), 4), modcrop(p, 4)) for p in pictures]


def test_the_busiest_place_is_taken(photo: np.ndarray) -> None:
    flat = np.full((400, 512, 3), 100, np.uint8)
    flat[130:386, 200:456] = np.random.default_rng(0).integers(0, 256, (256, 256, 3))
    crops = busiest_crops(pairs(flat, photo, photo[:100, :90], photo, photo), 4)
    assert [hr.shape for _, hr in crops] == [(256, 256, 3), (256, 256, 3), (88, 88, 3), (256, 256, 3)]
    assert crops[0][1].std(axis=(0, 1)).min() > 65  # noise nearly everywhere, on the grid of cells
    for (lr, hr), picture in zip(crops, (flat, photo), strict=False):
        whole = downscale(picture, 4)
        found = [(y, x) for y in range(0, 100, 4) for x in range(0, 128, 4)
                 if np.array_equal(whole[y : y + 64, x : x + 64], lr)]  # fmt: skip
        assert any(np.array_equal(picture[4 * y : 4 * y + 256, 4 * x : 4 * x + 256], hr) for y, x in found)
    again = busiest_crops(pairs(flat, photo), count=2)
    assert np.array_equal(crops[1][1], again[1][1])


def test_the_sheet(photo: np.ndarray) -> None:
    crops = busiest_crops(pairs(photo, photo[:100, :90]))
    asked: list[tuple[int, ...]] = []

    def run(lr: np.ndarray) -> np.ndarray:
        asked.append(lr.shape)
        return np.zeros((lr.shape[0] * 4, lr.shape[1] * 4, 3), np.uint8)

    result = sheet(crops, run)
    assert result.dtype == np.uint8 and result.shape == (22 + GAP + 256 + GAP + 88, 4 * 256 + 3 * GAP, 3)
    assert asked == [(64, 64, 3), (22, 22, 3)]
    row, step = result[22 + GAP : 22 + GAP + 256], 256 + GAP
    assert np.array_equal(row[:, step : step + 256], upscale(crops[0][0], 4))
    assert row[:, 2 * step : 2 * step + 256].max() == 0
    assert np.array_equal(row[:, 3 * step :], crops[0][1])
    assert np.array_equal(row[::4, :256:4], crops[0][0])
    heading = result[:22, :256]
    assert (heading < 255).any() and (heading[:, 40:] == 255).all()  # "LR", doubled
    assert sheet([], run).shape[0] == 22
    small = [(downscale(photo[:16, :16], 4), photo[:16, :16])]
    assert sheet(small, run).shape == (22 + GAP + 16, 4 * 16 + 3 * GAP, 3)


def test_board_writes_what_tensorboard_reads(tmp_path: Path) -> None:
    """In a process of its own, where every warning is an error."""
    pytest.importorskip("tensorboard")
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from acutance.training.board import Board\n"
        "board = Board(Path(sys.argv[1]), step=5)\n"
        "board.scalars(5, {'train/loss': 0.25, 'train/odd': float('nan')})\n"
        "board.picture(5, np.zeros((20, 30, 3), np.uint8))\n"
        "board.close()\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        "events = EventAccumulator(sys.argv[1]).Reload()\n"
        "print(events.Tags()['scalars'], events.Scalars('train/loss')[0].value, events.Images('sheet')[0].width)\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "board")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["['train/loss']", "0.25", "30"]


def test_board_is_silent_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    board = Board(tmp_path / "board")
    board.scalars(1, {"a": 1.0})
    board.picture(1, np.zeros((4, 4, 3), np.uint8))
    board.close()
    assert list(tmp_path.iterdir()) == []
