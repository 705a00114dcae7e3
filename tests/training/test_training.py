"""Training: data as a function of (seed, index), exact resume after any kill, honest refusals."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import Killed, killing_at
from safetensors.torch import load_file, save
from tiny_recipe import tiny, tiny_gan, tiny_norms

from acutance.engines import bf16
from acutance.errors import AcutanceError, BadInput, BadModel, DiskFull, Interrupted, ResourceError, UsageError
from acutance.imaging.bicubic import downscale
from acutance.measuring.metrics.psnr import psnr_y
from acutance.models.model import read_facts
from acutance.networks.compact import Compact
from acutance.training import checkpoint
from acutance.training.data import PairedCrops, batches
from acutance.training.devices import choose_device
from acutance.training.log import metrics
from acutance.training.loop import train
from acutance.training.objective import Losses, Regression
from acutance.training.pack import Pack
from acutance.training.prepare import prepare
from acutance.training.recipe import ConstantThenDecay, Recipe
from acutance.training.validate import run_network

HERE = Path(__file__).parent


def test_samples_depend_on_seed_and_index_only(dataset: Path) -> None:
    crops = PairedCrops(patch=64, batch=3, candidates=2)
    first, second = (crops.sampler(Pack(dataset), 7) for _ in range(2))
    for index in (0, 5, 1):
        np.testing.assert_array_equal(first.sample(index).hr, second.sample(index).hr)
    other = crops.sampler(Pack(dataset), 8)
    assert not np.array_equal(first.sample(0).hr, other.sample(0).hr)
    late = next(batches(first, 3, 4, torch.device("cpu")))
    stream = batches(second, 3, 0, torch.device("cpu"))
    for _ in range(5):
        now = next(stream)
    assert torch.equal(now.lr, late.lr) and torch.equal(now.hr, late.hr)


def test_pairs_are_matlab_bicubic_of_the_whole_picture(dataset: Path) -> None:
    """Also at a crop's border, whose low-resolution pixels need their true neighbours."""
    from acutance.imaging.bicubic import downscale

    pack = Pack(dataset)
    sampler = PairedCrops(patch=64).sampler(pack, 0)
    item = pack.train[0]
    picture = np.asarray(pack.picture(item))
    crop = sampler._crop(item, 40, 80)
    from acutance.degrade.bicubic import downscale_valid

    lr = downscale_valid(torch.from_numpy(crop).permute(2, 0, 1)[None].float(), 4)[0]
    np.testing.assert_array_equal(lr.permute(1, 2, 0).numpy(), downscale(picture, 4)[10:26, 20:36])


def test_originals_also_come_reduced(dataset: Path) -> None:
    """By MATLAB's bicubic, inside the picture and at its border."""
    pack = Pack(dataset)
    sampler = PairedCrops(patch=64, sizes=(1, 2), candidates=2).sampler(pack, 0)
    item, inner = pack.train[0], slice(sampler.margin, -sampler.margin)
    half = downscale(np.asarray(pack.picture(item)), 2)
    for top, left in ((40, 80), (0, 2)):
        crop = sampler._crop(item, top, left, 2)[inner, inner]
        np.testing.assert_array_equal(crop, half[top // 2 : top // 2 + 64, left // 2 : left // 2 + 64])
    shapes = {sampler.sample(index).hr.shape for index in range(12)}
    assert shapes == {(64 + 2 * sampler.margin, 64 + 2 * sampler.margin, 3)}
    places = [sampler.sample(index).hr.tobytes() for index in range(12)]
    assert places == [sampler.sample(index).hr.tobytes() for index in range(12)]


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": (0,)}, {"sizes": (1, 2), "degrade": None}])
def test_sizes_that_cannot_be_made_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="sizes="):
        PairedCrops(**wrong)


def test_more_candidates_mean_more_detail(dataset: Path) -> None:
    def busy(candidates: int) -> float:
        sampler = PairedCrops(patch=64, candidates=candidates).sampler(Pack(dataset), 0)
        return float(np.mean([np.abs(np.diff(sampler.sample(i).hr.astype(int), axis=0)).mean() for i in range(80)]))

    assert busy(4) > 1.2 * busy(1)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint.checkpoints(run)[-1] / "networks.safetensors")


def test_three_steps_and_three_more_equal_six(dataset: Path, tmp_path: Path) -> None:
    recipe = tiny()
    train(recipe, data=dataset, out=tmp_path / "a", steps=6)
    asked = iter([False] * 2 + [True] * 9)
    with pytest.raises(Interrupted, match="run the same command again"):
        train(recipe, data=dataset, out=tmp_path / "b", steps=6, cancelled=lambda: next(asked))
    assert checkpoint.step_of(checkpoint.checkpoints(tmp_path / "b")[-1]) < 6
    train(recipe, data=dataset, out=tmp_path / "b", steps=6)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)
    models = [(tmp_path / run / "tiny.safetensors").read_bytes() for run in "ab"]
    assert models[0] == models[1]
    train(recipe, data=dataset, out=tmp_path / "a", steps=6)  # again, when it is finished
    assert (tmp_path / "a" / "tiny.safetensors").read_bytes() == models[0]


@pytest.mark.parametrize("make", [tiny_gan, tiny_norms])
def test_a_game_resumes_exactly(
    make: Callable[[], Recipe], dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both networks, their running statistics and spectral vectors, both optimizers, fresh batches, the average; one
    of them in bf16, imitated where the processor has none."""
    monkeypatch.setattr(bf16, "is_faster", lambda: True)
    train(make(), data=dataset, out=tmp_path / "a", steps=7)
    asked = iter([False] * 2 + [True] * 9)
    with pytest.raises(Interrupted):
        train(make(), data=dataset, out=tmp_path / "b", steps=7, cancelled=lambda: next(asked))
    train(make(), data=dataset, out=tmp_path / "b", steps=7)
    last = [checkpoint.load(checkpoint.checkpoints(tmp_path / run)[-1])[0] for run in "ab"]
    assert last[0].keys() == last[1].keys() >= {"networks", "average", "optimizer-generator", "optimizer-critic"}
    for group, tensors in last[0].items():
        assert all(torch.equal(tensor, last[1][group][name]) for name, tensor in tensors.items()), group


def test_a_dataset_of_its_own_validates(dataset: Path, tmp_path: Path) -> None:
    """Scores are those of its pictures, whatever the training set holds."""
    from PIL import Image
    from skimage import data

    (tmp_path / "photos").mkdir()
    for name in ("cat", "immunohistochemistry"):
        Image.fromarray(getattr(data, name)()).save(tmp_path / "photos" / f"{name}.png")
    prepare([tmp_path / "photos"], tmp_path / "pack", valid_share=0.0)
    train(tiny(), data=dataset, out=tmp_path / "a", steps=2, valid=tmp_path / "pack")
    (row,) = [row for row in metrics(tmp_path / "a") if "valid_psnr" in row]
    network = Compact(**tiny().arguments)
    network.load_state_dict(load_file(checkpoint.checkpoints(tmp_path / "a")[-1] / "average.safetensors"))
    values = []
    for name in ("cat", "immunohistochemistry"):
        picture = getattr(data, name)()
        height, width = (min(side, 512) // 4 * 4 for side in picture.shape[:2])
        top, left = ((side - n) // 2 // 4 * 4 for side, n in zip(picture.shape[:2], (height, width), strict=True))
        hr = picture[top : top + height, left : left + width]
        lr = downscale(picture[: picture.shape[0] // 4 * 4, : picture.shape[1] // 4 * 4], 4)
        lr = lr[top // 4 : (top + height) // 4, left // 4 : (left + width) // 4]
        values.append(psnr_y(run_network(network, lr), hr, border=4))
    assert row["valid_psnr"] == pytest.approx(np.mean(values), abs=0.05)


def test_without_held_out_pictures_it_trains_all_the_same(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pack"
    shutil.copytree(dataset, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    for item in manifest["items"]:
        item["valid"] = False
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert train(tiny(), data=copy, out=tmp_path / "a", steps=2).exists()


def test_fewer_steps_than_done_are_refused_and_nothing_is_lost(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=6)
    before = checkpoint.checkpoints(tmp_path)
    with pytest.raises(UsageError, match=r"stands at step 6 already, and --steps 2 is less"):
        train(tiny(), data=dataset, out=tmp_path, steps=2)
    shutil.rmtree(before[0])  # every checkpoint that is left belongs to the decay
    with pytest.raises(UsageError, match="--from"):
        train(tiny(), data=dataset, out=tmp_path, steps=7)
    assert checkpoint.checkpoints(tmp_path) == before[1:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../../evil"}, "name="), ({"steps": "100"}, "steps="), ({"ema": 2.0}, "ema="),
        ({"accumulate": 0}, "accumulate="), ({"save_every": 0}, "save_every="), ({"schedule": None}, "schedule="),
        ({"network": "compcat"}, "no network compcat"), ({"arguments": {"channels": 32}}, "is not compact with"),
        ({"objective": lambda _: 1 / 0}, "ZeroDivisionError"), ({"objective": lambda _: None}, "cannot be built"),
        ({"objective": lambda _: Regression(Compact(), optimiser=None)}, "did you mean optimizer"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_run_is_refused_before_it_starts(
    change: dict, message: str, dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises((UsageError, ValueError), match=message):
        train(dataclasses.replace(tiny(), **change), data=dataset, out=tmp_path / "a", steps=2)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("rate", [float("nan"), -0.003, 1e6, 0.0])
def test_a_learning_rate_that_cannot_work_is_refused(rate: float, dataset: Path, tmp_path: Path) -> None:
    def objective(features):
        built = tiny().objective(features)
        built.optimizers["generator"] = lambda p: torch.optim.SGD([{"params": p, "lr": 0.1}] if rate else p, lr=0.1)
        return built

    def wrong(features):
        built = objective(features)
        make = built.optimizers["generator"]

        def optimizer(parameters):
            made = make(parameters)
            made.param_groups[0]["lr"] = rate
            return made

        built.optimizers["generator"] = optimizer
        return built

    with pytest.raises(UsageError, match="a learning rate of"):
        train(dataclasses.replace(tiny(), objective=wrong), data=dataset, out=tmp_path / "a", steps=2)


def test_one_process_at_a_time(dataset: Path, tmp_path: Path) -> None:
    from acutance.errors import ResourceError
    from acutance.training.loop import _claimed

    train(tiny(), data=dataset, out=tmp_path, steps=2)
    with _claimed(tmp_path), pytest.raises(ResourceError, match="another process is at work on it"):
        train(tiny(), data=dataset, out=tmp_path, steps=2)
    train(tiny(), data=dataset, out=tmp_path, steps=2)


def test_a_mistyped_start_leaves_the_folder_free(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model called"):
        train(tiny(), data=dataset, out=tmp_path / "a", steps=2, start=tmp_path / "nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(BadModel, match=r"damaged\.safetensors"):
        train(tiny(), data=dataset, out=tmp_path / "a", steps=2, start=tmp_path / "damaged.safetensors")
    assert train(tiny(), data=dataset, out=tmp_path / "a", steps=2).exists()


def test_a_damaged_start_is_never_trained_on(dataset: Path, tmp_path: Path) -> None:
    model = train(tiny(), data=dataset, out=tmp_path / "a", steps=2)
    sound, damaged = model.read_bytes(), model.with_name("damaged.safetensors")

    def refused(data: bytes, words: str) -> None:
        damaged.write_bytes(data)
        with pytest.raises(BadModel, match=words):
            train(tiny(), data=dataset, out=tmp_path / "b", steps=2, start=damaged)
        assert not (tmp_path / "b" / "run.json").exists()

    for place, words in ((len(sound) - 10, "SHA-256"), (sound.index(b'"acutance"') + 1, "no acutance facts"),
                         (sound.index(b"__metadata__"), "damaged"), (sound.index(b"receipt"), "SHA-256")):  # fmt: skip
        broken = bytearray(sound)
        broken[place] ^= 1
        refused(bytes(broken), words)
    bare = load_file(checkpoint.checkpoints(tmp_path / "a")[-1] / "average.safetensors")
    next(iter(bare.values())).view(-1)[0] = torch.nan
    refused(save(bare), "NaN")


def test_a_model_tells_of_every_stage_it_went_through(dataset: Path, tmp_path: Path) -> None:
    first, second, third, bare = (tmp_path / name for name in ("a", "b", "c", "d"))
    train(tiny(), data=dataset, out=first, steps=3)
    model = train(tiny(), data=dataset, out=second, steps=2, start=first)
    receipt = read_facts(train(tiny(), data=dataset, out=third, steps=4, start=model))["receipt"]
    assert [receipt["steps"], receipt["before"]["steps"], receipt["before"]["before"]["steps"]] == [4, 2, 3]
    assert receipt["before"]["start"] == str(first) and "before" not in receipt["before"]["before"]
    assert train(tiny(), data=dataset, out=third, steps=4, start=model).exists()  # and is still the same run
    weights = checkpoint.checkpoints(first)[-1] / "average.safetensors"
    assert "before" not in read_facts(train(tiny(), data=dataset, out=bare, steps=2, start=weights))["receipt"]


def test_kill_minus_nine_and_rerun_gives_the_same_weights(dataset: Path, tmp_path: Path) -> None:
    """Killed at random moments, the command is simply run again until it ends."""
    command = [sys.executable, "-m", "acutance", "train", f"{HERE / 'tiny_recipe.py'}:tiny",
               "--data", str(dataset), "--steps", "40", "--out"]  # fmt: skip
    begin = time.monotonic()
    subprocess.run([*command, str(tmp_path / "a")], check=True, capture_output=True)
    whole = time.monotonic() - begin  # kills come as early and late as this machine is slow
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(30):
        process = subprocess.Popen([*command, str(tmp_path / "b")], stderr=subprocess.DEVNULL)
        while not kills and process.poll() is None and not list((tmp_path / "b" / "checkpoints").glob("step-*")):
            time.sleep(0.01)  # the first kill comes right after a checkpoint, however fast the machine has become
        try:
            process.wait(timeout=whole * (float(rng.uniform(0.4, 0.8)) + 0.2 * kills) if kills else 0)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        break
    assert process.returncode == 0 and kills > 0
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_sigterm_ends_with_a_checkpoint_and_143(dataset: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acutance", "train", f"{HERE / 'tiny_recipe.py'}:tiny",
               "--data", str(dataset), "--steps", "100000", "--out", str(tmp_path / "a")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    try:
        while not checkpoint.checkpoints(tmp_path / "a") and time.monotonic() < deadline:
            time.sleep(0.1)
        process.terminate()
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 143 and "run the same command again" in err and "Traceback" not in err
    assert checkpoint.damage(checkpoint.checkpoints(tmp_path / "a")[-1]) is None


def test_a_damaged_checkpoint_falls_back_to_the_one_before(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=6)
    last = checkpoint.checkpoints(tmp_path)[-1]
    data = bytearray((last / "networks.safetensors").read_bytes())
    data[-1] ^= 1
    (last / "networks.safetensors").write_bytes(data)
    events: list[dict] = []
    train(tiny(), data=dataset, out=tmp_path, steps=6, on_event=events.append)
    assert any(e["event"] == "warning" and "SHA-256" in e["text"] for e in events)
    assert any(e["event"] == "resumed" and e["step"] < 6 for e in events)
    assert checkpoint.damage(checkpoint.checkpoints(tmp_path)[-1]) is None


def test_a_longer_run_goes_back_to_before_the_decay(dataset: Path, tmp_path: Path) -> None:
    events: list[dict] = []
    train(tiny(), data=dataset, out=tmp_path / "a", steps=8)  # decays from step 4 on
    train(tiny(), data=dataset, out=tmp_path / "a", steps=12, on_event=events.append)
    assert [e["step"] for e in events if e["event"] == "resumed"] == [4]
    train(tiny(), data=dataset, out=tmp_path / "b", steps=12)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_longer_run_that_is_interrupted_is_still_the_longer_run(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path / "a", steps=8)
    asked = iter([False, True, True])
    with pytest.raises(Interrupted):
        train(tiny(), data=dataset, out=tmp_path / "a", steps=12, cancelled=lambda: next(asked, True))
    train(tiny(), data=dataset, out=tmp_path / "a", steps=12)
    train(tiny(), data=dataset, out=tmp_path / "b", steps=12)
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_another_loss_or_rate_is_another_run(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=2)

    def faster(features):
        objective = tiny().objective(features)
        objective.optimizers["generator"] = lambda p: torch.optim.SGD(p, lr=1.0)
        return objective

    with pytest.raises(UsageError, match=r"recipe\.optimizers\.generator"):
        train(dataclasses.replace(tiny(), objective=faster), data=dataset, out=tmp_path, steps=2)
    with pytest.raises(UsageError, match="--device gpu"):
        train(tiny(), data=dataset, out=tmp_path, steps=2, device="gpu")


def test_another_recipe_seed_or_dataset_is_refused_with_the_difference(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=2)
    with pytest.raises(UsageError, match="seed: was 0, now 1"):
        train(tiny(), data=dataset, out=tmp_path, steps=2, seed=1)
    changed = dataclasses.replace(tiny(), ema=0.5)
    with pytest.raises(UsageError, match=r"recipe\.ema: was 0\.9, now 0\.5"):
        train(changed, data=dataset, out=tmp_path, steps=2)


def test_a_batch_of_nan_is_skipped_and_too_many_stop_the_run(dataset: Path, tmp_path: Path) -> None:
    def poison(loss_value: float) -> Recipe:
        recipe = tiny()

        def objective(features):
            built = recipe.objective(features)
            built.losses = (("bad", 1.0, lambda a, b: (a - b).abs().mean() * loss_value),)
            return built

        return dataclasses.replace(recipe, objective=objective)

    with pytest.raises(AcutanceError, match="no finite loss; there is no checkpoint yet"):
        train(poison(float("nan")), data=dataset, out=tmp_path, steps=100)


def test_a_run_goes_back_past_bad_data_and_ends_after_three_times(dataset: Path, tmp_path: Path) -> None:
    """Steps 3 to 14 meet pictures of NaN, as a divergence would give; other data follows and the run ends well."""

    def sick(first: int, last: int) -> Recipe:
        recipe = dataclasses.replace(tiny(), ema=0.0)
        seen = itertools.count()

        def objective(features):
            built = recipe.objective(features)
            usual = built.turns[0]

            def loss(batch):
                value = usual.loss(batch)
                bad = first <= next(seen) < last
                return Losses({k: v * float("nan") for k, v in value.terms.items()}) if bad else value

            built.turns = (dataclasses.replace(usual, loss=loss),)
            return built

        return dataclasses.replace(recipe, objective=objective)

    events: list[dict] = []
    train(sick(3, 15), data=dataset, out=tmp_path / "a", steps=30, on_event=events.append)
    assert [e["text"] for e in events if "back to step" in e.get("text", "")]
    rows = [row for row in metrics(tmp_path / "a") if "skipped" in row]
    assert rows[-1]["skipped"] == 12 and rows[-1]["step"] == 30
    with pytest.raises(AcutanceError, match="no finite loss, 4 times"):
        train(sick(3, 10_000), data=dataset, out=tmp_path / "b", steps=30)


def test_killed_at_every_file_operation_of_a_save(tmp_path: Path) -> None:
    """Whatever is half done, the newest sound checkpoint is the old or the new one, whole."""
    first, second = ({"networks": {"w": torch.full((50,), v)}} for v in (1.0, 2.0))
    for operation in itertools.count(1):
        run = tmp_path / str(operation)
        checkpoint.save(run, 1, first, {})
        with killing_at(operation, run) as killed, contextlib.suppress(Killed):
            checkpoint.save(run, 2, second, {})
        sound = [c for c in checkpoint.checkpoints(run) if checkpoint.damage(c) is None]
        value = checkpoint.load(sound[-1])[0]["networks"]["w"][0].item()
        assert value == checkpoint.step_of(sound[-1]) and value in (1.0, 2.0)
        checkpoint.save(run, 2, second, {})
        assert checkpoint.load(checkpoint.checkpoints(run)[-1])[0]["networks"]["w"][0].item() == 2.0
        assert not list((run / "checkpoints").glob("*.tmp"))
        if not killed:
            break
    assert operation > 8


def test_a_full_disk_while_saving_is_said_and_the_old_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {"networks": {"w": torch.ones(5)}}
    checkpoint.save(tmp_path, 1, tensors, {})

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(checkpoint, "sync_file", full)
    with pytest.raises(DiskFull, match="step-00000002"):
        checkpoint.save(tmp_path, 2, tensors, {})
    assert [checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path)] == [1]
    assert checkpoint.damage(checkpoint.checkpoints(tmp_path)[0]) is None
    assert not list((tmp_path / "checkpoints").glob("*.tmp"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def go():\n    return Recipe(name='x', shedule=3)", "did you mean schedule"),
        ("def go():\n    return PairedCrops(patsh=3)", "did you mean patch"),
        ("def go():\n    return 5", "gives int, not a Recipe"),
        ("def goo():\n    return 5", "holds no function go; did you mean goo"),
        ("import nothing_like_it", "cannot be imported"),
    ],
)
def test_a_recipe_that_is_none_is_explained(tmp_path: Path, text: str, message: str) -> None:
    from acutance.cli.train import find_recipe

    file = tmp_path / "mine.py"
    imports = "from acutance.training.recipe import Recipe\nfrom acutance.training.data import PairedCrops\n"
    file.write_text(imports + text + "\n")
    with pytest.raises(UsageError, match=message):
        find_recipe(f"{file}:go")
    with pytest.raises(UsageError, match="no recipe called srgam; did you mean srgan"):
        find_recipe("srgam")


def test_milestones_are_kept(dataset: Path, tmp_path: Path) -> None:
    train(dataclasses.replace(tiny(), keep_every=4, keep_best=False), data=dataset, out=tmp_path, steps=14)
    assert [checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path)] == [4, 8, 10, 12, 14]


def test_training_learns(dataset: Path, tmp_path: Path) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=60)
    rows = [row["generator/l1"] for row in metrics(tmp_path) if "generator/l1" in row]
    scores = [row["valid_psnr"] for row in metrics(tmp_path) if "valid_psnr" in row]
    assert rows and scores[-1] > scores[0]


def test_what_cannot_be_trained_on_is_said(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="acutance prepare"):
        Pack(tmp_path)
    with pytest.raises(BadInput, match="at least 5000 pixels"):
        PairedCrops(patch=5000).sampler(Pack(dataset), 0)
    with pytest.raises(UsageError, match="already holds a dataset"):
        prepare([dataset], dataset)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no pictures"):
        prepare([tmp_path / "empty"], tmp_path / "pack")


def test_the_schedule_is_continuous() -> None:
    schedule = ConstantThenDecay(warmup=10, decay=30)
    factors = [schedule.factor(step, 100) for step in range(100)]
    assert max(abs(a - b) for a, b in itertools.pairwise(factors)) <= 0.1001
    assert schedule.constant_until(100) == 70 and factors[69] == 1.0 and factors[-1] < 0.04


def test_training_computes_with_cudnn_where_there_is_one(dataset: Path, tmp_path: Path) -> None:
    seen = set()
    train(tiny(), data=dataset, out=tmp_path / "run", steps=2,
          on_event=lambda _: seen.add((torch.backends.cudnn.enabled, torch.backends.cudnn.deterministic)))  # fmt: skip
    assert seen == {(True, True)}


def test_a_full_gpu_is_no_bug_of_ours(dataset: Path, tmp_path: Path) -> None:
    def full(_: dict) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ResourceError, match="GPU's memory is full with batches of 4"):
        train(tiny(), data=dataset, out=tmp_path / "run", steps=2, on_event=full)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == "cuda"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="2 processes, but GPUs: 1"):
        choose_device("auto")


def test_the_state_of_an_optimizer_keeps_its_layout() -> None:
    layer = torch.nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    first, again = (torch.optim.Adam(layer.parameters()) for _ in range(2))
    layer(torch.rand(1, 4, 8, 8)).sum().backward()
    first.step()
    tensors = {k: v.contiguous() for k, v in checkpoint.optimizer_tensors(first).items()}
    checkpoint.restore_optimizer(again, tensors)
    mine, theirs = again.state[layer.weight]["exp_avg"], first.state[layer.weight]["exp_avg"]
    assert torch.equal(mine, theirs) and mine.stride() == layer.weight.stride()
