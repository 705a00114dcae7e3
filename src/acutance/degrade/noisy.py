"""A good picture reduced, then photographed by a real sensor: bicubic and Gaussian noise (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.noise import add_gaussian

BICUBIC = Bicubic()


@dataclass(frozen=True, kw_only=True)
class Noisy:
    """Bicubic reduction, then noise of a strength drawn evenly from 0 to ``sigma`` levels, in colour or grey alike."""

    sigma: float = 4.0

    def margin(self, scale: int) -> int:
        """High-resolution pixels it needs around the crop, on every side."""
        return BICUBIC.margin(scale)

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """Levels ``(N, 3, H + 2 m, W + 2 m)`` to [0, 1] ``(N, 3, H / scale, W / scale)`` on the 8-bit grid."""
        clean = BICUBIC(hr, randoms, scale) * 255
        noisy = [
            add_gaussian(picture, random, float(random.uniform(0, self.sigma)), grey=bool(random.random() < 0.5))
            for picture, random in zip(clean.split(1), randoms, strict=True)
        ]
        return torch.cat(noisy).round_() / 255
