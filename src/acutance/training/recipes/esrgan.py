"""ESRGAN (Wang et al. 2018, arXiv 1809.00219): RRDB for PSNR, then the relativistic game.

Where the paper and the reference code differ (the halved game), the code is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from acutance.networks.critics import VGGCritic
from acutance.networks.msrresnet import MSRResNet
from acutance.networks.rrdb import RRDBNet
from acutance.training.data import PairedCrops
from acutance.training.features import MINC_VGG16, OXFORD_VGG19, TORCHVISION_VGG19
from acutance.training.losses.adversarial import RelativisticAverage
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1
from acutance.training.losses.taught import Taught
from acutance.training.muon import Muon, is_inside
from acutance.training.objective import Adversarial, Regression, Term
from acutance.training.recipe import ConstantThenDecay, Features, MultiStep, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, COLOUR, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam

SOURCE = "Wang et al. 2018, arXiv 1809.00219; reference code of 2018"
ADVERSARIAL, PIXEL = 5e-3, 1e-2  # eq. 3: lambda and eta
HALVINGS = (50_000, 100_000, 200_000, 300_000)  # sec. 4.1
FULL: dict[str, Any] = {"scale": 4, "channels": 64, "blocks": 23, "growth": 32}
SIX: dict[str, Any] = {"scale": 4, "channels": 64, "blocks": 6, "growth": 32}
PLAIN: dict[str, Any] = {"scale": 4, "channels": 64, "blocks": 16, "long_skip": True}
SMALL: dict[str, Any] = {"scale": 4, "channels": 32, "blocks": 3, "growth": 16}
# Ours: brings the mean difference of the Oxford network's conv3_4, some 300 on photographs, near one.
CONV34_WEIGHT = 1 / 300


def esrgan_psnr() -> Recipe:
    """ESRGAN, stage 1: L1, Adam 2e-4 halved every 200,000 of a million steps, patches of 192 (sec. 4.1, supplement)."""
    return Recipe(
        name="esrgan_psnr", source=SOURCE, network="rrdb", arguments=FULL,
        objective=lambda _: Regression(RRDBNet(**FULL), losses=(("l1", 1.0, l1),), optimizer=adam(2e-4)),
        data=PairedCrops(scale=4, patch=192, batch=16), ema=0.0,
        schedule=MultiStep(milestones=(200_000, 400_000, 600_000, 800_000)), steps=1_000_000,
    )  # fmt: skip


def esrgan() -> Recipe:
    """ESRGAN, stage 2: features of conv5_4 before the ReLU + 5e-3 of the game + 1e-2 L1; start it from stage 1."""
    return _game("esrgan", "rrdb", FULL, RRDBNet, Features(kind=TORCHVISION_VGG19, last="conv5_4"), _layer("conv5_4"))


def esrgan_minc() -> Recipe:
    """The variant with features of a network that knows materials (sec. 3.4)."""
    wanted = Features(kind=MINC_VGG16, last="conv5_3")
    return _game("esrgan_minc", "rrdb", FULL, RRDBNet, wanted, _layer("conv5_3"))


def esrgan_16_psnr() -> Recipe:
    """Stage 1 for the variant with 16 plain residual blocks."""
    return replace(
        esrgan_psnr(), name="esrgan_16_psnr", network="msrresnet", arguments=PLAIN,
        objective=lambda _: Regression(MSRResNet(**PLAIN), losses=(("l1", 1.0, l1),), optimizer=adam(2e-4)),
    )  # fmt: skip


def esrgan_16() -> Recipe:
    """The variant with 16 residual blocks, as sent to PIRM 2018 (sec. 5)."""
    wanted = Features(kind=MINC_VGG16, last="conv5_3")
    return _game("esrgan_16", "msrresnet", PLAIN, MSRResNet, wanted, _layer("conv5_3"), after="esrgan_16_psnr")


def esrgan_psnr_small() -> Recipe:
    """Three blocks of half the width: the effect of stage 1 on two cores (ours)."""
    return replace(
        esrgan_psnr(), name="esrgan_psnr_small", arguments=SMALL,
        objective=lambda _: Regression(RRDBNet(**SMALL), losses=(("l1", 1.0, l1),), optimizer=adam(1e-3)),
        data=PairedCrops(scale=4, patch=96, batch=16, candidates=3), ema=0.99,
        schedule=ConstantThenDecay(warmup=200, decay=4000), steps=8000,
    )  # fmt: skip


def esrgan_small() -> Recipe:
    """Stage 2 for that network, with features that end at conv3_4 (ours)."""
    wanted = Features(kind=OXFORD_VGG19, last="conv3_4")
    recipe = _game(
        "esrgan_small",
        "rrdb",
        SMALL,
        RRDBNet,
        wanted,
        _layer("conv3_4", CONV34_WEIGHT),
        patch=96,
        after="esrgan_psnr_small",
    )
    return replace(
        recipe, data=PairedCrops(scale=4, patch=96, batch=4, candidates=3), ema=0.99, steps=3000,
        schedule=MultiStep(milestones=(2000,), gamma=0.1),
    )  # fmt: skip


def esrgan_psnr_short() -> Recipe:
    """Six of the paper's blocks, moved by Muon: stage 1 within hours on two cores, started from the first six
    of the published network (``benchmarks/shorten.py``; ours)."""

    def objective(_: None) -> Regression:
        return Regression(
            RRDBNet(**SIX), losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3, hidden=is_inside),
        )  # fmt: skip

    return replace(
        esrgan_psnr(), name="esrgan_psnr_short", arguments=SIX, objective=objective, ema=0.999, save_every=250,
        data=PairedCrops(scale=4, patch=96, batch=4, candidates=3), steps=2500, valid_every=500,
        schedule=ConstantThenDecay(warmup=50, decay=2000),
    )  # fmt: skip


def esrgan_short() -> Recipe:
    """The paper's relativistic game for those six blocks, with features up to conv3_4 and more L1, because the
    deeper features cannot be had everywhere (ours)."""

    return replace(
        esrgan_small(), name="esrgan_short", arguments=SIX, objective=_short(), ema=0.995, steps=900,
        schedule=ConstantThenDecay(warmup=50, decay=600), valid_every=300, save_every=100, after="esrgan_psnr_short",
    )  # fmt: skip


def esrgan_finish() -> Recipe:
    """``esrgan_short`` once more, with noise in every fourth input and losses for mean colours and for what repeats
    with every input pixel."""
    return replace(
        esrgan_short(), name="esrgan_finish", objective=_short(CHECKERBOARD, COLOUR), data=noisy(3), steps=1200,
        schedule=ConstantThenDecay(warmup=50, decay=700), after="esrgan_short",
    )  # fmt: skip


def esrgan_taught() -> Recipe:
    """``esrgan_finish`` once more, learning also from what a larger model draws, such as the whole ESRGAN."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        losses = (("l1", 0.25, l1), ("perceptual", 0.3, content), CHECKERBOARD, COLOUR)
        return _with(*losses, lesson=taught(teacher, content, pixel=0.25))

    return replace(
        esrgan_finish(), name="esrgan_taught", objective=objective, teacher_scale=4, steps=2000,
        schedule=ConstantThenDecay(warmup=50, decay=1000), after="esrgan_finish",
    )  # fmt: skip


def _short(*more: Term) -> Callable[[nn.Module], Adversarial]:
    return lambda network: _with(
        ("l1", 0.5, l1), ("perceptual", 1.0, Perceptual(features=network, layers=LAYERS)), *more
    )  # fmt: skip


def _with(*losses: Term, lesson: Taught | None = None) -> Adversarial:
    return Adversarial(
        RRDBNet(**SIX), VGGCritic(size=96), game=RelativisticAverage(halved=True), weight=ADVERSARIAL, losses=losses,
        taught=lesson, optimizers=(adam(2e-4, (0.9, 0.99)), adam(1e-4)),
    )  # fmt: skip


def _layer(name: str, weight: float = 1.0) -> Callable[[nn.Module], Term]:
    return lambda features: (
        "perceptual", weight, Perceptual(features=features, layers=((name, 1.0),), distance=l1)
    )  # fmt: skip


def _game(
    name: str, network: str, arguments: dict[str, Any], build: Callable[..., nn.Module], features: Features,
    perceptual: Callable[[nn.Module], Term], patch: int = 128, after: str = "esrgan_psnr",
) -> Recipe:  # fmt: skip
    """Adam 1e-4, halved at 50k, 100k, 200k and 300k of 500k; the generator goes first (sec. 4.1, code)."""

    def objective(network: nn.Module) -> Adversarial:
        return Adversarial(
            build(**arguments), VGGCritic(size=patch), game=RelativisticAverage(halved=True), weight=ADVERSARIAL,
            losses=(perceptual(network), ("l1", PIXEL, l1)), optimizers=(adam(1e-4), adam(1e-4)),
        )  # fmt: skip

    return Recipe(
        name=name, source=SOURCE, network=network, arguments=arguments, objective=objective, features=features,
        data=PairedCrops(scale=4, patch=patch, batch=16), ema=0.0, keep_best=False, after=after,
        schedule=MultiStep(milestones=HALVINGS, gamma=0.5), steps=500_000,
    )  # fmt: skip
