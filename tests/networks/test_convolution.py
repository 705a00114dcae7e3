"""The critics' convolution is torch's, whichever way it is computed."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from acutance.networks.convolution import Conv2d, _short, weights_at_rest

BF16 = torch.autocast("cpu", torch.bfloat16)


def _layer(kernel: int, stride: int, channels: int = 512) -> Conv2d:
    torch.manual_seed(0)
    layer = Conv2d(channels, 512, kernel, stride, 1)
    return layer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _is_product(y: Tensor) -> bool:
    assert y.grad_fn is not None
    return "_Product" in y.grad_fn.name()


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(3, 1, (5, 7)), (3, 2, (6, 9)), (4, 2, (6, 10)), (4, 2, (7, 5))]
)
def test_as_a_product_it_gives_what_torch_gives(kernel: int, stride: int, size: tuple[int, int]) -> None:
    """Result and all three gradients, within the rounding of bf16, in even and odd sizes."""
    layer, x = _layer(kernel, stride), torch.randn(2, 512, *size, requires_grad=True)
    with BF16:
        y = layer(x)
    assert _is_product(y) and y.dtype is torch.bfloat16
    up = torch.randn(y.shape)
    found = [y, *torch.autograd.grad(y, (x, layer.weight, layer.bias), up.bfloat16())]
    exact = F.conv2d(x, layer.weight, layer.bias, stride, 1)
    expected = [exact, *torch.autograd.grad(exact, (x, layer.weight, layer.bias), up)]
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert (one.float() - other).norm() < 0.01 * other.norm()
    assert found[2].dtype is torch.float32


@pytest.mark.parametrize(("side", "channels", "context"), [(40, 512, BF16), (6, 64, BF16), (6, 512, nullcontext())])
def test_elsewhere_it_is_torchs_own(side: int, channels: int, context) -> None:
    """Many pixels, few weights, or fp32."""
    with context:
        assert not _is_product(_layer(3, 1, channels)(torch.randn(1, channels, side, side)))


def test_weights_are_cast_once_while_they_rest_and_anew_afterwards() -> None:
    layer, x = _layer(3, 1), torch.randn(1, 512, 4, 4)
    with BF16, weights_at_rest():
        first = layer(x)
        with torch.no_grad():
            assert layer(x).grad_fn is None
        both = first + layer(x)
        assert _short(layer.weight) is _short(layer.weight)
    assert _short(layer.weight) is not _short(layer.weight)
    (once,) = torch.autograd.grad(first.sum(), layer.weight, retain_graph=True)
    (twice,) = torch.autograd.grad(both.sum(), layer.weight)
    torch.testing.assert_close(twice, 2 * once)
    with torch.no_grad():
        layer.weight.mul_(2)
        layer.bias.zero_()
    with BF16, weights_at_rest():
        doubled = layer(x)
    exact = F.conv2d(x, layer.weight, None, 1, 1)
    assert (doubled.float() - exact).norm() < 0.01 * exact.norm()


def test_a_frozen_layer_hands_gradients_on() -> None:
    layer, x = _layer(4, 2).requires_grad_(False), torch.randn(1, 512, 8, 8, requires_grad=True)
    with BF16, weights_at_rest():
        layer(x).float().square().sum().backward()
    assert x.grad is not None and layer.weight.grad is None


def test_weights_computed_for_every_pass_are_their_own_layers() -> None:
    """Those of a spectral norm are new arrays each time, whose places in memory may be used again; and looking at
    them is a step of its power iteration, of which each pass makes one."""
    torch.manual_seed(0)
    layers = nn.Sequential(*(spectral_norm(Conv2d(512, 512, 3, 1, 1)) for _ in range(3)))
    plain = nn.Sequential(*(spectral_norm(nn.Conv2d(512, 512, 3, 1, 1)) for _ in range(3)))
    plain.load_state_dict(layers.state_dict())
    x = torch.randn(1, 512, 4, 4)
    with torch.no_grad(), BF16, weights_at_rest():
        found, expected = layers(x).float(), plain(x).float()
    assert (found - expected).norm() < 0.02 * expected.norm()
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(layers.state_dict()[name], tensor)
