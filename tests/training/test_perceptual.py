"""The feature losses (specification check D4) and the pixel losses beside them."""

from __future__ import annotations

import pytest
import torch

from acutance.networks.vgg import VGG19
from acutance.training.losses import perceptual, pixel
from acutance.training.losses.perceptual import Perceptual


@pytest.fixture(scope="module")
def vgg() -> VGG19:
    torch.manual_seed(0)
    return VGG19(last="conv5_4")


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, 32, 48, generator=generator), torch.rand(2, 3, 32, 48, generator=generator)


@pytest.mark.parametrize(("layer", "channels", "factor"), [("relu2_2", 128, 2), ("relu5_4", 512, 16)])
def test_the_papers_loss(vgg: VGG19, pair: tuple[torch.Tensor, ...], layer: str, channels: int, factor: int) -> None:
    """D4: the j-th convolution, after its ReLU, before the i-th pooling; summed over channels."""
    a, b = pair
    loss = Perceptual(features=vgg, layers=((layer, 1.0),), distance=perceptual.srgan_paper)
    fa, fb = vgg(a, (layer,))[layer], vgg(b, (layer,))[layer]
    assert fa.shape == (2, channels, 32 // factor, 48 // factor) and fa.min() >= 0
    by_hand = 0.00615148 * (fa - fb).double().square().sum() / (fa.shape[2] * fa.shape[3]) / 2
    assert loss(a, b).item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert loss(a, a).item() == 0
    mean = Perceptual(features=vgg, layers=((layer, 1.0),), distance=perceptual.mse)(a, b)
    assert loss(a, b).item() == pytest.approx(0.00615148 * channels * mean.item(), rel=1e-5)


def test_weights_of_layers_and_range(vgg: VGG19, pair: tuple[torch.Tensor, ...]) -> None:
    a, b = pair
    one, two = (Perceptual(features=vgg, layers=((n, 1.0),)) for n in ("conv1_2", "conv3_1"))
    both = Perceptual(features=vgg, layers=(("conv1_2", 0.1), ("conv3_1", 2.0)))
    assert both(a, b).item() == pytest.approx(0.1 * one(a, b).item() + 2 * two(a, b).item(), rel=1e-5)
    signed = Perceptual(features=vgg, layers=(("conv1_2", 1.0),), signed=True)
    assert signed(a * 2 - 1, b * 2 - 1).item() == pytest.approx(one(a, b).item(), rel=1e-4)


def test_only_the_prediction_gets_gradients(vgg: VGG19, pair: tuple[torch.Tensor, ...]) -> None:
    a, b = (x.clone().requires_grad_() for x in pair)
    Perceptual(features=vgg, layers=(("conv5_4", 1.0),))(a, b).backward()
    assert a.grad is not None and a.grad.abs().sum() > 0 and b.grad is None
    assert all(p.grad is None for p in vgg.parameters())


def test_bf16_autocast(vgg: VGG19, pair: tuple[torch.Tensor, ...]) -> None:
    loss = Perceptual(features=vgg, layers=(("relu2_2", 1.0),), distance=perceptual.srgan_paper)
    exact = loss(*pair).item()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(*pair)
    assert value.dtype == torch.float32 and value.item() == pytest.approx(exact, rel=0.02)


def test_pixel_losses_have_their_limits(pair: tuple[torch.Tensor, ...]) -> None:
    a, b = pair
    assert pixel.charbonnier(a, a).item() == pytest.approx(1e-3)
    assert pixel.charbonnier(a, b, eps=0).item() == pytest.approx(pixel.l1(a, b).item())
    flat = torch.full_like(a, 0.3)
    assert pixel.total_variation(flat, b).item() == 0
    both = pixel.total_variation(a, b).item()
    assert both == pytest.approx(sum(pixel.total_variation(a[i : i + 1], b).item() for i in (0, 1)) / 2, rel=1e-5)
