"""SRResNet and SRGAN (Ledig et al. 2017, arXiv 1609.04802): pre-training for PSNR, then the game."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from acutance.networks.critics import SRGANCritic, UNetCritic
from acutance.networks.norms import with_fixed_norms
from acutance.networks.srresnet import SRResNet
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import NonSaturating, RelativisticAverage
from acutance.training.losses.perceptual import Perceptual, srgan_paper
from acutance.training.losses.pixel import l1, mse, total_variation
from acutance.training.muon import Muon, is_inside
from acutance.training.objective import Adversarial, Regression, Term
from acutance.training.recipe import ConstantThenDecay, Features, MultiStep, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, COLOUR, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam

SOURCE = "Ledig et al. 2017, arXiv 1609.04802"
CROPS = PairedCrops(scale=4, patch=96, batch=16, turn=False)  # sec. 3.2; ours: with replacement
ADVERSARIAL = 1e-3  # eq. 3
TOTAL_VARIATION = 2e-8  # sec. 3.3, SRResNet-VGG22 only
FULL: dict[str, Any] = {"channels": 64, "blocks": 16}
SMALL: dict[str, Any] = {"channels": 32, "blocks": 8}
# Ours: brings the mean squared difference of the Oxford network's relu3_4, some 2e5 on photographs, near the
# size of the pixel error, where 1e-3 of the game still counts.
VGG34_WEIGHT = 1e-7
# Wang et al. 2018, eq. 3; at the picture some 7 % of the gradient of the features after 150 steps.
SHORT_ADVERSARIAL = 5e-3
# A fifth of COLOUR: without a path for the input past all layers, mean colours of this network waver by a level from
# step to step, and a stronger loss, whose gradient does not shrink with them, would be all that it learns from.
SOME_COLOUR: Term = ("colour", 2.0, COLOUR[2])


def srresnet() -> Recipe:
    """SRResNet-MSE: Adam 1e-4, a million iterations (sec. 3.2)."""
    return _regression("srresnet", FULL, (("mse", 1.0, mse),))


def srresnet_vgg22() -> Recipe:
    """SRResNet-VGG22: early features instead of pixels, and a little total variation (sec. 3.3)."""
    recipe = _regression("srresnet_vgg22", FULL, ())

    def objective(features: nn.Module) -> Regression:
        content = Perceptual(features=features, layers=(("relu2_2", 1.0),), distance=srgan_paper, signed=True)
        losses = (("vgg22", 1.0, content), ("total_variation", TOTAL_VARIATION, total_variation))
        return Regression(SRResNet(**FULL), losses=losses, optimizer=adam(1e-4))

    return replace(recipe, objective=objective, features=Features(kind=OXFORD_VGG19, last="conv2_2"), steps=200_000)


def srresnet_muon() -> Recipe:
    """The paper's network and pixel error, moved by Muon: within 1 % of the iterations, hours on two cores (ours)."""

    def objective(_: None) -> Regression:
        return Regression(
            SRResNet(**FULL), losses=(("mse", 1.0, mse),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3, hidden=is_inside),
        )  # fmt: skip

    return replace(
        srresnet(), name="srresnet_muon", objective=objective, ema=0.999, steps=11_000,
        data=replace(CROPS, batch=8, candidates=3, turn=True), schedule=ConstantThenDecay(warmup=200, decay=4000),
    )  # fmt: skip


def srresnet_small() -> Recipe:
    """Half the width and half the blocks, moved by Muon: the effect within half an hour on two cores (ours)."""

    def objective(_: None) -> Regression:
        return Regression(
            SRResNet(**SMALL), losses=(("mse", 1.0, mse),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3, hidden=is_inside),
        )  # fmt: skip

    return replace(
        srresnet_muon(), name="srresnet_small", arguments=SMALL, objective=objective, ema=0.99, steps=2000,
        schedule=ConstantThenDecay(warmup=200, decay=1000),
    )  # fmt: skip


def srgan_mse() -> Recipe:
    """SRGAN-MSE: the game on top of the pixel error."""
    return _game("srgan_mse", FULL, None, lambda _: ("mse", 1.0, mse))


def srgan_vgg22() -> Recipe:
    """SRGAN-VGG22: features before the second pooling."""
    return _game("srgan_vgg22", FULL, "conv2_2", lambda f: ("vgg22", 1.0, _paper(f, "relu2_2")))


def srgan() -> Recipe:
    """SRGAN-VGG54, the paper's SRGAN: features before the fifth pooling."""
    return _game("srgan", FULL, "conv5_4", lambda f: ("vgg54", 1.0, _paper(f, "relu5_4")))


def srgan_vgg34() -> Recipe:
    """Where the deeper features are not to be had: relu3_4, its weight brought to size (ours)."""
    return _game("srgan_vgg34", FULL, "conv3_4", _vgg34)


def srgan_small() -> Recipe:
    """``srgan_vgg34`` for the network of ``srresnet_small``, for two cores (ours)."""
    return replace(
        _game("srgan_small", SMALL, "conv3_4", _vgg34), steps=3000, schedule=MultiStep(milestones=(2000,), gamma=0.1),
        data=replace(CROPS, batch=4, candidates=3), ema=0.99,
    )  # fmt: skip


def srgan_short() -> Recipe:
    """The paper's two networks after ``srresnet_muon``, with early features and L1: hours on two cores (ours)."""

    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS, signed=True)
        return Adversarial(
            SRResNet(**FULL), SRGANCritic(size=CROPS.patch), game=NonSaturating(), weight=SHORT_ADVERSARIAL,
            losses=(("l1", 0.5, l1), ("perceptual", 1.0, content)),
            optimizers=(adam(2e-4, (0.9, 0.99)), adam(1e-4)),
        )  # fmt: skip

    return replace(
        srgan(), name="srgan_short", objective=objective, features=Features(kind=OXFORD_VGG19, last="conv3_4"),
        data=replace(CROPS, batch=4, candidates=3, turn=True), ema=0.999, steps=3000, after="srresnet_muon",
        schedule=ConstantThenDecay(warmup=100, decay=1500), valid_every=1000, save_every=500,
    )  # fmt: skip


def srgan_taught() -> Recipe:
    """``srgan_short`` once more as it will be used, its batch norms fixed, learning also from what a larger model
    draws, such as ESRGAN's, against the critic of ``compact_gan``, which is not right all the time as the paper's is;
    with noise in every fourth input and losses for mean colours and for what repeats with every input pixel (ours)."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS, signed=True)
        return Adversarial(
            with_fixed_norms(SRResNet(**FULL)), UNetCritic(features=32), game=RelativisticAverage(), weight=0.1,
            losses=(("l1", 0.25, l1), ("perceptual", 0.3, content), CHECKERBOARD, SOME_COLOUR),
            taught=taught(teacher, content), optimizers=(adam(1e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99))),
        )  # fmt: skip

    return replace(
        srgan_short(), name="srgan_taught", objective=objective, teacher_scale=4, data=noisy(3), after="srgan_short",
        steps=2500, schedule=ConstantThenDecay(warmup=100, decay=1200), valid_every=500, save_every=250,
    )  # fmt: skip


def _paper(features: nn.Module, layer: str) -> Perceptual:
    return Perceptual(features=features, layers=((layer, 1.0),), distance=srgan_paper, signed=True)


def _vgg34(features: nn.Module) -> Term:
    return "vgg34", VGG34_WEIGHT, Perceptual(features=features, layers=(("relu3_4", 1.0),), distance=mse, signed=True)


def _regression(name: str, arguments: dict[str, Any], losses: tuple[Term, ...]) -> Recipe:
    return Recipe(
        name=name, source=SOURCE, network="srresnet", arguments=arguments, data=CROPS, ema=0.0,
        objective=lambda _: Regression(SRResNet(**arguments), losses=losses, optimizer=adam(1e-4)),
        schedule=MultiStep(), steps=1_000_000,
    )  # fmt: skip


def _game(name: str, arguments: dict[str, Any], last: str | None, content) -> Recipe:
    """Adam 1e-4 for 1e5 iterations, then 1e-5 for as many, one critic step per generator step (sec. 3.2)."""

    def objective(features: nn.Module) -> Adversarial:
        return Adversarial(
            SRResNet(**arguments), SRGANCritic(size=CROPS.patch), game=NonSaturating(), weight=ADVERSARIAL,
            losses=(content(features),), optimizers=(adam(1e-4), adam(1e-4)),
        )  # fmt: skip

    return Recipe(
        name=name, source=SOURCE, network="srresnet", arguments=arguments, objective=objective, data=CROPS, ema=0.0,
        after="srresnet" if arguments == FULL else "srresnet_small",
        features=Features(kind=OXFORD_VGG19, last=last) if last else None,
        schedule=MultiStep(milestones=(100_000,), gamma=0.1), steps=200_000, keep_best=False,
    )  # fmt: skip
