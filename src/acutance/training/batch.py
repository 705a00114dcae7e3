"""A training batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """``lr`` ``(N, 3, h, w)`` and ``hr`` ``(N, 3, s h, s w)``, float in [0, 1]; ``sharp``: the sharpened ``hr``
    that content losses compare with, where the data makes one; ``seen``: what a teacher of restoration gets
    instead of ``lr``, where it gets something else; ``memo``: what one turn leaves for the next."""

    lr: Tensor
    hr: Tensor
    sharp: Tensor | None = None
    seen: Tensor | None = None
    memo: dict[str, Tensor] = field(default_factory=dict, compare=False)

    def split(self, parts: int) -> list[Batch]:
        """Equal parts, for gradient accumulation."""
        if parts == 1:
            return [self]
        lr, hr = self.lr.chunk(parts), self.hr.chunk(parts)
        also = [[None] * parts if some is None else some.chunk(parts) for some in (self.sharp, self.seen)]
        return [Batch(*part) for part in zip(lr, hr, *also, strict=True)]
