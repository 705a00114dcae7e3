"""The networks of ``fidelity`` and ``texture``: SPAN, trained on for 8 bits and against a discriminator (ours)."""

from __future__ import annotations

from typing import Any

from torch import nn

from acutance.networks.colourfast import ColourfastSpan
from acutance.networks.critics import UNetCritic
from acutance.networks.span import Span
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import RelativisticAverage
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1, mse
from acutance.training.losses.taught import Taught
from acutance.training.objective import Adversarial, Regression
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam

ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 48, "blocks": 6}
SOURCE = "network and first weights: Wan et al. 2024 (SPAN); losses, crops and rates: ours"


def span() -> Recipe:
    """The network of ``fidelity``, made fit for 8 bits: begun from the authors' weights and taught by them, because
    they learned from ten times as many photographs; half of each batch computed in 8 bits, photographs at their size
    and at half of it, because small pictures show more in a pixel."""

    def objective(_: None, teacher: nn.Module) -> Regression:
        return Regression(
            Span(**ARGUMENTS), losses=(("mse", 0.2, mse),), rounded=True, optimizer=adam(3e-5, (0.9, 0.99)),
            taught=Taught(teacher=teacher, losses=(("mse", 0.8, mse),)),
        )  # fmt: skip

    return Recipe(
        name="span", source=SOURCE, network="span", arguments=ARGUMENTS, objective=objective, teacher_scale=4,
        data=PairedCrops(scale=4, patch=128, batch=8, candidates=3, sizes=(1, 2)),
        ema=0.99,
        clip=0.02, schedule=ConstantThenDecay(warmup=50, decay=2000), steps=3000, valid_every=500, save_every=100,
    )  # fmt: skip


def span_gan() -> Recipe:
    """The network of ``texture``, begun from ``span``: pixels, features up to conv3_4 and a relativistic average
    discriminator of every pixel (a U-Net with spectral norm); a camera's noise in every fourth input. It learns also
    what a larger model draws, such as ESRGAN's. Its network keeps mean colours."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        losses = (("l1", 0.5, l1), ("perceptual", 0.3, content), CHECKERBOARD)
        rates = (adam(1e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99)))
        return Adversarial(
            ColourfastSpan(**ARGUMENTS), UNetCritic(features=32), game=RelativisticAverage(), weight=0.1, losses=losses,
            optimizers=rates, taught=taught(teacher, content),
        )  # fmt: skip

    return Recipe(
        name="span_gan", source=SOURCE, network="colourfast_span", arguments=ARGUMENTS, objective=objective,
        teacher_scale=4, features=Features(kind=OXFORD_VGG19, last="conv3_4"), data=noisy(3), keep_best=False,
        schedule=ConstantThenDecay(warmup=100, decay=1500), steps=4000, valid_every=500, save_every=250, after="span",
    )  # fmt: skip
