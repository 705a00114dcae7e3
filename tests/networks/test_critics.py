"""The critics, by the specification (checks A3, B1, D1, F2, G2)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from acutance.networks.critics import (
    ConditionalCritic,
    PatchCritic,
    SRGANCritic,
    TensorlayerCritic,
    UNetCritic,
    VGGCritic,
)

COUNTS = [
    (SRGANCritic, {}, 23_563_649),
    (SRGANCritic, {"norm_bias": True}, 23_565_505),
    (SRGANCritic, {"size": 128}, 38_243_713),
    (VGGCritic, {}, 14_502_281),
    (VGGCritic, {"norm_bias": False}, 14_499_401),
    (VGGCritic, {"size": 96}, 14_143_881),
    (VGGCritic, {"size": 192}, 20_700_553),
    (VGGCritic, {"size": 256}, 21_058_953),
    (TensorlayerCritic, {}, 48_153_921),
    (PatchCritic, {}, 5_215_425),
    (PatchCritic, {"width": 0.5}, 1_306_209),
    (ConditionalCritic, {}, 11_203_521),
    (ConditionalCritic, {"inject": 32}, 11_203_521),
    (ConditionalCritic, {"inject": 128}, 11_191_233),
    (UNetCritic, {}, 4_376_897),
]


@pytest.mark.parametrize(("critic", "arguments", "expected"), COUNTS)
def test_parameter_counts(critic, arguments: dict, expected: int) -> None:
    assert sum(p.numel() for p in critic(**arguments).parameters() if p.requires_grad) == expected


def test_the_srgan_critic_strides_and_never_pools() -> None:
    critic = SRGANCritic()
    assert critic.features(torch.rand(2, 3, 96, 96)).shape == (2, 512, 6, 6)
    assert not any("Pool" in type(m).__name__ for m in critic.modules())


def test_the_vgg_critic_takes_its_own_size_only_and_gives_logits() -> None:
    critic = VGGCritic(size=96)
    assert critic(torch.rand(2, 3, 96, 96)).shape == (2, 1)
    with pytest.raises(ValueError, match="takes 96x96, got 64x64"):
        critic(torch.rand(1, 3, 64, 64))
    assert not any(isinstance(m, nn.Sigmoid) for m in critic.modules())


def test_the_patch_critic_gives_a_map() -> None:
    critic = PatchCritic().eval()
    with torch.inference_mode():
        assert critic(torch.rand(1, 3, 256, 256)).shape == (1, 1, 16, 16)
        assert critic(torch.rand(1, 3, 64, 96)).shape == (1, 1, 4, 6)


def test_the_conditional_critic_looks_at_both_inputs() -> None:
    torch.manual_seed(0)
    critic = ConditionalCritic(size=128, inject=32, width=0.25)
    a, b = torch.rand(4, 3, 128, 128), torch.rand(4, 3, 32, 32, requires_grad=True)
    first = critic(a, b)
    assert first.shape == (4, 1)
    assert (critic(a, 1 - b) - first).abs().min() > 0
    first.sum().backward()
    assert b.grad is not None and b.grad.abs().max() > 0
    loss = nn.functional.binary_cross_entropy_with_logits(first, torch.ones_like(first))
    assert abs(loss.item() - 0.69) < 0.1


def test_the_u_net_critic_judges_every_pixel() -> None:
    critic = UNetCritic(features=8)
    assert critic(torch.rand(1, 3, 24, 40)).shape == (1, 1, 24, 40)
