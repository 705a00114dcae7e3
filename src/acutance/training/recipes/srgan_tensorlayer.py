"""SRGAN as tensorlayer implements it: DIV2K, 384-pixel crops, everything in [-1, 1].

An epoch of 800 pictures at batch 16 is 50 steps: 100 epochs of pre-training are 5,000 steps, 2,000
epochs of the game 100,000, with the rate divided by ten after 1,000.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from acutance.degrade.linear import Linear
from acutance.networks.critics import TensorlayerCritic
from acutance.networks.srresnet import TensorlayerSRResNet
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import NonSaturating
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import mse
from acutance.training.objective import Adversarial, Regression
from acutance.training.recipe import Features, MultiStep, Recipe
from acutance.training.recipes.optimizers import adam

SOURCE = "tensorlayer/srgan, config.py and train.py"
EPOCH = 800 // 16
ADAM = adam(1e-4)  # lr_init; beta1 0.9
VGG, ADVERSARIAL = 2e-6, 1e-3
FULL: dict[str, Any] = {"channels": 64, "blocks": 16}
SMALL: dict[str, Any] = {"channels": 16, "blocks": 4}
CROPS = PairedCrops(scale=4, patch=384, batch=16, degrade=Linear(), turn=False)


def srgan_tensorlayer_init() -> Recipe:
    """SRGAN as tensorlayer has it, first stage: 100 epochs of squared error at a fixed rate."""
    return _init("srgan_tensorlayer_init", FULL)


def srgan_tensorlayer() -> Recipe:
    """Its second stage: squared error + 2e-6 of pool4 features + 1e-3 of the game."""

    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=(("pool4", 1.0),), distance=mse, signed=True)
        return Adversarial(
            TensorlayerSRResNet(**FULL), TensorlayerCritic(size=CROPS.patch), game=NonSaturating(),
            weight=ADVERSARIAL, losses=(("mse", 1.0, mse), ("vgg", VGG, content)), optimizers=(ADAM, ADAM),
        )  # fmt: skip

    return Recipe(
        name="srgan_tensorlayer", source=SOURCE, network="tensorlayer_srresnet", arguments=FULL, data=CROPS, ema=0.0,
        objective=objective, features=Features(kind=OXFORD_VGG19, last="conv4_4"), keep_best=False,
        after="srgan_tensorlayer_init",
        schedule=MultiStep(milestones=(1000 * EPOCH,), gamma=0.1), steps=2000 * EPOCH,
    )  # fmt: skip


def srgan_tensorlayer_small() -> Recipe:
    """A quarter of the width and of the crop, without features, from nothing: runs anywhere in minutes (ours)."""
    crops = replace(CROPS, patch=128, batch=8)

    def objective(_: None) -> Adversarial:
        return Adversarial(
            TensorlayerSRResNet(**SMALL), TensorlayerCritic(size=crops.patch, width=16), game=NonSaturating(),
            weight=ADVERSARIAL, losses=(("mse", 1.0, mse),), optimizers=(adam(1e-3), ADAM),
        )  # fmt: skip

    return replace(
        srgan_tensorlayer(), name="srgan_tensorlayer_small", arguments=SMALL, objective=objective, features=None,
        after="", data=crops, schedule=MultiStep(milestones=(2000,), gamma=0.1), steps=4000,
    )  # fmt: skip


def _init(name: str, arguments: dict[str, Any]) -> Recipe:
    return Recipe(
        name=name, source=SOURCE, network="tensorlayer_srresnet", arguments=arguments, data=CROPS, ema=0.0,
        objective=lambda _: Regression(TensorlayerSRResNet(**arguments), losses=(("mse", 1.0, mse),), optimizer=ADAM),
        schedule=MultiStep(), steps=100 * EPOCH,
    )  # fmt: skip
