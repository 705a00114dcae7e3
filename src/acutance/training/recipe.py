"""A recipe: everything that decides what a training run computes, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acutance.training.data import PairedCrops
from acutance.training.objective import Regression


@dataclass(frozen=True, kw_only=True)
class ConstantThenDecay:
    """Warm up linearly, stay constant, fall linearly to zero over the last ``decay`` steps.

    Because the rate before the decay does not depend on the length of the run, a finished run is
    continued by asking for more steps: it goes back to the last checkpoint before the decay.
    """

    warmup: int
    decay: int

    def factor(self, step: int, steps: int) -> float:
        """The share of the peak learning rate at ``step`` of ``steps``.

        >>> s = ConstantThenDecay(warmup=10, decay=20)
        >>> [s.factor(i, 100) for i in (0, 10, 79, 90, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.05]
        """
        return min((step + 1) / self.warmup, 1.0, (steps - step) / self.decay)

    def constant_until(self, steps: int) -> int:
        """The last step at which a checkpoint can still be continued as part of a longer run."""
        return max(steps - self.decay, 0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run. ``network`` and ``arguments`` name the generator (``networks.NETWORKS``);
    ``objective`` builds the networks and turns; ``steps`` is the default length; ``ema`` the decay
    of the averaged weights that are shipped."""

    name: str
    source: str
    network: str
    arguments: dict[str, int]
    objective: Callable[[], Regression]
    data: PairedCrops
    schedule: ConstantThenDecay
    steps: int
    ema: float = 0.999
    bf16: bool = True
    clip: float = 0.0
    valid_every: int = 2000
    save_every: int = 1000
