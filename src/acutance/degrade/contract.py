"""What every degradation is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor


class Degradation(Protocol):
    """How a good picture becomes a bad one: a frozen value of documented parameters."""

    def margin(self, scale: int) -> int:
        """High-resolution pixels needed around a crop on every side."""
        ...

    def __call__(self, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
        """``hr`` to the low-resolution pictures; see the classes."""
        ...
