"""The compact network (specification G2)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from acutance.networks.compact import Compact, FoldedCompact, start_near_identity


@pytest.mark.parametrize(("convolutions", "count"), [(16, 621_424), (32, 1_213_296)])
def test_parameter_counts(convolutions: int, count: int) -> None:
    assert sum(p.numel() for p in Compact(convolutions=convolutions).parameters()) == count


def test_the_folded_one_costs_a_quarter_of_a_pixel() -> None:
    """625,000 weights for every 2x2 pixels instead of for every pixel."""
    assert sum(p.numel() for p in FoldedCompact().parameters()) == 626_608
    assert FoldedCompact()(torch.rand(1, 3, 8, 6)).shape == (1, 3, 16, 12)


def test_folded_with_a_zero_last_layer_it_is_nearest() -> None:
    network = FoldedCompact(channels=8, convolutions=2)
    torch.nn.init.zeros_(network.body[-1].weight)
    torch.nn.init.zeros_(network.body[-1].bias)
    x = torch.rand(2, 3, 6, 8)
    torch.testing.assert_close(network(x), F.interpolate(x, scale_factor=2, mode="nearest"))


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


def test_the_halo_of_the_folded_one() -> None:
    """Four output pixels of one folded one see its 2x2 and five times two pixels to every side."""
    network = start_near_identity(FoldedCompact(channels=8, convolutions=3)).eval()
    x = torch.rand(1, 3, 42, 42, requires_grad=True)
    network(x)[0, :, 40:44, 40:44].sum().backward()
    touched = x.grad[0].abs().sum(0).nonzero()
    assert (touched.min().item(), touched.max().item()) == (20 - network.halo, 21 + network.halo)
