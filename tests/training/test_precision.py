"""What networks multiply in, and how a training in fp16 keeps its small gradients."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny_recipe import tiny, tiny_gan
from torch import nn

from acutance.engines import bf16
from acutance.training import step as steps
from acutance.training.batch import Batch
from acutance.training.devices import multiplies_in
from acutance.training.loop import train
from acutance.training.step import State, build, step

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("has_bf16", "capability", "expected"),
    [(True, (8, 0), torch.bfloat16), (False, (7, 5), torch.float16), (False, (6, 1), torch.float32)],
)
def test_a_gpu_multiplies_in_what_is_fast_on_it(
    has_bf16: bool, capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ampere, Turing, Pascal."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert multiplies_in(tiny(), CUDA) is expected
    assert multiplies_in(dataclasses.replace(tiny(), mixed=False), CUDA) is torch.float32


def test_a_processor_that_is_slower_in_bf16_trains_in_fp32(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take ten times as long."""
    seen: list[dict] = []
    for has, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(bf16, "is_faster", lambda has=has: has)
        assert multiplies_in(tiny(), CPU) is expected
    train(tiny(), data=dataset, out=tmp_path / "run", steps=1, on_event=seen.append)
    assert {"event": "note", "text": "this processor is no faster in bf16; it computes in fp32"} in seen


@pytest.fixture
def fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU that has only that; the processor computes the same, slowly."""
    for module in ("step", "run", "loop"):
        monkeypatch.setattr(f"acutance.training.{module}.multiplies_in", lambda *_: torch.float16)


def _batch() -> Batch:
    hr = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)


def _moved(state: State, times: int) -> torch.Tensor:
    recipe = tiny_gan()
    for _ in range(times):
        step(state, iter([_batch()]), recipe, 1.0)
    return torch.cat([p.detach().flatten() for p in state.objective.generator.parameters()])


@pytest.mark.usefixtures("fp16")
def test_both_networks_of_a_game_learn_in_fp16_as_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    short = build(tiny_gan(), None, CPU)
    found = _moved(short, 5)
    monkeypatch.setattr(steps, "multiplies_in", lambda *_: torch.float32)
    torch.manual_seed(0)
    exact = build(tiny_gan(), None, CPU)
    start = torch.cat([p.detach().flatten() for p in exact.objective.generator.parameters()])
    expected = _moved(exact, 5)
    assert short.scaler.is_enabled() and not exact.scaler.is_enabled()
    assert short.skipped == 0 and short.losses.keys() == exact.losses.keys()
    assert (found - expected).norm() < 0.1 * (expected - start).norm()


@pytest.mark.usefixtures("fp16")
def test_a_scale_that_is_too_large_is_halved_and_costs_no_rollback() -> None:
    state = build(tiny_gan(), None, CPU)
    state.scaler.load_state_dict(state.scaler.state_dict() | {"scale": 2.0**40})
    before = torch.cat([p.detach().flatten() for p in state.objective.generator.parameters()])
    after = _moved(state, 1)
    assert torch.equal(before, after) and state.skipped and not state.bad_steps
    _moved(state, 30)
    assert 1 <= state.scaler.get_scale() < 2.0**40
    assert not torch.equal(before, _moved(state, 1)), "in the end it moves"


@pytest.mark.usefixtures("fp16")
def test_bad_data_is_still_recognised_in_fp16() -> None:
    state = build(tiny_gan(), None, CPU)
    batch = _batch()
    batch.hr.fill_(torch.nan)
    for _ in range(20):  # 17 turns take the scale below 1
        step(state, iter([batch]), tiny_gan(), 1.0)
    assert state.bad_steps > 0


@pytest.mark.usefixtures("fp16")
def test_three_steps_and_three_more_equal_six_in_fp16(dataset: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(tiny_gan(), save_every=3)
    whole = train(recipe, data=dataset, out=tmp_path / "whole", steps=6)
    train(recipe, data=dataset, out=tmp_path / "halves", steps=3)
    halves = train(recipe, data=dataset, out=tmp_path / "halves", steps=6)
    assert whole.read_bytes() == halves.read_bytes()
    assert '"device": "cpu in fp16"' in (tmp_path / "whole" / "run.json").read_text()
