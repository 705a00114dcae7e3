"""The networks of ``fidelity`` and ``texture``: SPAN, trained on for 8 bits and against a discriminator (ours)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from acutance.networks.critics import UNetCritic
from acutance.networks.span import Span
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import RelativisticAverage
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1, mse
from acutance.training.objective import Adversarial, Regression
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, COLOUR, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam

ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 48, "blocks": 6}
SOURCE = "network and first weights: Wan et al. 2024 (SPAN); losses, crops and rates: ours"


def span() -> Recipe:
    """The network of ``fidelity``, begun from the authors' weights: squared errors, half of each batch computed in
    8 bits, photographs at their size and at half of it, because small pictures show more in a pixel."""

    def objective(_: None) -> Regression:
        rate = adam(2e-4, (0.9, 0.99))
        return Regression(Span(**ARGUMENTS), losses=(("mse", 1.0, mse),), rounded=True, optimizer=rate)

    return Recipe(
        name="span", source=SOURCE, network="span", arguments=ARGUMENTS, objective=objective,
        data=PairedCrops(scale=4, patch=192, batch=8, candidates=3, sizes=(1, 2)),
        schedule=ConstantThenDecay(warmup=100, decay=1000), steps=1500, valid_every=250, save_every=250,
    )  # fmt: skip


def span_gan() -> Recipe:
    """The network of ``texture``, begun from ``span``: pixels, features up to conv3_4 and a relativistic average
    discriminator of every pixel (a U-Net with spectral norm); half of each batch in 8 bits, a camera's noise in every
    fourth input. It learns also what a larger model draws, such as ESRGAN's."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        losses = (("l1", 0.5, l1), ("perceptual", 0.3, content), CHECKERBOARD, COLOUR)
        rates = (adam(2e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99)))
        return Adversarial(
            Span(**ARGUMENTS), UNetCritic(features=32), game=RelativisticAverage(), weight=0.1, losses=losses,
            optimizers=rates, taught=taught(teacher, content), rounded=True,
        )  # fmt: skip

    return Recipe(
        name="span_gan", source=SOURCE, network="span", arguments=ARGUMENTS, objective=objective, teacher_scale=4,
        features=Features(kind=OXFORD_VGG19, last="conv3_4"), data=replace(noisy(3), batch=4), keep_best=False,
        schedule=ConstantThenDecay(warmup=100, decay=1500), steps=4000, valid_every=500, save_every=250, after="span",
    )  # fmt: skip
