"""The games against hand-made values (specification section 8, checks B2, F3)."""

from __future__ import annotations

import math

import pytest
import torch

from acutance.training.losses.adversarial import (
    Hinge,
    LeastSquares,
    LeastSquaresOnSigmoid,
    NonSaturating,
    RelativisticAverage,
)

REAL = torch.tensor([1.5, -0.5, 2.0])
FAKE = torch.tensor([-1.0, 0.5, 0.25])


def logit(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NonSaturating().critic(REAL, FAKE), 1.138565),
        (NonSaturating().generator(REAL, FAKE), 0.787759),
        (RelativisticAverage(halved=False).critic(REAL, FAKE), 0.738325),
        (RelativisticAverage().critic(REAL, FAKE), 0.369162),
        (RelativisticAverage(halved=False).generator(REAL, FAKE), 2.904991),
        (RelativisticAverage().generator(REAL, FAKE), 1.452496),
        (5e-3 * RelativisticAverage(halved=False).generator(REAL, FAKE), 0.0145250),
        (5e-3 * RelativisticAverage().generator(REAL, FAKE), 0.00726248),
        (Hinge().critic(REAL, FAKE), 0.5 + (0 + 1.5 + 1.25) / 3),
        (Hinge().generator(REAL, FAKE), 0.25 / 3),
        (LeastSquares().generator(REAL, FAKE), (4 + 0.25 + 0.5625) / 6),
    ],
)
def test_hand_values(value: torch.Tensor, expected: float) -> None:
    assert value.item() == pytest.approx(expected, abs=2e-6)


def test_least_squares_on_sigmoid_outputs() -> None:
    real, fake = (torch.tensor([logit(p) for p in ps]) for ps in ((0.9, 0.6), (0.2, 0.5)))
    game = LeastSquaresOnSigmoid()
    assert game.critic(real, fake).item() == pytest.approx(0.115, abs=1e-6)
    assert game.generator(real, fake).item() == pytest.approx(1.151293, abs=1e-6)


def test_relativistic_gradients() -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    RelativisticAverage(halved=False).generator(real, fake).backward()
    torch.testing.assert_close(fake.grad, torch.tensor([-0.5287, -0.4426, -0.4615]), rtol=0, atol=1e-4)
    torch.testing.assert_close(real.grad, torch.tensor([0.5191, 0.3749, 0.5389]), rtol=0, atol=1e-4)


def test_a_constant_on_all_logits_changes_nothing() -> None:
    game = RelativisticAverage()
    assert game.critic(REAL + 7, FAKE + 7).item() == pytest.approx(game.critic(REAL, FAKE).item(), abs=1e-6)
    equal = torch.full((5,), 3.0)
    assert game.critic(equal, equal).item() == pytest.approx(math.log(2), abs=1e-6)


def test_the_real_term_reaches_the_generator() -> None:
    fake = FAKE.clone().requires_grad_()
    from acutance.training.losses.adversarial import cross_entropy

    cross_entropy(REAL - fake.mean(), 0.0).backward()
    assert fake.grad is not None and fake.grad.abs().min() > 0
