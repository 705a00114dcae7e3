"""A recipe: everything that decides what a training run computes, as one frozen value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from acutance.training.data import Loader
from acutance.training.features import Kind
from acutance.training.objective import Objective


class Schedule(Protocol):
    """The learning rate over a run, as a share of the recipe's."""

    def factor(self, step: int, steps: int) -> float:
        """The share at ``step`` of ``steps``."""
        ...

    def constant_until(self, steps: int) -> int:
        """The last step at which a checkpoint can still be continued as part of a longer run."""
        ...


@dataclass(frozen=True, kw_only=True)
class ConstantThenDecay:
    """Warm up linearly, stay constant, fall linearly to zero over the last ``decay`` steps.

    Because the rate before the decay does not depend on the length of the run, a finished run is
    continued by asking for more steps: it goes back to the last checkpoint before the decay.
    """

    warmup: int
    decay: int

    def __post_init__(self) -> None:
        """Both are divided by."""
        if min(self.warmup, self.decay) < 1:
            raise ValueError(f"warmup={self.warmup!r}, decay={self.decay!r}: at least 1")

    def factor(self, step: int, steps: int) -> float:
        """See ``Schedule``.

        >>> s = ConstantThenDecay(warmup=10, decay=20)
        >>> [s.factor(i, 100) for i in (0, 10, 79, 90, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.05]
        """
        return min((step + 1) / self.warmup, 1.0, (steps - step) / self.decay)

    def constant_until(self, steps: int) -> int:
        """See ``Schedule``."""
        return max(steps - self.decay, 0)


@dataclass(frozen=True, kw_only=True)
class MultiStep:
    """Multiply by ``gamma`` at every milestone (a step)."""

    milestones: tuple[int, ...] = ()
    gamma: float = 0.5

    def factor(self, step: int, steps: int) -> float:
        """See ``Schedule``.

        >>> s = MultiStep(milestones=(50_000, 100_000, 200_000, 300_000))
        >>> [1e-4 * s.factor(i, 500_000) for i in (0, 50_000, 100_000, 200_000, 300_000)]
        [0.0001, 5e-05, 2.5e-05, 1.25e-05, 6.25e-06]
        """
        return self.gamma ** sum(step >= milestone for milestone in self.milestones)

    def constant_until(self, steps: int) -> int:
        """See ``Schedule``: the rate does not depend on the length."""
        return steps


@dataclass(frozen=True, kw_only=True)
class CosineRestarts:
    """Fall along a cosine from 1 to ``floor`` in every ``period`` steps (Loshchilov & Hutter 2017)."""

    period: int
    floor: float = 0.0

    def factor(self, step: int, steps: int) -> float:
        """See ``Schedule``.

        >>> s = CosineRestarts(period=100)
        >>> [round(s.factor(i, 400), 3) for i in (0, 50, 100, 150)]
        [1.0, 0.5, 1.0, 0.5]
        """
        wave = (1 + math.cos(math.pi * (step % self.period) / self.period)) / 2
        return self.floor + (1 - self.floor) * wave

    def constant_until(self, steps: int) -> int:
        """See ``Schedule``: the rate does not depend on the length."""
        return steps


@dataclass(frozen=True, kw_only=True)
class Features:
    """A feature network a recipe needs: which training of which network, and its deepest layer used."""

    kind: Kind
    last: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run.

    ``network`` and ``arguments`` name the generator (``networks.NETWORKS``); ``objective`` builds the networks and
    turns, given the feature network that ``features`` asks for (None without one) and, with a ``teacher_scale``,
    also a network to learn from that enlarges so many times; ``data`` cuts the batches;
    ``steps``: the default length; ``ema``: the decay of the averaged weights that are shipped, 0 for none;
    ``accumulate``: parts a batch is taken apart into; ``clip``: the largest gradient norm, 0 for any; ``mixed``:
    multiply in bf16 or fp16 where that is fast; ``compile``: ``torch.compile`` the networks where that works;
    ``keep_best``: keep the checkpoint with the best held-out PSNR, which says little for a GAN; ``keep_every``: also
    keep those at its multiples, 0 for none; ``after``: the recipe whose result it is meant to start from.
    """

    name: str
    source: str
    network: str
    arguments: dict[str, Any]
    objective: Callable[..., Objective]
    data: Loader
    schedule: Schedule
    steps: int
    features: Features | None = None
    teacher_scale: int = 0
    ema: float = 0.999
    accumulate: int = 1
    clip: float = 0.0
    mixed: bool = True
    compile: bool = False
    keep_best: bool = True
    keep_every: int = 0
    valid_every: int = 2000
    save_every: int = 1000
    after: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before hours are spent on it."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(f"name={self.name!r}: letters, digits, dots, dashes and underscores")
        whole = {"steps": 1, "accumulate": 1, "valid_every": 1, "save_every": 1, "keep_every": 0, "teacher_scale": 0}
        for name, least in whole.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise ValueError(f"{name}={value!r}: a whole number, at least {least}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema={self.ema!r}: from 0 to below 1")
        if not 0 <= self.clip < math.inf:
            raise ValueError(f"clip={self.clip!r}: 0 or a gradient norm")
        for name, methods in (("schedule", ("factor", "constant_until")), ("data", ("sampler", "pairs"))):
            if not all(hasattr(getattr(self, name), method) for method in methods):
                raise ValueError(f"{name}={getattr(self, name)!r}: has no {' and '.join(methods)}")
