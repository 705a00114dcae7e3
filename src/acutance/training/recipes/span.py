"""The network of ``texture``: SPAN, trained on against a discriminator (ours)."""

from __future__ import annotations

from typing import Any

from torch import nn

from acutance.networks.colourfast import ColourfastSpan
from acutance.networks.critics import UNetCritic
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import RelativisticAverage
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1
from acutance.training.objective import Adversarial
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, LAYERS, noisy, taught
from acutance.training.recipes.optimizers import adam

ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 48, "blocks": 6}
SOURCE = "network and first weights: Wan et al. 2024 (SPAN); losses, crops and rates: ours"


def span_gan() -> Recipe:
    """The network of ``texture``, begun from ``fidelity``: pixels, features up to conv3_4 and a relativistic average
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
        schedule=ConstantThenDecay(warmup=50, decay=800), steps=1600, valid_every=400, save_every=100,
    )  # fmt: skip
