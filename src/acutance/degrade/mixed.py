"""A mixture of degradations: each sample meets one of them (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acutance.degrade.contract import Degradation, pick, require, trim
from acutance.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """``choices``: weights and degradations; the first number of a sample's generator chooses."""

    choices: tuple[tuple[float, Degradation], ...]

    def __post_init__(self) -> None:
        if not self.choices or min(weight for weight, _ in self.choices) <= 0:
            raise UsageError("a mixture of degradations needs at least one, each with a weight above 0")

    def margin(self, scale: int) -> int:
        """High-resolution pixels the neediest of the choices needs around the crop."""
        return max(degradation.margin(scale) for _, degradation in self.choices)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)``."""
        margin = self.margin(scale)
        require(hr, randoms, scale, margin)
        chosen = [pick(random, [weight for weight, _ in self.choices]) for random in randoms]
        parts: list[Tensor | None] = [None] * len(chosen)
        for number, (_, degradation) in enumerate(self.choices):
            members = [i for i, choice in enumerate(chosen) if choice == number]
            if members:
                wide = trim(hr[members], margin - degradation.margin(scale))
                lr = degradation(wide, [randoms[i] for i in members], scale)
                for i, sample in zip(members, lr, strict=True):
                    parts[i] = sample
        return torch.stack([part for part in parts if part is not None])
