"""Batch norms that training leaves as they are."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class FixedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm by its running statistics, in training too: the network is trained as it will be used. Gains and
    biases still learn."""

    def train(self, mode: bool = True) -> FixedBatchNorm2d:
        """Never."""
        return super().train(False)


def with_fixed_norms(network: Network) -> Network:
    """``network`` with its batch norms fixed, under the names they had; changed in place."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, FixedBatchNorm2d(child.num_features, eps=child.eps).eval())
    return network
