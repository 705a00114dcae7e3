"""Objectives: who moves in whose turn, what is minimised, in which order (checks A3-A5, D6, F4, F6)."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from acutance.networks.compact import Compact
from acutance.networks.critics import ConditionalCritic, UNetCritic
from acutance.networks.ranges import to_signed
from acutance.training.batch import Batch
from acutance.training.losses.adversarial import (
    Hinge,
    LeastSquares,
    NonSaturating,
    RelativisticAverage,
    cross_entropy,
)
from acutance.training.losses.pixel import l1, mse
from acutance.training.objective import Adversarial, Regression, Turn, conditional, plain
from acutance.training.recipe import Recipe
from acutance.training.step import build, step

CPU = torch.device("cpu")


class BatchNormGenerator(nn.Module):
    """Small, with running statistics, in signed range like the papers' networks."""

    signed_output = True

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.PReLU(),
            nn.Conv2d(8, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class BatchNormCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, 1e-3)


def stream(seed: int = 0, count: int = 4) -> Iterator[Batch]:
    random = torch.Generator().manual_seed(seed)
    while True:
        hr = torch.rand(count, 3, 32, 32, generator=random)
        yield Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)


def recipe(objective, **changes) -> Recipe:
    from acutance.training.data import PairedCrops
    from acutance.training.recipe import MultiStep

    values = {"ema": 0.0, "mixed": False, **changes}
    return Recipe(name="test", source="", network="compact", arguments={}, objective=lambda _: objective,
                  data=PairedCrops(batch=4), schedule=MultiStep(), steps=1, **values)  # fmt: skip


def tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def changed(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    return {name for name, tensor in module.state_dict().items() if not torch.equal(before[name], tensor)}


def three_steps() -> Adversarial:
    return Adversarial(
        Compact(channels=8, convolutions=1), ConditionalCritic(size=64, inject=16, width=0.125), game=NonSaturating(),
        weight=1.0, optimizers=(adam, adam), judge=conditional, critic_first=True, separate=True,
    )  # fmt: skip


OBJECTIVES = {
    "g-d, batch norm": lambda: Adversarial(
        BatchNormGenerator(), BatchNormCritic(), game=RelativisticAverage(), weight=5e-3,
        losses=(("l1", 1e-2, l1),), optimizers=(adam, adam),
    ),
    "d-g, batch norm": lambda: Adversarial(
        BatchNormGenerator(), BatchNormCritic(), game=NonSaturating(), weight=1e-3,
        losses=(("mse", 1.0, mse),), optimizers=(adam, adam), critic_first=True,
    ),
    "three steps, fresh": lambda: Adversarial(
        BatchNormGenerator(), BatchNormCritic(), game=LeastSquares(), weight=1.0, optimizers=(adam, adam),
        critic_first=True, separate=True, fresh=True,
    ),
    "spectral norm": lambda: Adversarial(
        Compact(channels=8, convolutions=1), UNetCritic(features=4), game=Hinge(), weight=0.1,
        losses=(("l1", 1.0, l1),), optimizers=(adam, adam),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_the_network_of_the_turn_moves_not_even_a_buffer_of_the_other(name: str) -> None:
    torch.manual_seed(0)
    objective = OBJECTIVES[name]()
    everyone = objective.turns
    for turn in everyone:
        other = "critic" if turn.network == "generator" else "generator"
        objective.turns = (turn,)
        state = build(recipe(objective), None, CPU)
        mine, others = (tensors(objective.get_submodule(n)) for n in (turn.network, other))
        step(state, stream(), recipe(objective), 1.0)
        assert changed(others, objective.get_submodule(other)) == set()
        moved = changed(mine, objective.get_submodule(turn.network))
        assert any(key.endswith("weight") or "original" in key for key in moved)
        assert all(p.requires_grad for p in objective.parameters())
        running = {k for k in mine if "running" in k or "_u" in k.rsplit(".", 1)[-1]}
        assert running <= moved, "its own statistics go on"


def test_the_three_steps_have_targets_one_zero_one() -> None:
    """With a critic that says p = 0.9 to everything (check A4)."""

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.tensor(math.log(9.0)))

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.bias + 0 * a.mean(dim=(1, 2, 3), keepdim=True).flatten(1) + 0 * b.mean()

    objective = Adversarial(Compact(channels=8, convolutions=1), Constant(), game=NonSaturating(), weight=1.0,
                            optimizers=(adam, adam), judge=conditional, critic_first=True, separate=True)  # fmt: skip
    assert [turn.network for turn in objective.turns] == ["critic", "critic", "generator"]
    batch = next(stream())
    values = [sum(turn.loss(batch).terms.values()).item() for turn in objective.turns]
    assert values == pytest.approx([0.105361, 2.302585, 0.105361], abs=1e-6)


def test_a_fresh_conditional_game_starts_at_a_coin_and_the_generator_gets_a_gradient() -> None:
    torch.manual_seed(0)
    objective = three_steps()
    hr = torch.rand(4, 3, 64, 64)
    batch = Batch(lr=nn.functional.avg_pool2d(hr, 4), hr=hr)
    for turn in objective.turns:
        assert sum(turn.loss(batch).terms.values()).item() == pytest.approx(0.69, abs=0.1)
    objective.generator_loss(batch).terms["adversarial"].backward()
    assert max(p.grad.abs().max().item() for p in objective.generator.parameters() if p.grad is not None) > 0


def test_the_conditional_game_can_be_won_by_either_side() -> None:
    """Sixty steps of the critic alone, then of the generator alone (check A5)."""
    torch.manual_seed(0)

    class Free(nn.Module):
        """A generator that can draw anything: what it gives is its weights."""

        def __init__(self) -> None:
            super().__init__()
            self.pictures = nn.Parameter(torch.rand(8, 3, 64, 64))

        def forward(self, x: Tensor) -> Tensor:
            return self.pictures + 0 * x.mean()

    fast = lambda ps: torch.optim.Adam(ps, 2e-3, betas=(0.5, 0.999))  # noqa: E731
    objective = Adversarial(
        Free(), ConditionalCritic(size=64, inject=16, width=0.125), game=NonSaturating(), weight=1.0,
        optimizers=(lambda ps: torch.optim.Adam(ps, 0.02), fast), judge=conditional, critic_first=True, separate=True,
    )  # fmt: skip
    smooth = nn.functional.interpolate(torch.rand(8, 3, 8, 8), scale_factor=8, mode="bilinear")
    fixed = itertools.repeat(Batch(lr=nn.functional.avg_pool2d(smooth, 4), hr=smooth))
    plan, (real, fake, generating) = recipe(objective), objective.turns
    state = build(plan, None, CPU)
    objective.turns = (real, fake)
    for _ in range(60):
        step(state, fixed, plan, 1.0)
    assert state.losses["real/p_real"] > 0.95 and state.losses["fake/p_fake"] < 0.05
    objective.turns = (generating,)
    for _ in range(100):
        step(state, fixed, plan, 1.0)
    assert objective.fake_loss(next(fixed)).watched["p_fake"].item() > 0.9


def test_terms_are_weighted_and_summed() -> None:
    """2 perceptual + 5e-3 * 3 adversarial + 1e-2 * 4 L1 = 2.055 (check F6)."""

    class Game:
        relative = True

        def generator(self, real: Tensor, fake: Tensor) -> Tensor:
            return torch.tensor(3.0)

    objective = Adversarial(
        Compact(channels=8, convolutions=1), BatchNormCritic(), game=Game(), weight=5e-3, optimizers=(adam, adam),
        losses=(("perceptual", 1.0, lambda a, b: torch.tensor(2.0)), ("l1", 1e-2, lambda a, b: torch.tensor(4.0))),
    )  # type: ignore[arg-type] # fmt: skip
    terms = objective.generator_loss(next(stream())).terms
    assert sum(terms.values()).item() == pytest.approx(2.055)


def test_losses_are_measured_in_the_networks_own_range() -> None:
    """Two grey levels on the scale [-1, 1] are a squared error of 6.1515e-5 (check D3)."""

    class Copy(nn.Module):
        signed_output = True

        def forward(self, x: Tensor) -> Tensor:
            return to_signed(x) + 2 / 255

    picture = torch.rand(1, 3, 8, 8)
    objective = Regression(Copy(), losses=(("mse", 1.0, mse),), optimizer=adam)
    assert objective.generator_loss(Batch(picture, picture)).terms["mse"].item() == pytest.approx(
        (2 / 255) ** 2, rel=1e-4
    )
    assert pytest.approx(6.1515e-5, rel=1e-4) == (2 / 255) ** 2


def test_the_critic_sees_the_picture_the_generator_showed_in_the_same_step() -> None:
    """And in the critic's turn nothing reaches the generator."""
    objective = OBJECTIVES["g-d, batch norm"]()
    batch, seen = next(stream()), []
    objective.judge = lambda critic, image, b: (seen.append(image), plain(critic, image, b))[1]
    objective.generator_loss(batch)
    objective.critic_loss(batch)
    (shown,) = {id(x): x for x in seen if x.grad_fn is not None}.values()
    assert any(torch.equal(x, shown) and x.grad_fn is None and not x.requires_grad for x in seen)


def test_relativistic_gradient_reaches_the_generator_through_the_real_term() -> None:
    """Also with the fake term taken away again (check F3)."""
    game = RelativisticAverage(halved=False)
    fake, real = torch.tensor([0.3, -0.2], requires_grad=True), torch.tensor([1.0, 0.5])
    rest = game.generator(real, fake) - cross_entropy(fake - real.mean(), 1.0)
    rest.backward()
    assert fake.grad is not None and fake.grad.abs().min() > 0.1


def test_parts_of_a_batch_give_the_critic_the_same_game() -> None:
    """The critic sees what the generator showed before it moved, part by part."""
    results = []
    for accumulate in (1, 2):
        torch.manual_seed(0)
        slow = lambda ps: torch.optim.SGD(ps, 0.1)  # noqa: E731
        objective = Adversarial(
            Compact(channels=8, convolutions=1), UNetCritic(features=4), game=NonSaturating(), weight=1.0,
            losses=(("l1", 1.0, l1),), optimizers=(slow, slow),
        )  # fmt: skip
        objective.critic.eval()  # spectral vectors move with every look
        plan = recipe(objective, accumulate=accumulate)
        step(build(plan, None, CPU), stream(), plan, 1.0)
        results.append(tensors(objective))
    for name, tensor in results[0].items():
        torch.testing.assert_close(results[1][name], tensor, rtol=0, atol=1e-5)


def test_parts_of_a_batch_add_up_and_a_relativistic_game_refuses_them() -> None:
    torch.manual_seed(0)
    whole = Regression(Compact(channels=8, convolutions=1), losses=(("mse", 1.0, mse),), optimizer=adam)
    parts = copy.deepcopy(whole)
    parts.turns = (Turn(name="generator", network="generator", loss=parts.generator_loss),)
    for objective, accumulate in ((whole, 1), (parts, 4)):
        state = build(recipe(objective, accumulate=accumulate), None, CPU)
        step(state, stream(), recipe(objective, accumulate=accumulate), 1.0)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    from acutance.errors import UsageError

    with pytest.raises(UsageError, match="has no 3 equal parts"):
        build(recipe(whole, accumulate=3), None, CPU)
    with pytest.raises(UsageError, match="accumulate=4"):
        build(recipe(OBJECTIVES["g-d, batch norm"](), accumulate=4), None, CPU)


def test_a_relativistic_game_has_no_separate_steps() -> None:
    with pytest.raises(ValueError, match="no separate steps"):
        Adversarial(BatchNormGenerator(), BatchNormCritic(), game=RelativisticAverage(), weight=1.0,
                    optimizers=(adam, adam), separate=True)  # fmt: skip


def test_what_is_not_finite_is_skipped_counted_and_leaves_no_trace() -> None:
    torch.manual_seed(0)
    objective = OBJECTIVES["g-d, batch norm"]()
    plan = recipe(objective)
    state = build(plan, None, CPU)
    before = tensors(objective)
    good = next(stream())
    step(state, iter([Batch(lr=good.lr, hr=good.hr * float("nan"))]), plan, 1.0)
    assert state.skipped == 2 and state.bad_steps == 1 and state.losses == {}
    assert changed(before, objective) == set()
    step(state, stream(), plan, 1.0)
    assert state.bad_steps == 0 and changed(before, objective)


def test_a_fresh_turn_draws_its_own_batch() -> None:
    objective = OBJECTIVES["three steps, fresh"]()
    state = build(recipe(objective), None, CPU)
    step(state, stream(), recipe(objective), 1.0)
    assert state.draws == 2
