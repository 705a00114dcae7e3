"""The compact network (specification G2)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from acutance.networks.compact import Compact, start_near_identity


@pytest.mark.parametrize(("convolutions", "count"), [(16, 621_424), (32, 1_213_296)])
def test_parameter_counts(convolutions: int, count: int) -> None:
    assert sum(p.numel() for p in Compact(convolutions=convolutions).parameters()) == count


def test_with_a_zero_last_layer_it_is_nearest() -> None:
    network = Compact(channels=8, convolutions=2)
    torch.nn.init.zeros_(network.body[-1].weight)
    torch.nn.init.zeros_(network.body[-1].bias)
    x = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(network(x), F.interpolate(x, scale_factor=4, mode="nearest"))


def test_the_halo_is_the_receptive_radius() -> None:
    network = start_near_identity(Compact(channels=8, convolutions=3)).eval()
    x = torch.rand(1, 3, 41, 41, requires_grad=True)
    network(x)[0, :, 80:84, 80:84].sum().backward()
    touched = x.grad[0].abs().sum(0).nonzero()
    assert (touched - 20).abs().max().item() == network.halo == 5
