"""What validation looks at, and what a run refuses before or after it has begun."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_recipe import tiny

from acutance.errors import BadInput, Interrupted, UsageError
from acutance.models.model import read_model
from acutance.networks.compact import Compact, start_near_identity
from acutance.training import checkpoint, parallel
from acutance.training.data import PairedCrops, WholePictures
from acutance.training.log import Log, metrics
from acutance.training.loop import train
from acutance.training.losses.pixel import l1
from acutance.training.objective import Regression
from acutance.training.pack import Pack
from acutance.training.prepare import prepare
from acutance.training.recipes.optimizers import adam


@pytest.fixture
def bench(tmp_path: Path, photo: np.ndarray) -> Callable[..., Path]:
    """Make a test set called so, of crops of these sizes."""

    def make(name: str, *sizes: tuple[int, int]) -> Path:
        folder = tmp_path / "sets" / name
        folder.mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            Image.fromarray(photo[:height, :width]).save(folder / f"{number}.png")
        return folder

    return make


def test_a_test_set_called_as_the_held_out_ones_selects_nothing(
    dataset: Path, tmp_path: Path, bench: Callable[..., Path]
) -> None:
    train(tiny(), data=dataset, out=tmp_path / "a", steps=2, bench=bench("other", (96, 96)))
    train(tiny(), data=dataset, out=tmp_path / "b", steps=2, bench=bench("valid", (96, 96)))
    (one,), (other,) = ([row for row in metrics(tmp_path / run) if "valid_psnr" in row] for run in "ab")
    assert one["valid_psnr"] == other["valid_psnr"] and one["other_psnr"] == other["bench_valid_psnr"]


def test_pictures_too_small_for_a_metric_are_left_out_of_it_and_counted(
    dataset: Path, tmp_path: Path, bench: Callable[..., Path]
) -> None:
    told: list[dict[str, Any]] = []
    small = bench("small", (96, 96), (16, 16))
    train(tiny(), data=dataset, out=tmp_path / "a", steps=2, bench=small, on_event=told.append)
    notes = [event["text"] for event in told if event["event"] == "note"]
    assert any("ssim of small leaves out 1 of 2 pictures" in note for note in notes)
    train(tiny(), data=dataset, out=tmp_path / "b", steps=2, bench=bench("tiny", (16, 16)))
    (row,) = [row for row in metrics(tmp_path / "b") if "valid_psnr" in row]
    assert "tiny_psnr" in row and "tiny_ssim" not in row


def test_perfect_scores_are_words_in_the_log(dataset: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    Image.new("RGB", (96, 96)).save(flat / "black.png")
    train(tiny(), data=dataset, out=tmp_path / "a", steps=2, bench=flat)
    with open(tmp_path / "a" / "metrics.jsonl") as file:
        rows = [json.loads(line, parse_constant=pytest.fail) for line in file]
    assert any("flat_psnr" in row for row in rows)


def test_a_row_cut_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 2}\n{"step": 3, "ge')
    Log(tmp_path, tiny(), 2, 10, lambda event: None).write({"step": 4})
    assert list(metrics(tmp_path)) == [{"step": 2}, {"step": 4}]


def test_loading_a_judge_moves_no_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    lpips = importlib.import_module("acutance.measuring.metrics.lpips")
    monkeypatch.setattr(lpips, "find_weights", lambda *names: Path("weights.pth"))
    monkeypatch.setattr(lpips, "read_weights", lambda path: None)
    lpips.network.cache_clear()
    before = torch.get_rng_state()
    lpips.network()
    lpips.network.cache_clear()
    assert torch.equal(before, torch.get_rng_state())


def test_a_stop_in_a_bad_step_waits_for_one_that_can_be_saved(dataset: Path, tmp_path: Path) -> None:
    """Else all since the last checkpoint would be lost."""
    calls = iter(range(100))

    def sometimes_nan(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return l1(made, wanted) * (float("nan") if next(calls) in (3, 4) else 1.0)

    def objective(_: None) -> Regression:
        network = start_near_identity(Compact(**tiny().arguments))
        return Regression(network, losses=(("l1", 1.0, sometimes_nan),), optimizer=adam(1e-4))

    recipe = replace(tiny(), objective=objective, save_every=50)
    asked = iter([False] * 3 + [True] * 50)
    with pytest.raises(Interrupted, match="stopped at step 6"):
        train(recipe, data=dataset, out=tmp_path / "a", steps=20, cancelled=lambda: next(asked))
    assert [checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path / "a")] == [6]


def test_partners_of_another_scale_do_not_validate(tmp_path: Path, photo: np.ndarray) -> None:
    for folder, side in (("hr", 128), ("lr", 64)):
        (tmp_path / folder).mkdir()
        Image.fromarray(photo[:128, :128]).resize((side, side)).save(tmp_path / folder / "a.png")
    prepare([tmp_path / "hr"], tmp_path / "pack", lr=tmp_path / "lr", scale=2, valid_share=0.0)
    pack = Pack(tmp_path / "pack")
    assert PairedCrops(scale=2, degrade=None).pairs(pack, pack.everything)
    with pytest.raises(BadInput, match=r"no x4 partner \(first: a.png\)"):
        PairedCrops(scale=4, degrade=None).pairs(pack, pack.everything)


def test_a_batch_must_be_shared_and_parted_evenly(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(tiny(), data=PairedCrops(patch=32, batch=12), accumulate=4)
    monkeypatch.setattr(parallel, "place", lambda: (0, 2))
    with pytest.raises(UsageError, match="a batch of 12 cannot be shared by 2 processes in 4 parts each"):
        train(recipe, data=dataset, out=tmp_path / "a", steps=2)


def test_sizes_that_do_not_fit_are_refused(dataset: Path, tmp_path: Path) -> None:
    from acutance.training.recipes.compact import compact_x2

    with pytest.raises(ValueError, match="size=70: not a multiple of scale=4"):
        WholePictures(size=70)
    odd = replace(compact_x2(), data=PairedCrops(scale=2, patch=50))
    with pytest.raises(UsageError, match="inputs of 25 pixels, but compact_x2 takes multiples of 2"):
        train(odd, data=dataset, out=tmp_path / "a", steps=2)


def test_what_is_misnamed_is_refused_before_the_run_folder_is_made(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        train(tiny(), data=dataset, out=tmp_path / "a", steps=2, bench=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="tiny uses no features"):
        train(tiny(), data=dataset, out=tmp_path / "a", steps=2, features=tmp_path / "vgg.pth")
    assert not (tmp_path / "a").exists()
    damaged = tmp_path / "pack"
    shutil.copytree(dataset, damaged)
    (damaged / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match="is damaged; run acutance prepare again"):
        Pack(damaged)


def test_a_start_is_not_needed_once_there_is_a_checkpoint(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path / "first", steps=2)
    train(tiny(), data=dataset, out=tmp_path / "second", steps=2, start=tmp_path / "first")
    shutil.rmtree(tmp_path / "first")
    train(tiny(), data=dataset, out=tmp_path / "second", steps=2, start=tmp_path / "first")
    with pytest.raises(UsageError, match="first"):
        train(tiny(), data=dataset, out=tmp_path / "third", steps=2, start=tmp_path / "first")


def test_a_checkpoint_to_go_back_to_is_checked_before_later_ones_are_given_up(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=6)
    first, *_ = there = checkpoint.checkpoints(tmp_path)
    (first / "networks.safetensors").write_bytes(b"")
    with pytest.raises(BadInput, match="the checkpoint to go back to is damaged; stay with --steps 6"):
        train(tiny(), data=dataset, out=tmp_path, steps=9)
    assert checkpoint.checkpoints(tmp_path) == there


def test_a_run_is_not_cut_so_short_that_its_rate_would_jump(dataset: Path, tmp_path: Path) -> None:
    """At full rate until step 36 of 40, with a decay of 4."""
    done: list[int] = []

    def note(event: dict[str, Any]) -> None:
        done.append(event.get("step", 0))

    with pytest.raises(Interrupted):
        train(tiny(), data=dataset, out=tmp_path, steps=40, on_event=note, cancelled=lambda: max(done, default=0) >= 10)
    there = checkpoint.checkpoints(tmp_path)
    newest = checkpoint.step_of(there[-1])
    with pytest.raises(UsageError, match=f"stands at step {newest} at full .* give at least --steps {newest + 4}"):
        train(tiny(), data=dataset, out=tmp_path, steps=newest + 3)
    assert checkpoint.checkpoints(tmp_path) == there
    train(tiny(), data=dataset, out=tmp_path, steps=newest + 4)


def test_pictures_too_small_for_a_crop_are_counted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0)
    for number, side in enumerate((160, 170, 300, 310)):
        Image.fromarray(noise.integers(0, 256, (side, 320, 3), np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    prepare([tmp_path / "photos"], tmp_path / "pack", valid_share=0)
    told: list[dict[str, Any]] = []
    recipe = replace(tiny(), data=PairedCrops(patch=192, batch=2))
    train(recipe, data=tmp_path / "pack", out=tmp_path / "run", steps=1, on_event=told.append)
    text = "2 of 4 training pictures have less than 192 pixels on a side and are not used"
    assert any(text in event.get("text", "") for event in told)
    assert read_model(tmp_path / "run" / "tiny.safetensors").receipt["pictures"] == 2
