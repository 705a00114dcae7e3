"""What recipes and the loop promise, each told apart from what would also look right: stage two's start (check D6),
rates of all stages (D2, F7), ranges (D3, B3), clipping, averaging, the best checkpoint, signals, sound data."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_recipe import tiny, tiny_gan
from torch import nn
from torch._dynamo.utils import counters

from acutance.errors import BadInput, Interrupted
from acutance.networks.face import FaceGenerator
from acutance.networks.ranges import as_input, as_output
from acutance.networks.srresnet import SRResNet, TensorlayerSRResNet
from acutance.training import checkpoint, loop, run
from acutance.training.batch import Batch
from acutance.training.devices import compiles
from acutance.training.history import start_weights
from acutance.training.log import FOR_ROWS, Log
from acutance.training.loop import train
from acutance.training.recipes import RECIPES
from acutance.training.recipes.esrgan import esrgan_psnr
from acutance.training.step import build, step

CPU = torch.device("cpu")


def test_stage_two_begins_with_the_weights_of_stage_one(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny(), data=dataset, out=tmp_path / "one", steps=4)
    seen: list[dict[str, torch.Tensor]] = []

    def first(state: Any, *_: object) -> None:
        seen.extend(
            {k: v.clone() for k, v in n.state_dict().items()} for n in (state.objective.generator, state.average)
        )
        raise Interrupted("seen enough")

    monkeypatch.setattr(loop, "step", first)
    with pytest.raises(Interrupted, match="seen enough"):
        train(tiny_gan(), data=dataset, out=tmp_path / "two", start=tmp_path / "one", seed=5)
    stored = start_weights(tmp_path / "one")
    assert stored is not None and len(seen) == 2
    for state in seen:
        assert state.keys() == load_file(stored).keys()
        assert all(torch.equal(state[key], tensor) for key, tensor in load_file(stored).items())


def test_generator_and_critic_take_turns_one_to_one() -> None:
    state, count = build(tiny_gan(), None, CPU), {"generator": 0, "critic": 0}
    for name, optimizer in state.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, name=name: count.update({name: count[name] + 1}))
    hr = torch.rand(4, 3, 32, 32)
    for _ in range(3):
        step(state, iter([Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)]), tiny_gan(), 1.0)
    assert count == {"generator": 3, "critic": 3}


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("srresnet", [1e-4]),  # Ledig 2017, sec. 3.2
        ("srgan_tensorlayer_init", [1e-4]), ("srgan_tensorlayer", [1e-4, 1e-4]),  # its config.py
        ("esrgan_psnr", [2e-4]), ("esrgan_16_psnr", [2e-4]), ("esrgan", [1e-4, 1e-4]),  # Wang 2018, sec. 4.1
        ("unet_srgan", [2e-4, 2e-4]),  # ours
    ],
)  # fmt: skip
def test_the_rates_optimizers_are_made_with(name: str, rates: list[float]) -> None:
    recipe = RECIPES[name]()
    with torch.device("meta"):
        objective = recipe.objective(nn.Identity())
        made = [make(list(objective.get_submodule(n).parameters())) for n, make in objective.optimizers.items()]
    assert [optimizer.param_groups[0]["lr"] for optimizer in made] == rates


def test_esrgan_stage_one_halves_every_200_000_steps() -> None:
    recipe = esrgan_psnr()
    at = [199_999, 200_000, 400_000, 600_000, 800_000, 999_999]
    factors = [recipe.schedule.factor(s, recipe.steps) for s in at]
    assert factors == [1, 0.5, 0.25, 0.125, 0.0625, 0.0625]
    assert recipe.data.batch == RECIPES["esrgan"]().data.batch == 16
    assert (recipe.steps, RECIPES["esrgan"]().steps) == (1_000_000, 500_000)


def test_networks_see_the_ranges_of_their_papers() -> None:
    """SRGAN: low in [0, 1], high in [-1, 1]; tensorlayer's and the faces: both in [-1, 1]."""
    levels = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 3, 16, 16) / 255
    paper, tensorlayer, face = (
        SRResNet(channels=8, blocks=1),
        TensorlayerSRResNet(),
        FaceGenerator(channels=8, blocks=1),
    )
    assert as_input(paper, levels).aminmax() == (0, 1) and as_output(paper, levels).aminmax() == (-1, 1)
    for network in (tensorlayer, face):
        assert as_input(network, levels).aminmax() == as_output(network, levels).aminmax() == (-1, 1)
    back = ((as_output(paper, levels) + 1) / 2 * 255).round()
    assert torch.equal(back, (levels * 255).round()), "8 bits come back as they were"


def test_gradients_are_clipped() -> None:
    def still(features: None) -> Any:
        objective = tiny().objective(features)
        objective.optimizers["generator"] = lambda p: torch.optim.SGD(p, lr=1.0)
        return objective

    hr = torch.rand(4, 3, 64, 64)
    moved = {}
    for clip in (0.0, 1e-4):
        recipe = dataclasses.replace(tiny(), objective=still, clip=clip, mixed=False)
        torch.manual_seed(0)
        state = build(recipe, None, CPU)
        before = [p.detach().clone() for p in state.objective.generator.parameters()]
        step(state, iter([Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)]), recipe, 1.0)
        after = state.objective.generator.parameters()
        moved[clip] = sum((a - b).square().sum() for a, b in zip(after, before, strict=True)).sqrt().item()
    assert moved[0.0] > 1e-3 and moved[1e-4] == pytest.approx(1e-4, rel=0.01)


def test_averaged_weights_follow_at_the_rate_of_the_recipe() -> None:
    """0.9, but less at the beginning: 1 / 10 after the first step, 2 / 11 after the second."""
    state = build(tiny(), None, CPU)
    hr = torch.rand(4, 3, 64, 64)
    average = next(state.average.parameters())
    for number in range(3):
        before = average.clone()
        step(state, iter([Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)]), tiny(), 1.0)
        state.step += 1
        decay = min(0.9, (1 + number) / (10 + number))
        now = next(state.objective.generator.parameters())
        torch.testing.assert_close(average, decay * before + (1 - decay) * now)


def test_the_best_checkpoint_is_kept(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {2: 20.0, 4: 30.0, 6: 25.0, 8: 29.0, 10: 28.0}
    fake = lambda *_: SimpleNamespace(run=lambda _, at: {"valid_psnr": scores[at]})  # noqa: E731
    monkeypatch.setattr(loop, "_validation", fake)
    recipe = dataclasses.replace(tiny(), valid_every=2, schedule=dataclasses.replace(tiny().schedule, decay=9))
    train(recipe, data=dataset, out=tmp_path, steps=10)
    kept = {checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path)}
    assert 4 in kept and 10 in kept and 6 not in kept, kept
    unchosen = dataclasses.replace(recipe, keep_best=False)
    train(unchosen, data=dataset, out=tmp_path / "gan", steps=10)
    assert 4 not in {checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path / "gan")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_with_a_checkpoint(dataset: Path, tmp_path: Path, number: int) -> None:
    (tmp_path / "mine.py").write_text("from tiny_recipe import tiny as go\n")
    here = str(Path(__file__).parent)
    command = [sys.executable, "-m", "acutance", "train", str(tmp_path / "mine.py") + ":go", "--data", str(dataset),
               "--out", "broken", "--steps", "400", "--json"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": here, "ACUTANCE_CACHE": str(tmp_path)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while not (tmp_path / "broken").is_dir() or not checkpoint.checkpoints(tmp_path / "broken"):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=100)
    assert process.returncode == 128 + number
    last = checkpoint.checkpoints(tmp_path / "broken")[-1]
    assert checkpoint.damage(last) is None and 0 < checkpoint.step_of(last) < 400


def test_a_flipped_bit_in_a_dataset_is_found_before_hours_are_spent(dataset: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(dataset, copy)
    shard = copy / "shard-00000.bin"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(BadInput, match=r"shard-00000\.bin: is damaged"):
        train(tiny(), data=copy, out=tmp_path / "run", steps=2)
    assert not (tmp_path / "run").exists()


def test_a_large_dataset_lies_in_several_shards(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture whole in one of them; one that is missing or short is named."""
    from acutance.training import shards
    from acutance.training.pack import Pack
    from acutance.training.prepare import prepare

    photos = tmp_path / "photos"
    photos.mkdir()
    from PIL import Image

    pack = Pack(dataset)
    for number, item in enumerate(pack.everything):
        Image.fromarray(pack.picture(item).copy()).save(photos / f"{number}.png")
    monkeypatch.setattr(shards, "SHARD_BYTES", 1 << 20)
    prepare([photos], tmp_path / "pack", valid_share=0.0)
    cut = Pack(tmp_path / "pack")
    assert len(cut.shards) > 1
    cut.check()
    whole = {pack.picture(item).tobytes() for item in pack.everything}
    assert {cut.picture(item).tobytes() for item in cut.everything} == whole
    (tmp_path / "pack" / "shard-00001.bin").unlink()
    with pytest.raises(BadInput, match=r"shard-00001\.bin: missing or cut short"):
        Pack(tmp_path / "pack")


def test_the_log_warns_when_the_game_tips_over() -> None:
    seen: list[dict] = []
    log = Log(None, tiny_gan(), 0, 1000, seen.append)
    for _ in range(FOR_ROWS):
        log._watch({"critic/right": 1.0, "generator/contrast": 0.9})
    assert [event["text"].split(";")[0] for event in seen] == ["the critic is no longer ever wrong"]
    for _ in range(FOR_ROWS):
        log._watch({"real/p_real": 0.999, "fake/p_fake": 0.5})
    assert len(seen) == 1, "it is wrong about every other fake"
    for _ in range(FOR_ROWS):
        log._watch({"real/p_real": 0.999, "fake/p_fake": 0.001})
    assert len(seen) == 2
    log._watch({"generator/contrast": 0.2})
    assert "20% of the contrast" in seen[-1]["text"]


def test_a_run_that_moves_to_another_device_says_so(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny(), data=dataset, out=tmp_path, steps=2)
    assert json.loads((tmp_path / "run.json").read_text())["device"] in ("cpu in bf16", "cpu in fp32")
    seen: list[dict] = []
    monkeypatch.setattr(run, "device_name", lambda *_: "a GPU")
    train(tiny(), data=dataset, out=tmp_path, steps=2, on_event=seen.append)
    assert any(
        "begun on cpu in" in event.get("text", "") and "goes on on a GPU" in event.get("text", "") for event in seen
    )


def test_where_nothing_can_be_compiled_it_trains_without_and_says_so(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("step", "loop"):
        monkeypatch.setattr(f"acutance.training.{module}.compiles", lambda kind: False)
    seen: list[dict] = []
    train(dataclasses.replace(tiny(), compile=True), data=dataset, out=tmp_path, steps=2, on_event=seen.append)
    assert any("torch.compile does not work here" in event.get("text", "") for event in seen)
    train(tiny(), data=dataset, out=tmp_path, steps=2)  # compiled or not, it is the same run


def test_a_compiler_that_ctrl_c_ends_is_no_fault(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal reaches it, too; without one the error is told as it is."""

    def fails(*_: Any) -> None:
        raise RuntimeError("CppCompileError")

    monkeypatch.setattr(loop, "step", fails)
    with pytest.raises(Interrupted, match="stopped in step 1"):
        train(tiny(), data=dataset, out=tmp_path, steps=2, cancelled=lambda: True)
    with pytest.raises(RuntimeError, match="CppCompileError"):
        train(tiny(), data=dataset, out=tmp_path, steps=2)


def test_a_run_that_was_compiled_and_is_not_any_more_says_so(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding differs."""
    train(tiny(), data=dataset, out=tmp_path, steps=2)
    noted = json.loads((tmp_path / "run.json").read_text())
    noted["device"] += ", compiled"
    (tmp_path / "run.json").write_text(json.dumps(noted))
    seen: list[dict] = []
    train(tiny(), data=dataset, out=tmp_path, steps=2, on_event=seen.append)
    assert any(", compiled, goes on on cpu in" in event.get("text", "") for event in seen)


def test_a_run_of_an_earlier_version_goes_on(dataset: Path, tmp_path: Path) -> None:
    """What it noted then and is no part of the recipe now, or has another name, is no difference."""
    train(tiny(), data=dataset, out=tmp_path, steps=2)
    noted = json.loads((tmp_path / "run.json").read_text())
    recipe = noted["recipe"]
    recipe |= {"bf16": recipe.pop("mixed"), "after": "", "compile": "False"}
    for optimizer in recipe["optimizers"].values():
        for group in optimizer["groups"]:
            group |= {"foreach": "None", "fused": "None"}
    (tmp_path / "run.json").write_text(json.dumps(noted))
    seen: list[dict] = []
    assert train(tiny(), data=dataset, out=tmp_path, steps=2, on_event=seen.append).is_file()
    assert any(event["event"] == "resumed" and event["step"] == 2 for event in seen)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_learns_the_same(dataset: Path, tmp_path: Path) -> None:
    """Within rounding; its weights are stored under the plain names."""
    assert compiles("cpu")
    found, before = {}, counters["stats"]["unique_graphs"]
    for compiled in (False, True):
        recipe = dataclasses.replace(tiny(), compile=compiled, mixed=False)
        train(recipe, data=dataset, out=tmp_path / str(compiled), steps=2)
        found[compiled] = load_file(checkpoint.checkpoints(tmp_path / str(compiled))[-1] / "networks.safetensors")
    assert counters["stats"]["unique_graphs"] > before
    assert json.loads((tmp_path / "True" / "run.json").read_text())["device"] == "cpu in fp32, compiled"
    assert found[True].keys() == found[False].keys()
    for name, tensor in found[False].items():
        torch.testing.assert_close(found[True][name], tensor, rtol=1e-3, atol=1e-4)
