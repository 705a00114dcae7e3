"""Learning from what a larger model draws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_recipe import ARGUMENTS, tiny
from torch import Tensor, nn

from acutance.errors import UsageError
from acutance.imaging.bicubic import downscale
from acutance.models import store
from acutance.networks.compact import Compact, start_near_identity
from acutance.training.loop import train
from acutance.training.losses.pixel import l1, mse
from acutance.training.losses.taught import Taught
from acutance.training.objective import Regression
from acutance.training.recipe import Recipe
from acutance.training.teacher import load_teacher

CPU = torch.device("cpu")


class Copier(nn.Module):
    """Repeats pixels, a little brighter."""

    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.tensor(0.1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=4.0) + self.more


def pictures() -> tuple[Tensor, Tensor]:
    prediction, target = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    return prediction, (target * 255).round() / 255


def test_the_teacher_is_shown_the_original_reduced() -> None:
    prediction, target = pictures()
    loss = Taught(teacher=Copier(), losses=(("l1", 0.5, l1), ("mse", 2.0, mse)))
    levels = (target * 255).round().byte().permute(0, 2, 3, 1).numpy()
    small = torch.stack([torch.from_numpy(downscale(picture, 4)) for picture in levels]).permute(0, 3, 1, 2) / 255
    drawn = (F.interpolate(small, scale_factor=4.0) + 0.1).clamp(0, 1)
    inner = (..., slice(8, -8), slice(8, -8))  # at borders MATLAB's bicubic goes on otherwise
    torch.testing.assert_close(loss.drawn(target)[inner], drawn[inner])
    expected = 0.5 * l1(prediction, loss.drawn(target)) + 2 * mse(prediction, loss.drawn(target))
    torch.testing.assert_close(loss(prediction, target), expected)
    signed = replace(loss, signed=True)
    torch.testing.assert_close(signed(prediction * 2 - 1, target * 2 - 1), expected)
    assert repr(loss) == "Taught(0.5 l1 l1, 2 mse mse, scale=4, signed=False)"


def test_bf16_does_not_reach_the_reduction_and_gradients_only_the_prediction() -> None:
    prediction, target = pictures()
    loss = Taught(teacher=Copier(), losses=(("l1", 1.0, l1),))
    exact, prediction, target = loss.drawn(target), prediction.requires_grad_(), target.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss.drawn(target), exact)
        loss(prediction, target).backward()
    assert prediction.grad is not None and prediction.grad.abs().sum() > 0 and target.grad is None


def taught() -> Recipe:
    """``tiny`` with the teacher alone."""

    def objective(_: None, teacher: nn.Module) -> Regression:
        before = tiny().objective(None)
        losses = (("taught", 1.0, Taught(teacher=teacher, losses=(("l1", 1.0, l1),))),)
        network = start_near_identity(Compact(**ARGUMENTS))
        return Regression(network, losses=losses, optimizer=before.optimizers["generator"])

    return replace(tiny(), objective=objective, taught=True)


@pytest.mark.parametrize(
    ("recipe", "name", "what"),
    [
        (taught(), None, "name a model that enlarges 4 times"),
        (taught(), "fidelity_x2", "does not enlarge 4 times"),
        (taught(), "vangogh", "does not enlarge 4 times"),
        (tiny(), "fidelity", "learns from photographs alone"),
    ],
)
def test_a_teacher_that_does_not_fit(recipe: Recipe, name: str | None, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        load_teacher(recipe, name, CPU)


def test_a_run_knows_its_teacher(dataset: Path, tmp_path: Path) -> None:
    out, events = tmp_path / "run", []
    train(taught(), data=dataset, out=out, steps=6, teacher="fidelity", on_event=events.append)
    model = train(taught(), data=dataset, out=out, steps=10, teacher="fidelity", on_event=events.append)
    assert any(event["event"] == "resumed" for event in events)
    sha256 = store.load("fidelity").sha256
    assert json.loads((out / "run.json").read_text())["teacher"] == store.load(str(model)).receipt["teacher"] == sha256
    with pytest.raises(UsageError, match=r"holds another run \(teacher: was"):
        train(taught(), data=dataset, out=out, steps=12, teacher="texture")
    steps = [event["generator/taught"] for event in events if event["event"] in ("step", "train")]
    assert len(steps) > 1 and all(0 < value < 0.2 for value in steps)
