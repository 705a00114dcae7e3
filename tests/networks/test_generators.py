"""The generators, by the specification: counts, shapes, laws (checks A2, B1, D1, D2, F1)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from acutance.networks.face import FaceGenerator
from acutance.networks.msrresnet import MSRResNet
from acutance.networks.rrdb import RRDB, RRDBNet
from acutance.networks.srresnet import SRResNet, TensorlayerSRResNet
from acutance.networks.unet import AdditiveUNet


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


COUNTS = [
    (SRResNet, {}, 1_549_462),
    (SRResNet, {"norm_bias": False}, 1_547_350),
    (SRResNet, {"channel_slopes": True}, 1_550_659),
    (SRResNet, {"norm_bias": False, "channel_slopes": True}, 1_548_547),
    (TensorlayerSRResNet, {}, 1_518_147),
    (RRDBNet, {}, 16_697_987),
    (RRDBNet, {"blocks": 16}, 11_662_019),
    (RRDBNet, {"blocks": 6}, 4_467_779),
    (RRDBNet, {"blocks": 3}, 2_309_507),
    (RRDBNet, {"blocks": 1}, 870_659),
    (RRDBNet, {"channels": 32, "growth": 16, "blocks": 6}, 1_118_755),
    (RRDBNet, {"scale": 2}, 16_703_171),
    (RRDBNet, {"scale": 1}, 16_723_907),
    (AdditiveUNet, {}, 13_966_467),
    (AdditiveUNet, {"batch_norm": True}, 13_970_435),
    (FaceGenerator, {}, 2_038_467),
    (MSRResNet, {}, 1_517_571),
    (MSRResNet, {"long_skip": True}, 1_554_499),
]


@pytest.mark.parametrize(("network", "arguments", "expected"), COUNTS)
def test_parameter_counts(network, arguments: dict, expected: int) -> None:
    with torch.device("meta"):
        assert count(network(**arguments)) == expected


@pytest.mark.parametrize("network", [SRResNet, TensorlayerSRResNet])
def test_srresnet_takes_any_size(network) -> None:
    with torch.inference_mode():
        assert network(channels=4, blocks=1)(torch.rand(1, 3, 17, 23)).shape == (1, 3, 68, 92)


@pytest.mark.parametrize(("scale", "size"), [(4, (10, 6)), (3, (10, 6)), (2, (10, 6)), (1, (12, 8))])
def test_rrdb_scales(scale: int, size: tuple[int, int]) -> None:
    network = RRDBNet(scale=scale, channels=8, blocks=1, growth=4)
    out = network(torch.rand(1, 3, *size))
    assert out.shape == (1, 3, size[0] * scale, size[1] * scale)


def test_an_rrdb_of_zeros_is_one_point_two_times_its_input() -> None:
    block = RRDB(8, 4)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(1, 8, 5, 5)
    torch.testing.assert_close(block(x), 1.2 * x, rtol=0, atol=1e-6)


def test_rrdb_starts_small_and_has_no_batch_norm() -> None:
    network = RRDBNet(blocks=1)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    for name, parameter in network.body.named_parameters():
        if name.endswith("weight"):
            expected = 0.1 * math.sqrt(2 / (parameter.shape[1] * 9))
            assert parameter.std().item() == pytest.approx(expected, rel=0.05)
        else:
            assert parameter.abs().max() == 0


def test_the_u_adds_and_ends_without_activation() -> None:
    network = AdditiveUNet(width=0.125)
    assert network(torch.rand(1, 3, 128, 128)).shape == (1, 3, 512, 512)
    assert not any(isinstance(m, nn.Dropout) for m in network.modules())
    assert all(isinstance(m, nn.Conv2d) for m in network.down)
    assert all(isinstance(m, nn.ConvTranspose2d) for m in network.up)
    # a decoder stage of zeros leaves exactly the shortcut: what comes in deeper no longer matters
    stage = network.up[3]
    nn.init.zeros_(stage.weight)
    nn.init.zeros_(stage.bias)
    x = torch.rand(1, 3, 32, 32)
    before = network(x)
    nn.init.normal_(network.down[4].weight)
    torch.testing.assert_close(network(x), before, rtol=0, atol=0)
    assert network(x).min() < 0, "the last layer is linear"


def test_the_face_generator_has_relu_before_batch_norm_and_a_tanh() -> None:
    network = FaceGenerator(channels=8, blocks=2)
    kinds = [type(m).__name__ for m in network.blocks[0].body]
    assert kinds == ["Conv2d", "ReLU", "BatchNorm2d", "Conv2d", "BatchNorm2d"]
    out = network(torch.randn(2, 3, 16, 16) * 9)
    assert out.shape == (2, 3, 64, 64) and out.abs().max() <= 1


def test_evaluation_mode_does_not_depend_on_the_batch() -> None:
    network = SRResNet(channels=8, blocks=2)
    x = torch.rand(4, 3, 12, 12)
    network(x)
    network.eval()
    torch.testing.assert_close(network(x)[:1], network(x[:1]), rtol=0, atol=1e-5)
    network.train()
    assert (network(x)[:1] - network(x[:1])).abs().max() > 1e-3


def receptive_radius(network: nn.Module, size: int, multiple: int) -> int:
    """The farthest input pixel that a result pixel depends on, over every position in a block of ``multiple``."""
    for parameter in network.double().eval().parameters():
        nn.init.constant_(parameter, 0.02 / math.sqrt(max(1, parameter[0].numel())))
    scale, worst = network.scale, 0
    middle = size // 2 // multiple * multiple
    assert isinstance(scale, int)
    for row in range(middle, middle + multiple):
        x = torch.full((1, 3, size, 32), 0.5, dtype=torch.double, requires_grad=True)
        network(x)[0, :, row * scale : (row + 1) * scale].sum().backward()
        assert x.grad is not None
        touched = (x.grad[0].abs().sum((0, 2)) != 0).nonzero()
        worst = max(worst, row - int(touched.min()), int(touched.max()) - row)
    return worst


RADII = [
    (SRResNet, {"channels": 4, "blocks": 2}),
    (TensorlayerSRResNet, {"channels": 4, "blocks": 2}),
    (FaceGenerator, {"channels": 4, "blocks": 2}),
    (MSRResNet, {"channels": 4, "blocks": 2}),
    (MSRResNet, {"channels": 4, "blocks": 2, "long_skip": True}),
    (MSRResNet, {"channels": 4, "blocks": 1, "scale": 2}),
    (MSRResNet, {"channels": 4, "blocks": 1, "scale": 3}),
    (AdditiveUNet, {"width": 0.03125}),
    (RRDBNet, {"channels": 4, "growth": 2, "blocks": 1}),
]


@pytest.mark.parametrize(("network", "arguments"), RADII)
def test_the_halo_is_the_receptive_radius(network, arguments: dict) -> None:
    module = network(**arguments)
    multiple = getattr(module, "multiple", 1)
    assert receptive_radius(module, 128 if multiple > 1 else 48, multiple) == module.halo


def test_a_deep_rrdb_has_a_practical_halo() -> None:
    """Its radius would be 349 pixels; the error this makes is measured in tests/models/test_real.py."""
    with torch.device("meta"):
        assert RRDBNet().halo == 32 and RRDBNet(scale=2).halo == 64 and RRDBNet(scale=1).halo == 128


def test_msrresnet_with_a_zero_last_layer_is_bilinear() -> None:
    network = MSRResNet(channels=8, blocks=1)
    nn.init.zeros_(network.conv_last.weight)
    nn.init.zeros_(network.conv_last.bias)  # type: ignore[arg-type]
    x = torch.rand(1, 3, 6, 9)
    expected = torch.nn.functional.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(x), expected)


def test_srresnet_takes_any_size_and_tensorlayers_ends_in_tanh() -> None:
    with torch.device("meta"):
        assert SRResNet()(torch.empty(1, 3, 339, 510)).shape == (1, 3, 1356, 2040)
        assert TensorlayerSRResNet()(torch.empty(1, 3, 96, 96)).shape == (1, 3, 384, 384)
    network = TensorlayerSRResNet()
    for parameter in list(network.parameters())[-2:]:
        parameter.data *= 1000
    assert network(torch.randn(2, 3, 8, 8)).abs().max() == 1 and network.signed_output


def test_a_shortcut_of_the_u_is_added_to_its_stage() -> None:
    """Neither multiplied nor joined: an empty stage passes on exactly the map it is added to. And the left half ends
    without an activation."""
    network, seen = AdditiveUNet(width=0.125), {}
    nn.init.zeros_(network.up[3].weight)
    nn.init.zeros_(network.up[3].bias)
    maps: list[torch.Tensor] = []
    for layer in network.down:
        layer.register_forward_hook(lambda _, __, out: maps.append(out.clone()))
    for number in (0, 4):
        network.up[number].register_forward_pre_hook(lambda _, given, n=number: seen.update({n: given[0].clone()}))
    network(torch.rand(1, 3, 32, 32))
    assert torch.equal(seen[0], maps[-1])
    same = [m for m in maps if m.shape == seen[4].shape]
    assert any(torch.equal(seen[4], nn.functional.leaky_relu(m, 0.2)) for m in same)
