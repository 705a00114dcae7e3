"""The three LPIPS networks: counts, layers, wrong weights."""

from __future__ import annotations

import pytest
import torch

from acutance.errors import BadModel
from acutance.networks.lpips import LPIPS, VARIANTS


@pytest.mark.parametrize(("name", "count"), [("squeeze", 722_496), ("alex", 2_469_696), ("vgg", 14_714_688)])
def test_counts_and_shapes(name: str, count: int) -> None:
    network = LPIPS(VARIANTS[name])
    assert sum(p.numel() for p in network.features.parameters()) == count
    a, b = torch.rand(2, 3, 35, 47), torch.rand(2, 3, 35, 47)
    assert network(a, b).shape == (2,) and bool((network(a, b) > 0).all())
    assert torch.equal(network(a, a), torch.zeros(2))
    assert not any(p.requires_grad for p in network.parameters())


def test_torchvisions_keys_load_and_others_do_not() -> None:
    first = LPIPS()
    backbone = {f"features.{key}": value for key, value in first.features.state_dict().items()}
    heads = {f"lin{i}.model.1.weight": value for i, value in enumerate(first.heads)}
    second = LPIPS(backbone={**backbone, "classifier.1.bias": torch.zeros(1)}, heads=heads)
    a, b = torch.rand(2, 1, 3, 48, 48)
    assert torch.equal(first(a, b), second(a, b))
    with pytest.raises(BadModel, match="not those"):
        LPIPS(VARIANTS["alex"], backbone=backbone)
    with pytest.raises(BadModel, match="lin0"):
        LPIPS(heads={**heads, "lin0.model.1.weight": -heads["lin0.model.1.weight"]})
    with pytest.raises(BadModel, match="lin1"):
        LPIPS(VARIANTS["alex"], heads=heads)
