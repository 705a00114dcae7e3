"""The games generator and critic play, on logits: what each of them minimises.

``critic(real, fake)`` and ``generator(real, fake)`` map logits of any equal shape to a scalar. In the
critic's turn ``fake`` must be detached; in the generator's ``real`` must be. Games that do not compare
real with fake also have the critic's two halves, ``critic_real`` and ``critic_fake``, for separate steps;
``relative`` says which kind a game is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Game(Protocol):
    """See the module."""

    @property
    def relative(self) -> bool:
        """Whether real is compared with fake."""
        ...

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimises."""
        ...

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises."""
        ...


class TwoSided(Game, Protocol):
    """A game whose critic judges real and fake apart."""

    def critic_real(self, real: Tensor) -> Tensor:
        """What the critic minimises of originals alone."""
        ...

    def critic_fake(self, fake: Tensor) -> Tensor:
        """What the critic minimises of generated pictures alone."""
        ...


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Mean binary cross-entropy of logits against one target.

    >>> round(cross_entropy(torch.zeros(3), 1.0).item(), 6)
    0.693147
    """
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


@dataclass(frozen=True)
class NonSaturating:
    """-log D(real) - log(1 - D(fake)) for the critic, -log D(fake) for the generator (Ledig 2017, eq. 2, 6)."""

    relative = False

    def critic_real(self, real: Tensor) -> Tensor:
        """-log D(real), mean."""
        return cross_entropy(real, 1.0)

    def critic_fake(self, fake: Tensor) -> Tensor:
        """-log(1 - D(fake)), mean."""
        return cross_entropy(fake, 0.0)

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Sum of both terms, each a mean."""
        return self.critic_real(real) + self.critic_fake(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The non-saturating form."""
        return cross_entropy(fake, 1.0)


@dataclass(frozen=True)
class LeastSquaresOnSigmoid:
    """The face SRGAN's game: squared errors of D for the critic, cross-entropy for the generator.

    The source trains on both halves with full weight, one after the other, and prints half their sum.
    """

    relative = False

    def critic_real(self, real: Tensor) -> Tensor:
        """mean (D(real) - 1)^2, D after the sigmoid."""
        return (real.sigmoid() - 1).square().mean()

    def critic_fake(self, fake: Tensor) -> Tensor:
        """mean D(fake)^2."""
        return fake.sigmoid().square().mean()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Half the sum of both."""
        return 0.5 * (self.critic_real(real) + self.critic_fake(fake))

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Binary cross-entropy against one."""
        return cross_entropy(fake, 1.0)


@dataclass(frozen=True)
class LeastSquares:
    """Mao et al. 2017 (LSGAN), a = 0, b = c = 1, on raw outputs."""

    relative = False

    def critic_real(self, real: Tensor) -> Tensor:
        """0.5 mean (C(real) - 1)^2."""
        return 0.5 * (real - 1).square().mean()

    def critic_fake(self, fake: Tensor) -> Tensor:
        """0.5 mean C(fake)^2."""
        return 0.5 * fake.square().mean()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """The sum of both."""
        return self.critic_real(real) + self.critic_fake(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """0.5 mean (C(fake) - 1)^2."""
        return 0.5 * (fake - 1).square().mean()


@dataclass(frozen=True)
class RelativisticAverage:
    """Is a real one more real than the average fake, and the other way round (Wang 2018, eq. 1, 2)?

    ``halved``: divide by two, as the reference code does; the paper sums.
    """

    relative = True
    halved: bool = True

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D_Ra(real, fake) - E log(1 - D_Ra(fake, real))."""
        loss = cross_entropy(real - fake.mean(), 1.0) + cross_entropy(fake - real.mean(), 0.0)
        return loss / 2 if self.halved else loss

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log(1 - D_Ra(real, fake)) - E log D_Ra(fake, real); the first term reaches fake by its mean."""
        loss = cross_entropy(real - fake.mean(), 0.0) + cross_entropy(fake - real.mean(), 1.0)
        return loss / 2 if self.halved else loss


@dataclass(frozen=True)
class Hinge:
    """Lim & Ye 2017: the critic wants a margin of one, the generator high scores."""

    relative = False

    def critic_real(self, real: Tensor) -> Tensor:
        """mean max(0, 1 - C(real))."""
        return F.relu(1 - real).mean()

    def critic_fake(self, fake: Tensor) -> Tensor:
        """mean max(0, 1 + C(fake))."""
        return F.relu(1 + fake).mean()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """The sum of both."""
        return self.critic_real(real) + self.critic_fake(fake)

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-mean C(fake)."""
        return -fake.mean()
