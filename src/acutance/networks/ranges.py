"""Value ranges: pictures are [0, 1] everywhere; some networks were published for [-1, 1].

A generator says so by ``signed_input`` and ``signed_output`` (class attributes, False where absent).
"""

from __future__ import annotations

from torch import Tensor, nn


def to_signed(x: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]."""
    return x * 2 - 1


def to_unit(x: Tensor) -> Tensor:
    """[-1, 1] to [0, 1]."""
    return (x + 1) / 2


def as_input(network: nn.Module, x: Tensor) -> Tensor:
    """A picture in [0, 1] in the range ``network`` takes."""
    return to_signed(x) if getattr(network, "signed_input", False) else x


def as_output(network: nn.Module, x: Tensor) -> Tensor:
    """A picture in [0, 1] in the range ``network`` gives: what its result is compared with."""
    return to_signed(x) if getattr(network, "signed_output", False) else x


def from_input(network: nn.Module, x: Tensor) -> Tensor:
    """What ``network`` takes, as a picture in [0, 1]."""
    return to_unit(x) if getattr(network, "signed_input", False) else x


def from_output(network: nn.Module, y: Tensor) -> Tensor:
    """What ``network`` gave, as a picture in [0, 1]."""
    return to_unit(y) if getattr(network, "signed_output", False) else y


class UnitRange(nn.Module):
    """``network`` with [0, 1] on both sides, whatever its own ranges are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """RGB ``(N, 3, H, W)`` in [0, 1] to the same scale, unclamped."""
        return from_output(self.network, self.network(as_input(self.network, x)))
