"""VGG19 features (specification checks D4, F5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadModel
from acutance.files.pickles import read_pickle
from acutance.files.weights import read_weights
from acutance.networks.vgg import MINC, OXFORD, RAW, TORCHVISION, VGG, VGG19


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
    network = VGG19(last="conv3_4", weights=read_weights(shared / "weights" / "vgg19_conv1_1-conv3_4.pth"))
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
        VGG19(last="conv5_4", weights=read_weights(shared / "weights" / "vgg19_conv1_1-conv3_4.pth"))


def test_minc() -> None:
    """F5: VGG16 up to conv5_3 before its ReLU, ceil-mode pooling, fed as it comes."""
    network = VGG(MINC, last="conv5_3")
    assert sum(p.numel() for p in network.parameters()) == 14_714_688
    found = network(torch.rand(1, 3, 33, 47), ("conv2_1", "conv5_3"))
    assert found["conv2_1"].shape == (1, 128, 17, 24) and found["conv5_3"].shape == (1, 512, 3, 3)
    assert found["conv5_3"].min() < 0 and network.normalisation == RAW
    keys = {"conv" + name[4] + name[6]: layer for name, layer in network.layers.items()}
    stored = {f"{key}.{n}": p for key, layer in keys.items() for n, p in layer.named_parameters()}
    x = torch.rand(1, 3, 33, 33)
    again = VGG(MINC, last="conv5_3", weights=stored)
    assert torch.equal(again(x, ("conv5_3",))["conv5_3"], network(x, ("conv5_3",))["conv5_3"])


def test_normalisation_is_a_value() -> None:
    torch.manual_seed(0)
    one = VGG19(last="conv1_1")
    stored = {f"features.0.{n}": p for n, p in one.layers["conv1_1"].named_parameters()}
    x = torch.rand(1, 3, 8, 8)

    def run(network: VGG, x: torch.Tensor) -> torch.Tensor:
        return network(x, ("conv1_1",))["conv1_1"]

    fed = x.flip(1) * 255 - torch.tensor((103.939, 116.779, 123.68)).view(1, 3, 1, 1)
    raw = VGG19(last="conv1_1", weights=stored, normalisation=RAW)
    oxford = VGG19(last="conv1_1", weights=stored, normalisation=OXFORD)
    torch.testing.assert_close(run(oxford, x), run(raw, fed), rtol=1e-4, atol=1e-3)
    assert torch.equal(run(oxford, x), run(one, x))
    plain = VGG19(last="conv1_1", weights=stored)
    assert plain.normalisation == TORCHVISION
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (TORCHVISION.mean, TORCHVISION.std))
    assert torch.equal(run(plain, x), run(raw, (x - mean) / std))


def test_no_deeper_than_wanted() -> None:
    network = VGG19(last="conv5_4")
    ran: list[str] = []
    for name, layer in network.layers.items():
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
    assert list(network(torch.rand(1, 3, 16, 16), ("relu2_1", "conv1_2"))) == ["conv1_2", "relu2_1"]
    assert ran == ["conv1_1", "conv1_2", "conv2_1"]
    with pytest.raises(ValueError, match="no layer conv3_5; this network ends at conv5_4"):
        network(torch.rand(1, 3, 16, 16), ("conv3_5",))
