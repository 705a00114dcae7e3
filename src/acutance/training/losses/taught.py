"""Losses against what a trained network draws: ``(prediction, batch)`` to a scalar; RGB ``(N, 3, H, W)`` (ours).

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
from acutance.training.batch import Batch
from acutance.training.objective import Term, loss_name


@dataclass(frozen=True, kw_only=True)
class Taught:
    """Sum over ``losses`` (name, weight, loss) of weight x loss(prediction, what ``teacher`` draws).

    ``teacher``: a frozen network, [0, 1] to [0, 1] of a larger size. It stays outside every module, like the features
    of ``Perceptual``. It gets the original reduced ``scale`` times by bicubic, whatever the generator got.
    ``restores``: it gets what the generator got, or the batch's ``seen``, and its picture the mean colours of the
    original; where the generator's input differs by less than ``hurt`` levels on average from the reduced original,
    the (sharpened) original takes the place of its picture.
    ``signed``: predictions come in [-1, 1]; ``losses`` see [0, 1].
    """

    teacher: nn.Module
    losses: tuple[Term, ...]
    scale: int = 4
    restores: bool = False
    hurt: float = 3.0
    signed: bool = False

    def __repr__(self) -> str:
        """What is computed, the same text in every process."""
        losses = ", ".join(f"{weight:g} {name} {loss_name(loss)}" for name, weight, loss in self.losses)
        return (
            f"Taught({losses}, scale={self.scale}, restores={self.restores}, hurt={self.hurt:g}, signed={self.signed})"
        )

    def __call__(self, prediction: Tensor, batch: Batch) -> Tensor:
        """A scalar; gradients reach the prediction only."""
        drawn = self.drawn(batch)
        prediction = to_unit(prediction) if self.signed else prediction
        return torch.stack([weight * loss(prediction, drawn) for _, weight, loss in self.losses]).sum()

    @torch.no_grad()
    def drawn(self, batch: Batch) -> Tensor:
        """The teacher's picture, of the original's size and in [0, 1]."""
        with torch.autocast(batch.hr.device.type, enabled=False):
            if not self.restores:
                return self._draw(_reduced(batch.hr, self.scale)).contiguous()
            drawn = self._draw(batch.lr if batch.seen is None else batch.seen)
            factor, rest = divmod(drawn.shape[-1], batch.hr.shape[-1])
            assert factor and not rest, "a teacher that enlarges a whole multiple of what the generator does"
            drawn = _reduced(drawn, factor) if factor > 1 else drawn
            drawn = (drawn + (batch.hr - drawn).mean((-2, -1), keepdim=True)).clamp(0, 1)
            plain = _reduced(batch.hr, batch.hr.shape[-1] // batch.lr.shape[-1])
            hurt = (batch.lr - plain).abs().mean((1, 2, 3), keepdim=True) * 255 >= self.hurt
            return torch.where(hurt, drawn, batch.hr if batch.sharp is None else batch.sharp).contiguous()

    def _draw(self, small: Tensor) -> Tensor:
        weight = next(self.teacher.parameters())
        return self.teacher(small.to(weight.dtype, memory_format=torch.channels_last)).float().clamp(0, 1)


def _reduced(picture: Tensor, scale: int) -> Tensor:
    """``(N, 3, H, W)`` by bicubic as ``Bicubic`` does it, [0, 1] rounded to 8 bits before, mirrored at the borders."""
    around = (margin(scale),) * 4
    levels = F.pad((picture.float() * 255).round(), around, mode="reflect")
    return downscale_valid(levels, scale) / 255
