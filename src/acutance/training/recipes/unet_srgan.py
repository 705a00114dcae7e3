"""The conditional SRGAN: an additive U and disc(a, b), trained in three steps, with no other loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from torch import nn

from acutance.degrade.linear import Linear
from acutance.networks import NETWORKS
from acutance.networks.critics import ConditionalCritic
from acutance.networks.unet import AdditiveUNet
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import NonSaturating
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon, is_inside
from acutance.training.objective import Adversarial, MakeOptimizer, Regression, Term, conditional
from acutance.training.recipe import ConstantThenDecay, Features, MultiStep, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam
from acutance.training.recipes.srgan import SHORT_ADVERSARIAL

ADAM = adam(2e-4, (0.5, 0.999))  # ours: the source gives no rate
FULL: dict[str, Any] = {"batch_norm": False, "width": 1.0}
HALF: dict[str, Any] = {"batch_norm": False, "width": 0.5}
SMALL: dict[str, Any] = {"batch_norm": False, "width": 0.25}
SMOOTH = PairedCrops(scale=4, patch=256, batch=4, candidates=3)
GAME = replace(SMOOTH, patch=192)
TAUGHT = replace(noisy(3), patch=128, batch=3)


def unet_srgan(pixel: float = 0.0) -> Recipe:
    """The conditional SRGAN: 512-pixel crops, reduced to 128 as OpenCV does by default; real, fake, generator.

    ``pixel``: the weight of an L1 term; the source has none.
    """
    return _recipe("unet_srgan", FULL, patch=512, batch=4, inject=64, critic_width=1.0, pixel=pixel, steps=200_000)


def unet_psnr_small() -> Recipe:
    """A first stage for a quarter of the width: L1 alone, moved by Muon (ours, for two cores)."""
    return _first_stage("unet_psnr_small", SMALL, decay=1500, steps=4000)


def unet_srgan_small() -> Recipe:
    """The game for that network, on 256-pixel crops, held to the picture by L1, real and fake in one step (ours).

    Beside a good start real and fake look alike. With a step for each, as in the source, what they share outweighs what
    tells them apart, and a critic this small settles on one half for both.
    """
    recipe = _second_stage("unet_srgan_small", SMALL, pixel=200.0, decay=700, steps=1500)
    return replace(recipe, after="unet_psnr_small")


def unet_psnr_short() -> Recipe:
    """A first stage for half the width, an hour or two on two cores, on pairs reduced without jagged edges (ours).

    OpenCV's way of reducing, the source's, leaves them; a camera or a scanner does not.
    """
    recipe = _first_stage("unet_psnr_short", HALF, decay=3000, steps=10_000)
    return replace(recipe, data=SMOOTH)


def unet_srgan_short() -> Recipe:
    """The game for that network with early features and L1 beside it, as ``srgan_short`` has them (ours).

    The game alone, held by L1 only, wove a grid into even areas before it drew anything.
    """

    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        return Adversarial(
            AdditiveUNet(**HALF), ConditionalCritic(size=GAME.patch, inject=48, width=0.5), game=NonSaturating(),
            weight=SHORT_ADVERSARIAL, losses=(("l1", 0.5, l1), ("perceptual", 1.0, content)),
            optimizers=(adam(2e-4, (0.9, 0.99)), adam(1e-4)), judge=conditional, critic_first=True,
        )  # fmt: skip

    recipe = _second_stage("unet_srgan_short", HALF, pixel=0.0, decay=500, steps=1000)
    return replace(
        recipe, objective=objective, data=GAME, features=Features(kind=OXFORD_VGG19, last="conv3_4"),
        after="unet_psnr_short",
    )  # fmt: skip


def unet_srgan_taught() -> Recipe:
    """``unet_srgan_short`` once more, by a network that keeps mean colours, learning also from what a better one draws,
    such as ``esrgan``; with noise in every fourth input and a loss for what repeats with every input pixel (ours)."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        return Adversarial(
            NETWORKS["colourfast_unet"](**HALF), ConditionalCritic(size=TAUGHT.patch, inject=32, width=0.5),
            game=NonSaturating(), weight=SHORT_ADVERSARIAL,
            losses=(("l1", 0.25, l1), ("perceptual", 0.3, content), CHECKERBOARD),
            taught=taught(teacher, content, pixel=0.25), optimizers=(adam(2e-4, (0.9, 0.99)), adam(1e-4)),
            judge=conditional, critic_first=True,
        )  # fmt: skip

    return replace(
        unet_srgan_short(), name="unet_srgan_taught", network="colourfast_unet", objective=objective, data=TAUGHT,
        teacher_scale=4, ema=0.995, steps=3000, schedule=ConstantThenDecay(warmup=100, decay=1500), valid_every=500,
        save_every=250, after="unet_srgan_short",
    )  # fmt: skip


def _first_stage(name: str, arguments: dict[str, Any], *, decay: int, steps: int) -> Recipe:
    def objective(_: None) -> Regression:
        return Regression(
            AdditiveUNet(**arguments), losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3, hidden=is_inside),
        )  # fmt: skip

    return replace(
        _second_stage(name, arguments, pixel=0.0, decay=decay, steps=steps), objective=objective,
        schedule=ConstantThenDecay(warmup=100, decay=decay),
    )  # fmt: skip


def _second_stage(name: str, arguments: dict[str, Any], *, pixel: float, decay: int, steps: int) -> Recipe:
    recipe = _recipe(
        name, arguments, patch=256, batch=4, inject=64, critic_width=0.5, pixel=pixel, steps=steps,
        small=True, rates=(adam(1e-4, (0.9, 0.99)), ADAM),
    )  # fmt: skip
    return replace(recipe, ema=0.99, schedule=ConstantThenDecay(warmup=50, decay=decay))


def _recipe(
    name: str, arguments: dict[str, Any], *, patch: int, batch: int, inject: int, critic_width: float, pixel: float,
    steps: int, small: bool = False, rates: tuple[MakeOptimizer, MakeOptimizer] = (ADAM, ADAM),
) -> Recipe:  # fmt: skip
    losses: tuple[Term, ...] = (("l1", pixel, l1),) if pixel else ()

    def objective(_: None) -> Adversarial:
        critic = ConditionalCritic(size=patch, inject=inject, width=critic_width)
        if small:
            for layer in critic.layers:
                nn.init.kaiming_normal_(cast(nn.Conv2d, layer).weight, a=0.2)
        return Adversarial(
            AdditiveUNet(**arguments), critic, game=NonSaturating(), weight=1.0, losses=losses, optimizers=rates,
            judge=conditional, critic_first=True, separate=not small,
        )  # fmt: skip

    return Recipe(
        name=name, source="conditional SRGAN, U-shaped generator; widths and rates ours", network="unet",
        arguments=arguments, objective=objective, ema=0.0, keep_best=False, schedule=MultiStep(), steps=steps,
        data=PairedCrops(scale=4, patch=patch, batch=batch, degrade=Linear(), turn=False),
    )  # fmt: skip
