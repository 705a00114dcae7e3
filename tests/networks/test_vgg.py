"""VGG19 features (specification checks D4, F5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadModel
from acutance.files.pickles import read_pickle
from acutance.networks.vgg import VGG19


def test_layers_and_counts() -> None:
    network = VGG19()
    assert sum(p.numel() for p in network.parameters()) == 20_024_384
    found = network(torch.rand(1, 3, 64, 64), ("relu2_2", "relu5_4", "conv5_4"))
    assert found["relu2_2"].shape == (1, 128, 32, 32) and found["relu5_4"].shape == (1, 512, 4, 4)
    assert found["relu2_2"].min() >= 0 and found["conv5_4"].min() < 0
    assert not any(p.requires_grad for p in network.parameters())
    with pytest.raises(ValueError, match="no layer conv6_1"):
        VGG19(last="conv6_1")


def test_real_weights_see_real_things(shared: Path, photo: np.ndarray) -> None:
    """Features of a photograph differ more from its blurred copy than from itself shifted in brightness."""
    network = VGG19(last="conv3_4", weights=read_pickle(shared / "weights" / "vgg19_conv1_1-conv3_4.pth"))
    x = torch.from_numpy(photo[:128, :128].copy()).permute(2, 0, 1)[None].float() / 255
    blurred = torch.nn.functional.avg_pool2d(x, 5, 1, 2)
    brighter = (x + 0.03).clamp(0, 1)
    base, a, b = (network(v, ("conv3_4",))["conv3_4"] for v in (x, blurred, brighter))
    assert (base - a).abs().mean() > 2 * (base - b).abs().mean()


def test_wrong_weights_are_refused(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"nonsense")
    with pytest.raises(BadModel, match=r"x\.pth"):
        read_pickle(tmp_path / "x.pth")
    with pytest.raises(BadModel, match="block4_conv1"):
        VGG19(last="conv5_4", weights=read_pickle(shared / "weights" / "vgg19_conv1_1-conv3_4.pth"))
