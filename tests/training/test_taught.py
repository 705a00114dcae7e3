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

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.film import Film, Spotless
from acutance.degrade.realesrgan import RealESRGAN
from acutance.errors import UsageError
from acutance.imaging.bicubic import downscale
from acutance.models import store
from acutance.networks.compact import Compact, start_near_identity
from acutance.training.batch import Batch
from acutance.training.data import PairedCrops
from acutance.training.loop import train
from acutance.training.losses.pixel import l1, mse
from acutance.training.losses.taught import Taught
from acutance.training.objective import Regression
from acutance.training.pack import Pack
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


def pictures() -> tuple[Tensor, Batch]:
    """A prediction and its batch, hardly damaged: 8 x 12 pixels for 32 x 48."""
    prediction, target = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    hr = (target * 255).round() / 255
    return prediction, Batch(lr=reduced(hr), hr=hr)


def reduced(picture: Tensor, scale: int = 4) -> Tensor:
    """As MATLAB reduces, on the 8-bit grid."""
    levels = (picture * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return torch.stack([torch.from_numpy(downscale(one, scale)) for one in levels]).permute(0, 3, 1, 2) / 255


INNER = (..., slice(8, -8), slice(8, -8))  # at borders MATLAB's bicubic goes on otherwise
LOSSES = (("l1", 0.5, l1), ("mse", 2.0, mse))


def test_the_teacher_is_shown_the_original_reduced() -> None:
    prediction, batch = pictures()
    loss = Taught(teacher=Copier(), losses=LOSSES)
    batch = replace(batch, lr=torch.zeros_like(batch.lr))
    drawn = (F.interpolate(reduced(batch.hr), scale_factor=4.0) + 0.1).clamp(0, 1)
    torch.testing.assert_close(loss.drawn(batch)[INNER], drawn[INNER])
    expected = 0.5 * l1(prediction, loss.drawn(batch)) + 2 * mse(prediction, loss.drawn(batch))
    torch.testing.assert_close(loss(prediction, batch), expected)
    torch.testing.assert_close(replace(loss, signed=True)(prediction * 2 - 1, batch), expected)
    assert repr(loss) == "Taught(0.5 l1 l1, 2 mse mse, scale=4, restores=False, hurt=3, signed=False)"


def test_a_teacher_of_restoration_sees_the_damage_and_gets_the_colours_of_the_original() -> None:
    _, batch = pictures()
    loss = Taught(teacher=Copier(), losses=LOSSES, restores=True)
    dark = torch.stack((0.5 * batch.lr[0], batch.lr[1]))
    batch = replace(batch, lr=dark, sharp=1 - batch.hr)
    drawn = loss.drawn(batch)
    seen = F.interpolate(dark, scale_factor=4.0)[0] + 0.1
    expected = seen + (batch.hr[0] - seen).mean((-2, -1), keepdim=True)
    torch.testing.assert_close(drawn[0], expected.clamp(0, 1))
    assert torch.equal(drawn[1], 1 - batch.hr[1]), "hardly damaged: the sharpened original"
    assert torch.equal(loss.drawn(replace(batch, sharp=None))[1], batch.hr[1])
    spotless = loss.drawn(replace(batch, seen=0.25 * batch.lr))
    assert spotless[0].std() < 0.6 * drawn[0].std() and torch.equal(spotless[1], drawn[1])


def test_what_a_teacher_draws_too_large_is_reduced() -> None:
    _, batch = pictures()
    loss = Taught(teacher=Copier(), losses=LOSSES, restores=True, hurt=0.0)
    twice = replace(batch, lr=F.interpolate(0.9 * batch.lr, scale_factor=2.0))
    expected = reduced(F.interpolate(twice.lr, scale_factor=4.0) + 0.1, 2)
    expected = expected + (batch.hr - expected).mean((-2, -1), keepdim=True)
    torch.testing.assert_close(loss.drawn(twice)[INNER], expected[INNER], atol=0.01, rtol=0)


def test_a_teacher_of_restoration_sees_the_same_film_without_its_spots(dataset: Path) -> None:
    """Flicker and shake, drawn after the spots, are the same; outside of spots so is every pixel."""
    law = {"fade": 0.0, "dust": 0.5, "dust_density": 0.001, "mpeg": 0.0, "jpeg": 0.0, "weave": 0.0, "comb": 0.0,
           "jitter": 0.0}  # fmt: skip
    plain = PairedCrops(scale=4, patch=64, batch=16, degrade=Film(**law))
    found = [crops.sampler(Pack(dataset), 3) for crops in (plain, replace(plain, seen=Spotless(**law)))]
    without, batch = (sampler.batch([sampler.sample(i) for i in range(16)], CPU) for sampler in found)
    assert without.seen is None and batch.seen is not None and torch.equal(without.lr, batch.lr)
    same = (batch.lr == batch.seen).float().mean((1, 2, 3))
    assert 2 < (same == 1).sum() < 14, "some have no spots"
    assert same.median() > 0.6 and same.min() < 1
    parts = batch.split(2)
    assert torch.equal(torch.cat([part.seen for part in parts if part.seen is not None]), batch.seen)
    assert "seen" in repr(replace(plain, seen=Spotless())) and "seen" not in repr(plain)
    with pytest.raises(ValueError, match="as much around a crop"):
        replace(plain, degrade=Bicubic(), seen=RealESRGAN())


def test_bf16_does_not_reach_the_reduction_and_gradients_only_the_prediction() -> None:
    prediction, batch = pictures()
    loss = Taught(teacher=Copier(), losses=(("l1", 1.0, l1),))
    exact, prediction, hr = loss.drawn(batch), prediction.requires_grad_(), batch.hr.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss.drawn(batch), exact)
        loss(prediction, batch).backward()
    assert prediction.grad is not None and prediction.grad.abs().sum() > 0 and hr.grad is None


def taught() -> Recipe:
    """``tiny`` with the teacher alone."""

    def objective(_: None, teacher: nn.Module) -> Regression:
        before = tiny().objective(None)
        network = start_near_identity(Compact(**ARGUMENTS))
        lesson = Taught(teacher=teacher, losses=(("l1", 1.0, l1),))
        return Regression(network, losses=(), taught=lesson, optimizer=before.optimizers["generator"])

    return replace(tiny(), objective=objective, teacher_scale=4)


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
