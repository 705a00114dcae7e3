"""Restoration of old, noisy, compressed pictures: the compact network against the world's damage (ours).

Losses, proportions and degradation: Wang et al. 2021 (Real-ESRGAN), sec. 3 and 4.1; old footage: ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from acutance.degrade.film import Film
from acutance.degrade.mixed import Mixed
from acutance.degrade.realesrgan import RealESRGAN
from acutance.networks.compact import Compact, start_near_identity
from acutance.networks.critics import UNetCritic
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import NonSaturating
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon
from acutance.training.objective import Adversarial, Regression
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact_gan import LAYERS
from acutance.training.recipes.optimizers import adam

SOURCE = "Wang et al. 2021 (Real-ESRGAN); film, sizes and rates ours"
DAMAGE = Mixed(choices=((0.6, RealESRGAN()), (0.4, Film())))
ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 64, "convolutions": 16}
SMALL: dict[str, Any] = {"scale": 4, "channels": 32, "convolutions": 8}
CROPS = PairedCrops(scale=4, patch=128, batch=8, candidates=3, degrade=DAMAGE, sharpen=True)


def restore_psnr() -> Recipe:
    """The first stage: L1 against the sharpened original; may start from ``fidelity``."""
    return _regression("restore_psnr", ARGUMENTS, 6000)


def restore() -> Recipe:
    """The second stage: L1 + features + 0.1 of the game, whose critic sees the plain original; start from the first."""
    return replace(_game("restore", ARGUMENTS, critic=32, steps=3000), data=replace(CROPS, batch=4))


def restore_psnr_small() -> Recipe:
    """The first stage for a quarter of the arithmetic, in minutes."""
    return replace(
        _regression("restore_psnr_small", SMALL, 3000), data=replace(CROPS, patch=96, batch=16),
        schedule=ConstantThenDecay(warmup=100, decay=1500),
    )  # fmt: skip


def restore_small() -> Recipe:
    """The second stage for that network."""
    return replace(
        _game("restore_small", SMALL, critic=16, steps=2000), data=replace(CROPS, patch=96, batch=8),
        schedule=ConstantThenDecay(warmup=100, decay=1000), ema=0.99,
    )  # fmt: skip


def _regression(name: str, arguments: dict[str, Any], steps: int) -> Recipe:
    def objective(_: None) -> Regression:
        return Regression(
            start_near_identity(Compact(**arguments)), losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        )  # fmt: skip

    return Recipe(
        name=name, source=SOURCE, network="compact", arguments=arguments, objective=objective, data=CROPS,
        schedule=ConstantThenDecay(warmup=200, decay=2500), steps=steps,
    )  # fmt: skip


def _game(name: str, arguments: dict[str, Any], *, critic: int, steps: int) -> Recipe:
    def objective(features: nn.Module) -> Adversarial:
        return Adversarial(
            Compact(**arguments), UNetCritic(features=critic), game=NonSaturating(), weight=0.1,
            losses=(("l1", 1.0, l1), ("perceptual", 1.0, Perceptual(features=features, layers=LAYERS))),
            optimizers=(adam(2e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99))),
        )  # fmt: skip

    return Recipe(
        name=name, source=SOURCE, network="compact", arguments=arguments, objective=objective, data=CROPS,
        features=Features(kind=OXFORD_VGG19, last="conv3_4"), keep_best=False,
        after="restore_psnr" if arguments == ARGUMENTS else "restore_psnr_small",
        schedule=ConstantThenDecay(warmup=100, decay=1500), steps=steps, valid_every=1000, save_every=500,
    )  # fmt: skip
