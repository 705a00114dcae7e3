"""Losses against what a trained network draws: ``(prediction, target)`` of RGB ``(N, 3, H, W)`` to a scalar (ours).

Many textures fit a small picture, and a loss against the one that was there asks for their mean. A teacher draws one
of them, always the same one for the same picture, and that can be learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.degrade.bicubic import downscale_valid, margin
from acutance.networks.ranges import to_unit
from acutance.training.objective import Term, loss_name


@dataclass(frozen=True, kw_only=True)
class Taught:
    """Sum over ``losses`` (name, weight, loss) of weight x loss(prediction, what ``teacher`` makes of the target).

    ``teacher``: a frozen network, [0, 1] to [0, 1] of ``scale`` times the size, which gets the target reduced by
    bicubic, whatever the generator got. It stays outside every module, like the features of ``Perceptual``.
    ``signed``: pictures come in [-1, 1]; ``losses`` see [0, 1].
    """

    teacher: nn.Module
    losses: tuple[Term, ...]
    scale: int = 4
    signed: bool = False

    def __repr__(self) -> str:
        """What is computed, the same text in every process."""
        losses = ", ".join(f"{weight:g} {name} {loss_name(loss)}" for name, weight, loss in self.losses)
        return f"Taught({losses}, scale={self.scale}, signed={self.signed})"

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar; gradients reach the prediction only."""
        drawn = self.drawn(to_unit(target) if self.signed else target)
        prediction = to_unit(prediction) if self.signed else prediction
        return torch.stack([weight * loss(prediction, drawn) for _, weight, loss in self.losses]).sum()

    @torch.no_grad()
    def drawn(self, target: Tensor) -> Tensor:
        """The teacher's picture of ``target``, both in [0, 1]."""
        around = (margin(self.scale),) * 4
        with torch.autocast(target.device.type, enabled=False):
            levels = F.pad((target.float() * 255).round(), around, mode="reflect")
            small = downscale_valid(levels, self.scale) / 255
        weight = next(self.teacher.parameters())
        return self.teacher(small.to(weight.dtype, memory_format=torch.channels_last)).float().clamp(0, 1).contiguous()
