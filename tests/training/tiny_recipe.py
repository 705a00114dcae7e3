"""A recipe small enough to train within a test."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from acutance.networks.compact import Compact, start_near_identity
from acutance.networks.srresnet import SRResNet
from acutance.training.data import PairedCrops
from acutance.training.losses.adversarial import NonSaturating, RelativisticAverage
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon
from acutance.training.objective import Adversarial, Regression
from acutance.training.recipe import ConstantThenDecay, MultiStep, Recipe

ARGUMENTS = {"scale": 4, "channels": 8, "convolutions": 2}


def tiny() -> Recipe:
    """Eight channels, two inner convolutions, a checkpoint every other step."""
    return Recipe(
        name="tiny",
        source="for tests",
        network="compact",
        arguments=ARGUMENTS,
        objective=lambda _: Regression(
            start_near_identity(Compact(**ARGUMENTS)),
            losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        ),
        data=PairedCrops(patch=64, batch=4, candidates=2),
        schedule=ConstantThenDecay(warmup=2, decay=4),
        steps=10,
        ema=0.9,
        valid_every=20,
        save_every=2,
    )


class PlainCritic(nn.Module):
    """Without batch norm, whose statistics would depend on a process's share of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 8, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def calm(parameters: list[nn.Parameter]) -> torch.optim.Adam:
    """Adam that does not blow rounding errors of vanishing gradients up to whole steps."""
    return torch.optim.Adam(parameters, lr=1e-3, eps=1e-4)


def tiny_gan() -> Recipe:
    """ESRGAN's objective with very small networks, in fp32."""
    return Recipe(
        name="tiny_gan", source="for tests", network="compact", arguments=ARGUMENTS,
        objective=lambda _: Adversarial(
            start_near_identity(Compact(**ARGUMENTS)), PlainCritic(), game=RelativisticAverage(), weight=0.5,
            losses=(("l1", 1.0, l1),),
            optimizers=(calm, calm),
        ),
        data=PairedCrops(patch=32, batch=4), schedule=MultiStep(), steps=8, ema=0.9, mixed=False, keep_best=False,
        valid_every=100, save_every=4,
    )  # fmt: skip


class NormCritic(nn.Module):
    """With running statistics and spectral vectors, both of which a resumed run needs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2),
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 4, 2, 1)), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def tiny_norms() -> Recipe:
    """Three steps with a fresh batch for the generator, networks with statistics, in bf16."""
    arguments = {"channels": 8, "blocks": 1}
    return replace(
        tiny_gan(), name="tiny_norms", network="srresnet", arguments=arguments, mixed=True,
        objective=lambda _: Adversarial(
            SRResNet(**arguments), NormCritic(), game=NonSaturating(), weight=0.5, losses=(("l1", 1.0, l1),),
            optimizers=(calm, calm), critic_first=True, separate=True, fresh=True,
        ),
    )  # fmt: skip
