"""What is optimised: a module that owns its networks and is an ordered tuple of turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from acutance.training.data import Batch

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One optimiser step: which networks move, how, and what they minimise.

    ``loss`` maps a batch to named terms, already weighted; their sum is minimised.
    """

    name: str
    networks: tuple[str, ...]
    optimizer: Callable[[list[nn.Parameter]], Optimizer]
    loss: Callable[[Batch], dict[str, Tensor]]


class Regression(nn.Module):
    """One turn: the generator approaches the target under weighted pixel losses."""

    def __init__(
        self,
        generator: nn.Module,
        *,
        losses: tuple[tuple[str, float, Loss], ...],
        optimizer: Callable[[list[nn.Parameter]], Optimizer],
    ) -> None:
        super().__init__()
        self.generator = generator
        self.losses = losses
        self.turns = (Turn(name="generator", networks=("generator",), optimizer=optimizer, loss=self.generator_loss),)

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Every pixel loss by name, weighted."""
        fake = self.generator(batch.lr).float()
        return {name: weight * loss(fake, batch.hr) for name, weight, loss in self.losses}
