"""Adam, the way papers write it down."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> Callable[[list[nn.Parameter]], torch.optim.Adam]:
    """Adam (Kingma & Ba 2015) with ``lr`` and ``betas``, still without its parameters."""
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, betas=betas)
