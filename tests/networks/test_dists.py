"""DISTS: its formula by hand, its pooling, wrong weights."""

from __future__ import annotations

import pytest
import torch

from acutance.errors import BadModel
from acutance.networks.dists import CHANNELS, DISTS, L2Pool


def test_counts_shapes_and_symmetry() -> None:
    torch.manual_seed(0)
    network = DISTS()
    assert sum(p.numel() for p in network.features.parameters()) == 14_714_688
    assert network.alpha.numel() == network.beta.numel() == 1475 == sum(CHANNELS)
    a, b = torch.rand(2, 3, 35, 47), torch.rand(2, 3, 35, 47)
    assert [tuple(s.shape) for s in network.stages(a)] == [
        (2, 3, 35, 47), (2, 64, 35, 47), (2, 128, 18, 24), (2, 256, 9, 12), (2, 512, 5, 6), (2, 512, 3, 3)
    ]  # fmt: skip
    assert network(a, b).shape == (2,) and bool((network(a, b) > 0).all())
    torch.testing.assert_close(network(a, b), network(b, a))
    assert network(a, a).abs().max() < 1e-6
    assert not any(p.requires_grad for p in network.parameters())


def test_pooling_by_hand() -> None:
    """Root of the squares under the window (1 2 1) x (1 2 1) / 16, zeros beyond the edge: a constant stays inside."""
    x = torch.full((1, 2, 6, 6), 3.0)
    pooled = L2Pool()(x)
    assert pooled.shape == (1, 2, 3, 3)
    torch.testing.assert_close(pooled[..., 1:, 1:], torch.full((1, 2, 2, 2), 3.0))
    torch.testing.assert_close(pooled[..., 0, 0], torch.full((1, 2), 3.0 * 0.75))  # sqrt(9 * (3/4)^2)


def test_formula_by_hand() -> None:
    """Weights on the picture's red alone: levels 0 1 / 0 1 against 0 0 / 1 1 and 0 .5 / 0 .5."""
    zero = torch.zeros(1475)
    red = zero.clone()
    red[0] = 1
    rows = torch.zeros(1, 3, 32, 32)
    rows[:, :, 16:] = 1
    columns = rows.transpose(2, 3).contiguous()
    texture, structure = DISTS(weights={"alpha": red, "beta": zero}), DISTS(weights={"alpha": zero, "beta": red})
    both = DISTS(weights={"alpha": 3 * red, "beta": red})
    assert texture(rows, columns).item() == pytest.approx(0, abs=1e-6)  # equal means
    assert structure(rows, columns).item() == pytest.approx(1, abs=1e-5)  # no covariance
    assert both(rows, columns).item() == pytest.approx(0.25, abs=1e-5)
    # means 1/2 and 1/4: 1 - 2/8 / (1/4 + 1/16) = 0.2; variances 1/4 and 1/16, covariance 1/8: the same
    assert texture(columns, columns / 2).item() == pytest.approx(0.2, abs=1e-5)
    assert structure(columns, columns / 2).item() == pytest.approx(0.2, abs=1e-5)


def test_torchvisions_keys_load_and_others_do_not() -> None:
    first = DISTS()
    backbone = {f"features.{key}": value for key, value in first.features.state_dict().items()}
    stored = {"alpha": first.alpha.view(1, -1, 1, 1), "beta": first.beta.view(1, -1, 1, 1)}
    second = DISTS(backbone={**backbone, "classifier.0.weight": torch.zeros(1)}, weights=stored)
    a, b = torch.rand(2, 1, 3, 32, 32)
    assert torch.equal(first(a, b), second(a, b))
    del backbone["features.28.bias"]
    with pytest.raises(BadModel, match="not torchvision's VGG16"):
        DISTS(backbone=backbone)
    for wrong in ({"alpha": first.alpha}, {**stored, "alpha": torch.ones(7)}, {**stored, "beta": -first.beta}):
        with pytest.raises(BadModel, match="no fitting"):
            DISTS(weights=wrong)
