"""What is optimised: a module that owns its networks and is an ordered tuple of turns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from acutance.networks.ranges import as_input, as_output
from acutance.training.batch import Batch
from acutance.training.eight_bits import eight_bits
from acutance.training.losses.adversarial import Game, TwoSided
from acutance.training.parallel import gather

Loss = Callable[[Tensor, Tensor], Tensor]
Term = tuple[str, float, Loss]
MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]
Lesson = Callable[[Tensor, Batch], Tensor]
Judge = Callable[[nn.Module, Tensor, Batch], Tensor]
ROUNDED = {"rounded": "half of each batch"}


@dataclass(frozen=True)
class Losses:
    """What one turn found: ``terms`` by name, weighted, whose sum is minimised; ``watched``: only logged."""

    terms: dict[str, Tensor]
    watched: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One optimiser step: the one network that moves, and what it minimises.

    ``fresh``: the turn draws a batch of its own instead of using the one of the turn before.
    """

    name: str
    network: str
    loss: Callable[[Batch], Losses]
    fresh: bool = False


class Objective(Protocol):
    """A module with a generator, the optimizers of its networks by name, and turns in their order.

    ``global_terms``: some term looks at the whole batch at once, so batches must not be taken apart.
    """

    generator: nn.Module

    @property
    def optimizers(self) -> Mapping[str, MakeOptimizer]:
        """How each network's optimizer is made."""
        ...

    @property
    def turns(self) -> tuple[Turn, ...]:
        """In the order in which they are played."""
        ...

    @property
    def global_terms(self) -> bool:
        """See the class."""
        ...

    def get_submodule(self, target: str) -> nn.Module:
        """A network by name."""
        ...

    def describe(self) -> dict[str, Any]:
        """Everything that decides what is computed, as JSON."""
        ...


class Regression(nn.Module):
    """One turn: the generator approaches the target under weighted losses, in its own output range.

    ``taught``: a loss against what a teacher draws, ``losses.taught.Taught``;
    ``rounded``: one half of each batch is computed in 8 bits, so that one set of weights serves both.
    """

    global_terms = False

    def __init__(
        self,
        generator: nn.Module,
        *,
        losses: tuple[Term, ...],
        optimizer: MakeOptimizer,
        taught: Lesson | None = None,
        rounded: bool = False,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.losses, self.taught = losses, taught
        self.rounded = rounded
        self.optimizers = {"generator": optimizer}
        self.turns = (Turn(name="generator", network="generator", loss=self.generator_loss),)

    def generator_loss(self, batch: Batch) -> Losses:
        """Every loss by name, weighted."""
        fake = _generate(self.generator, batch, self.rounded)
        terms = _content(self.losses, fake, as_output(self.generator, batch.hr))
        return Losses(terms | _lesson(self.taught, fake, batch))

    def describe(self) -> dict[str, Any]:
        """See ``Objective``."""
        return {"losses": _described(self.losses)} | _also(self.taught, self.rounded)


def plain(critic: nn.Module, image: Tensor, batch: Batch) -> Tensor:
    """A critic that looks at the picture alone."""
    return critic(image)


def conditional(critic: nn.Module, image: Tensor, batch: Batch) -> Tensor:
    """disc(a, b): a critic that also sees the low-resolution picture."""
    return critic(image, batch.lr)


class Adversarial(nn.Module):
    """Generator against critic, in two turns or, with ``separate``, in three steps.

    The generator minimises ``losses`` plus ``weight`` times what ``game`` asks of it. The critic
    minimises ``game``'s other side in one turn, or - ``separate`` - its real and its fake half in two
    steps of the same optimizer (conditional SRGAN, steps 1 and 2). ``critic_first``: the order;
    ``fresh``: the generator's turn draws another batch. ``judge``: how the critic is asked.
    Content losses, not the critic, see the sharpened target where the batch has one.
    ``taught``, ``rounded``: as in ``Regression``.

    In a critic's turn that follows the generator's on the same batch the generator's picture is used
    again, as the reference implementations do.
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        *,
        game: Game,
        weight: float,
        losses: tuple[Term, ...] = (),
        taught: Lesson | None = None,
        optimizers: tuple[MakeOptimizer, MakeOptimizer],
        judge: Judge = plain,
        critic_first: bool = False,
        separate: bool = False,
        fresh: bool = False,
        rounded: bool = False,
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.taught, self.rounded = generator, critic, taught, rounded
        self.game, self.weight, self.losses, self.judge = game, weight, losses, judge
        self.optimizers = {"generator": optimizers[0], "critic": optimizers[1]}
        self.global_terms = game.relative
        generating = Turn(name="generator", network="generator", loss=self.generator_loss, fresh=fresh)
        if separate:
            if game.relative:
                raise ValueError(f"{game} compares real with fake; it has no separate steps")
            criticising = (
                Turn(name="real", network="critic", loss=self.real_loss),
                Turn(name="fake", network="critic", loss=self.fake_loss),
            )
        else:
            criticising = (Turn(name="critic", network="critic", loss=self.critic_loss),)
        self.turns = (*criticising, generating) if critic_first else (generating, *criticising)

    def generator_loss(self, batch: Batch) -> Losses:
        """The content terms against the target, and the game's generator side."""
        fake = _generate(self.generator, batch, self.rounded)
        real = as_output(self.generator, batch.hr)
        target = real if batch.sharp is None else as_output(self.generator, batch.sharp)
        batch.memo["fake"] = fake.detach()
        terms = _content(self.losses, fake, target) | _lesson(self.taught, fake, batch)
        fake_logits = gather(self.judge(self.critic, fake, batch).float())
        with torch.no_grad():
            real_logits = gather(self.judge(self.critic, real, batch).float()) if self.game.relative else fake_logits
        terms["adversarial"] = self.weight * self.game.generator(real_logits, fake_logits)
        return Losses(terms, {"contrast": fake.detach().std() / real.std().clamp_min(1e-3)})

    def critic_loss(self, batch: Batch) -> Losses:
        """The game's critic side, and how often the critic is right."""
        real = gather(self.judge(self.critic, as_output(self.generator, batch.hr), batch).float())
        fake = gather(self.judge(self.critic, self._fake(batch), batch).float())
        return Losses({"critic": self.game.critic(real, fake)}, {"right": _right(real.detach(), fake.detach())})

    def real_loss(self, batch: Batch) -> Losses:
        """Step 1 of three: originals, target 1."""
        real = gather(self.judge(self.critic, as_output(self.generator, batch.hr), batch).float())
        return Losses({"real": cast(TwoSided, self.game).critic_real(real)}, {"p_real": real.detach().sigmoid().mean()})

    def fake_loss(self, batch: Batch) -> Losses:
        """Step 2 of three: generated pictures, target 0."""
        fake = gather(self.judge(self.critic, self._fake(batch), batch).float())
        return Losses({"fake": cast(TwoSided, self.game).critic_fake(fake)}, {"p_fake": fake.detach().sigmoid().mean()})

    def _fake(self, batch: Batch) -> Tensor:
        if "fake" in batch.memo:
            return batch.memo["fake"]
        with torch.no_grad():
            return _generate(self.generator, batch, self.rounded)

    def describe(self) -> dict[str, Any]:
        """See ``Objective``."""
        return {
            "losses": _described(self.losses), "game": repr(self.game), "weight": self.weight,
            "critic": hashlib.sha256(repr(self.critic).encode()).hexdigest()[:16], "judge": self.judge.__name__,
            "turns": [f"{turn.name}{' fresh' * turn.fresh}" for turn in self.turns],
        } | _also(self.taught, self.rounded)  # fmt: skip


def _generate(generator: nn.Module, batch: Batch, rounded: bool) -> Tensor:
    """The pictures of a batch; ``rounded``: those of its second half computed in 8 bits."""
    lr = as_input(generator, batch.lr)
    if not rounded:
        return generator(lr).float()
    half = len(lr) // 2
    exact = generator(lr[:half])
    with eight_bits(generator):
        return torch.cat([exact, generator(lr[half:])]).float()


def _content(losses: tuple[Term, ...], fake: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {name: weight * loss(fake, target) for name, weight, loss in losses}


def _lesson(taught: Lesson | None, fake: Tensor, batch: Batch) -> dict[str, Tensor]:
    return {"taught": taught(fake, batch)} if taught else {}


def _also(taught: Lesson | None, rounded: bool) -> dict[str, Any]:
    return ({"taught": repr(taught)} if taught else {}) | (ROUNDED if rounded else {})


def _described(losses: tuple[Term, ...]) -> list[list[Any]]:
    return [[name, weight, loss_name(loss)] for name, weight, loss in losses]


def loss_name(loss: Any) -> str:
    """A loss as the same text in every process.

    >>> from functools import partial
    >>> loss_name(partial(round, ndigits=2)), loss_name(round)
    ('round(ndigits=2)', 'round')
    """
    if isinstance(loss, partial):
        given = [*map(repr, loss.args), *(f"{key}={value!r}" for key, value in loss.keywords.items())]
        return f"{loss_name(loss.func)}({', '.join(given)})"
    return getattr(loss, "__name__", None) or repr(loss)


def _right(real: Tensor, fake: Tensor) -> Tensor:
    """The share of logits on the right side of the other kind's mean; 0.5 is a coin.

    >>> _right(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])).item()
    1.0
    """
    return ((real > fake.mean()).float().mean() + (fake < real.mean()).float().mean()) / 2


@contextmanager
def only(objective: nn.Module, network: str) -> Iterator[None]:
    """Within it, ``network`` alone can change: the others need no gradient and get their buffers back."""
    others = [module for name, module in objective.named_children() if name != network]
    buffers = [(buffer, buffer.detach().clone()) for module in others for buffer in module.buffers()]
    frozen = [p for module in others for p in module.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
