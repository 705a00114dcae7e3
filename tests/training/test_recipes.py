"""Every recipe against its source: sizes, losses, weights, rates (checks B2, D2, D4, D6, F7)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn

from acutance.networks import NETWORKS
from acutance.networks.compact import Compact
from acutance.networks.ranges import UnitRange
from acutance.networks.vgg import VGG
from acutance.training.batch import Batch
from acutance.training.losses.adversarial import LeastSquaresOnSigmoid, NonSaturating, RelativisticAverage
from acutance.training.losses.perceptual import Perceptual, srgan_paper
from acutance.training.losses.pixel import mse
from acutance.training.losses.taught import Taught
from acutance.training.objective import Adversarial, conditional
from acutance.training.recipe import Recipe
from acutance.training.recipes import RECIPES
from acutance.training.step import build, step


def features(recipe: Recipe) -> nn.Module | None:
    """Random ones, of the right shape."""
    if recipe.features is None:
        return None
    kind = recipe.features.kind
    return VGG(kind.configuration, last=recipe.features.last, normalisation=kind.normalisation)


def objective_of(recipe: Recipe) -> Any:
    """With random features and a random teacher, where the recipe wants them."""
    teacher = (UnitRange(Compact(channels=4, convolutions=1)).requires_grad_(False),) if recipe.teacher_scale else ()
    return recipe.objective(features(recipe), *teacher)


def terms(recipe: Recipe) -> dict[str, tuple[float, Callable]]:
    return {name: (weight, loss) for name, weight, loss in objective_of(recipe).losses}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_whole_value(name: str) -> None:
    recipe = RECIPES[name]()
    assert recipe.name == name and recipe.network in NETWORKS and recipe.source and recipe.steps > 0
    with torch.device("meta"):
        generator = NETWORKS[recipe.network](**recipe.arguments)
        objective = objective_of(recipe)
    assert generator.scale == recipe.data.scale
    made = objective.generator.state_dict()  # type: ignore[attr-defined]
    assert {key: t.shape for key, t in made.items()} == {key: t.shape for key, t in generator.state_dict().items()}
    assert RECIPES[name].__doc__ and (not recipe.after or recipe.after in RECIPES)
    losses = [loss for _, _, loss in getattr(objective, "losses", ())] + [getattr(objective, "taught", None)]
    for loss in losses:
        if isinstance(loss, Perceptual | Taught) and not name.startswith("face"):  # which feeds [-1, 1], as its source
            assert loss.signed == getattr(generator, "signed_output", False), "it would see pictures paled or inverted"


@pytest.mark.parametrize("name", [n for n in RECIPES if n.endswith("_small") or n in ("compact_gan", "siamese_plus")])
def test_a_small_recipe_takes_a_step(name: str) -> None:
    recipe = RECIPES[name]()
    torch.manual_seed(0)
    state = build(recipe, features(recipe), torch.device("cpu"))
    side = next(getattr(recipe.data, key) for key in ("patch", "size", "side") if hasattr(recipe.data, key))
    hr = torch.rand(2, 3, side, side)
    batch = Batch(lr=nn.functional.avg_pool2d(hr, recipe.data.scale), hr=hr)
    before = {k: v.clone() for k, v in state.objective.generator.state_dict().items()}  # type: ignore[attr-defined]
    step(state, iter([batch, batch]), recipe, 1.0)
    assert state.skipped == 0 and all(torch.isfinite(torch.tensor(v)) for v in state.losses.values())
    after = state.objective.generator.state_dict()  # type: ignore[attr-defined]
    assert any(not torch.equal(before[k], after[k]) for k in before)


def learning_rates(recipe: Recipe) -> dict[str, tuple[float, tuple[float, float]]]:
    state = build(recipe, features(recipe), torch.device("cpu"))
    return {name: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for name, o in state.optimizers.items()}


def test_srgan() -> None:
    recipe, first = RECIPES["srgan"](), RECIPES["srresnet"]()
    assert (first.data.patch, first.data.batch, first.steps) == (96, 16, 1_000_000)  # type: ignore[attr-defined]
    assert first.network == recipe.network and first.arguments == recipe.arguments
    objective = recipe.objective(features(recipe))
    assert isinstance(objective, Adversarial) and objective.game == NonSaturating() and objective.weight == 1e-3
    assert [turn.network for turn in objective.turns] == ["generator", "critic"]
    ((name, weight, loss),) = objective.losses
    assert (name, weight) == ("vgg54", 1.0) and isinstance(loss, Perceptual)
    assert loss.layers == (("relu5_4", 1.0),) and loss.distance is srgan_paper and loss.signed
    assert learning_rates(recipe) == dict.fromkeys(("generator", "critic"), (0.0001, (0.9, 0.999)))
    factors = [recipe.schedule.factor(s, recipe.steps) for s in (0, 99_999, 100_000, 199_999)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1]) and recipe.steps == 200_000


def test_the_short_srgan_plays_the_papers_game_with_other_features() -> None:
    recipe, paper = RECIPES["srgan_short"](), RECIPES["srgan"]()
    objective, reference = recipe.objective(features(recipe)), paper.objective(features(paper))
    assert recipe.arguments == paper.arguments and recipe.after == "srresnet_muon" and recipe.after in RECIPES
    assert repr(objective.critic) == repr(reference.critic)  # type: ignore[attr-defined]
    assert objective.game == reference.game and objective.weight == 5e-3  # type: ignore[attr-defined]
    assert set(terms(recipe)) == {"l1", "perceptual"} and terms(recipe)["l1"][0] == 0.5  # of a range of 2


@pytest.mark.parametrize("name", ["compact_gan_taught", "srgan_taught", "esrgan_taught"])
def test_taught_recipes_see_the_original_and_the_teacher(name: str) -> None:
    recipe = RECIPES[name]()
    found, before = terms(recipe), terms(RECIPES[recipe.after]())
    loss = objective_of(recipe).taught
    assert isinstance(loss, Taught) and loss.scale == recipe.teacher_scale == 4 and not loss.restores
    assert loss.signed == (name == "srgan_taught")
    against = {name: weight for name, weight, _ in loss.losses}
    assert found["perceptual"][0] + against["perceptual"] == before["perceptual"][0] == 1.0
    range_ = 2 if loss.signed else 1
    assert found["l1"][0] * range_ + against["l1"] == before["l1"][0] * range_, "as much of the pixel error as before"
    assert found["colour"][0] == (2.0 if loss.signed else 10.0)
    assert recipe.arguments == RECIPES[recipe.after]().arguments


@pytest.mark.parametrize("name", ["restore_taught", "restore_x2_taught"])
def test_restoration_is_learned_from_the_teacher_by_a_network_that_keeps_colours(name: str) -> None:
    recipe = RECIPES[name]()
    loss = objective_of(recipe).taught
    assert isinstance(loss, Taught) and loss.restores and recipe.teacher_scale == 4
    assert {name: weight for name, weight, _ in loss.losses} == {"l1": 1.0, "perceptual": 1.0}
    assert set(terms(recipe)) == {"checkerboard"}
    data = recipe.data
    assert "Film(" in repr(data.degrade) and "Spotless(" in repr(data.seen)  # type: ignore[attr-defined]
    assert repr(data.degrade).replace("Film(", "Spotless(") == repr(data.seen)  # type: ignore[attr-defined]
    before = RECIPES[recipe.after]()
    assert recipe.network == f"colourfast_{before.network}" and recipe.arguments == before.arguments


def test_the_taught_unet_plays_the_conditional_game_of_the_one_before() -> None:
    recipe = RECIPES["unet_srgan_taught"]()
    before = RECIPES[recipe.after]()
    objective, reference = objective_of(recipe), objective_of(before)
    assert objective.game == reference.game and objective.weight == reference.weight
    assert objective.judge is conditional and [turn.name for turn in objective.turns] == ["critic", "generator"]
    assert recipe.network == f"colourfast_{before.network}" and recipe.arguments == before.arguments
    assert set(terms(recipe)) == {"l1", "perceptual", "checkerboard"} and objective.taught.scale == 4


def test_total_variation_only_in_srresnet_vgg22() -> None:
    found = terms(RECIPES["srresnet_vgg22"]())
    assert found["total_variation"][0] == 2e-8 and found["vgg22"][1].layers == (("relu2_2", 1.0),)  # type: ignore
    assert [n for n in RECIPES if n.startswith("sr") and "total_variation" in terms_of(n)] == ["srresnet_vgg22"]


def terms_of(name: str) -> set[str]:
    recipe = RECIPES[name]()
    with torch.device("meta"):
        return set(terms(recipe))


def test_tensorlayer() -> None:
    recipe, first = RECIPES["srgan_tensorlayer"](), RECIPES["srgan_tensorlayer_init"]()
    assert recipe.data.patch == 384 and recipe.data.batch == 16 and first.steps == 5000  # type: ignore[attr-defined]
    with torch.device("meta"):
        objective = recipe.objective(VGG(recipe.features.kind.configuration, last="conv4_4"))  # type: ignore
    found = {name: weight for name, weight, _ in objective.losses}  # type: ignore[attr-defined]
    assert found == {"mse": 1.0, "vgg": 2e-6} and objective.weight == 1e-3  # type: ignore[attr-defined]
    assert sum(p.numel() for p in objective.critic.parameters()) == 48_153_921  # type: ignore[attr-defined]
    assert [1e-4 * recipe.schedule.factor(s * 50, recipe.steps) for s in (0, 999, 1000)] == pytest.approx(
        [1e-4, 1e-4, 1e-5]
    )
    assert recipe.steps == 2000 * 50


def test_esrgan() -> None:
    recipe, first = RECIPES["esrgan"](), RECIPES["esrgan_psnr"]()
    with torch.device("meta"):
        objective = recipe.objective(VGG(recipe.features.kind.configuration, last="conv5_4"))  # type: ignore
    assert objective.game == RelativisticAverage(halved=True) and objective.weight == 5e-3  # type: ignore
    (perceptual, pixel) = objective.losses  # type: ignore[attr-defined]
    assert perceptual[:2] == ("perceptual", 1.0) and perceptual[2].layers == (("conv5_4", 1.0),)
    assert pixel[:2] == ("l1", 1e-2) and recipe.data.patch == 128 and first.data.patch == 192  # type: ignore
    assert [turn.network for turn in objective.turns] == ["generator", "critic"]  # type: ignore[attr-defined]
    assert sum(p.numel() for p in objective.generator.parameters()) == 16_697_987  # type: ignore[attr-defined]
    rates = [1e-4 * recipe.schedule.factor(s, recipe.steps) for s in (0, 50_000, 100_000, 200_000, 300_000)]
    assert rates == pytest.approx([1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6])
    assert [2e-4 * first.schedule.factor(s, first.steps) for s in (0, 200_000)] == pytest.approx([2e-4, 1e-4])


def test_conditional() -> None:
    recipe = RECIPES["unet_srgan"]()
    with torch.device("meta"):
        objective = recipe.objective(None)
    assert isinstance(objective, Adversarial) and objective.losses == () and objective.judge is conditional
    assert [turn.name for turn in objective.turns] == ["real", "fake", "generator"]
    assert recipe.data.patch == 512 and recipe.data.degrade.margin(4) == 0  # type: ignore[attr-defined]
    from acutance.training.recipes.unet_srgan import unet_srgan

    with torch.device("meta"):
        held = unet_srgan(pixel=0.5).objective(None)
    assert [(n, w) for n, w, _ in held.losses] == [("l1", 0.5)]  # type: ignore[attr-defined]


def test_faces() -> None:
    recipe = RECIPES["face_srgan"]()
    objective = recipe.objective(features(recipe))
    assert isinstance(objective, Adversarial) and objective.game == LeastSquaresOnSigmoid()
    assert [(t.name, t.fresh) for t in objective.turns] == [("real", False), ("fake", False), ("generator", True)]
    ((_, weight, loss),) = objective.losses
    assert weight == 1.0 and isinstance(loss, Perceptual) and not loss.signed
    assert loss.layers == (("relu3_3", 1.0),) and loss.distance.__name__ == mse.__name__ and objective.weight == 1e-3
    assert learning_rates(recipe) == dict.fromkeys(("generator", "critic"), (0.0002, (0.5, 0.999)))
    assert recipe.data.batch == 1 and recipe.steps == 30_000
    assert (objective.generator(torch.rand(1, 3, 64, 64)).abs() <= 1).all()
    pictures = torch.rand(1, 3, 256, 256)
    assert loss.features(pictures, ("relu3_3",))["relu3_3"].shape == (1, 256, 64, 64)


def test_restoration_sees_a_sharpened_target_and_its_critic_a_plain_one() -> None:
    recipe = RECIPES["restore_small"]()
    assert recipe.data.sharpen and recipe.data.degrade.margin(4) >= 8  # type: ignore[attr-defined]
    objective = recipe.objective(features(recipe))
    seen: list[torch.Tensor] = []
    objective.losses = (("l1", 1.0, lambda a, b: (seen.append(b), (a - b).abs().mean())[1]),)  # type: ignore
    hr, sharp = torch.rand(1, 3, 96, 96), torch.rand(1, 3, 96, 96)
    batch = Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr, sharp=sharp)
    objective.judge = lambda critic, image, b: (seen.append(image), critic(image))[1]  # type: ignore[attr-defined]
    objective.generator_loss(batch)  # type: ignore[attr-defined]
    objective.critic_loss(batch)  # type: ignore[attr-defined]
    assert seen[0] is sharp and any(x is hr for x in seen[1:]) and not any(x is sharp for x in seen[1:])


@pytest.mark.parametrize("name", [
    "siamese_plus", "restore_small", "face_srgan_finish", "unet_srgan_small", "esrgan_small", "srgan_taught",
    "restore_x2_taught",
])  # fmt: skip
def test_nothing_is_left_on_another_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes alone, on a device without memory: what stayed on the CPU would not fit there."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no such device
    recipe = RECIPES[name]()
    with torch.device("meta"):
        objective = objective_of(recipe)
    side = next(getattr(recipe.data, key) for key in ("patch", "size", "side") if hasattr(recipe.data, key))
    hr = torch.rand(4, 3, side, side, device="meta")
    lr = torch.rand(4, 3, side // recipe.data.scale, side // recipe.data.scale, device="meta")
    sharp = lr if hasattr(recipe.data, "ground") else None
    seen = lr if getattr(recipe.data, "seen", None) else None
    batch = Batch(lr=lr, hr=hr, sharp=sharp, seen=seen)
    for turn in objective.turns:  # type: ignore[attr-defined]
        losses = turn.loss(batch)
        sum(losses.terms.values()).backward()
        assert {loss.device.type for loss in losses.terms.values()} == {"meta"}
