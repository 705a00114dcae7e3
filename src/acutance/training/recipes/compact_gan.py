"""The fast network made to draw texture: ``fidelity`` continued against a critic that judges every pixel (ours)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.mixed import Mixed
from acutance.degrade.noisy import Noisy
from acutance.networks.compact import Compact
from acutance.networks.critics import UNetCritic
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import RelativisticAverage
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import checkerboard, colour, l1
from acutance.training.losses.taught import Taught
from acutance.training.objective import Adversarial, Term
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact import ARGUMENTS
from acutance.training.recipes.optimizers import adam

# Layers and their proportions: Wang et al. 2021 (Real-ESRGAN), sec. 4.1, as far as the local weights go, before
# the ReLU. The Oxford network takes 0..255 and answers in the hundreds; 1500 brings its gradient at the picture to
# some ten times that of the game, where the game still draws.
LAYERS = (("conv1_2", 0.1 / 1500), ("conv2_2", 0.1 / 1500), ("conv3_4", 1 / 1500))

# Ours, tried once: at the picture its gradient is twice that of L1 where a checkerboard shows.
CHECKERBOARD: Term = ("checkerboard", 2.0, partial(checkerboard, scale=4))
# Ours: mean colours stay; a critic does not mind a picture that is a level too red.
COLOUR: Term = ("colour", 10.0, partial(colour, side=48))


def compact_gan() -> Recipe:
    """L1 + features up to conv3_4 + relativistic game with a spectrally normalised U-Net critic; start from compact."""
    return _recipe("compact_gan", rounded=False)


def compact_gan_int8() -> Recipe:
    """``compact_gan`` for 8 bits: half of each batch drawn as by ``--precision int8``; start from that one."""
    return replace(_recipe("compact_gan_int8", rounded=True), after="compact_gan")


def compact_gan_even() -> Recipe:
    """``compact_gan_int8`` once more, so that noise is not woven into a grid: every other input gets some of a
    camera's, crops may be flat, and what repeats with every input pixel is a loss of its own."""
    recipe = _recipe("compact_gan_even", rounded=True, more=(CHECKERBOARD,))
    schedule = ConstantThenDecay(warmup=100, decay=1000)
    return replace(recipe, data=noisy(1), schedule=schedule, steps=1500, valid_every=500, after="compact_gan_int8")


def compact_gan_finish() -> Recipe:
    """``compact_gan_even`` continued from the mean of it and ``compact_gan_int8``: noise in every fourth input, and
    longer."""
    schedule = ConstantThenDecay(warmup=100, decay=1500)
    return replace(
        compact_gan_even(), name="compact_gan_finish", data=noisy(3), schedule=schedule, steps=2000,
        after="compact_gan_even",
    )  # fmt: skip


def compact_gan_taught() -> Recipe:
    """``compact_gan_finish`` once more, learning also from what a larger model draws, such as ESRGAN's, and with a loss
    for mean colours."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        losses = (("l1", 0.5, l1), ("perceptual", 0.3, content), CHECKERBOARD, COLOUR)
        return _objective(losses, rounded=True, lesson=taught(teacher, content))

    schedule = ConstantThenDecay(warmup=100, decay=2000)
    return replace(
        compact_gan_finish(), name="compact_gan_taught", objective=objective, teacher_scale=4, schedule=schedule,
        steps=4000, after="compact_gan_finish",
    )  # fmt: skip


def taught(teacher: nn.Module, content: Perceptual, pixel: float = 0.5) -> Taught:
    """Seven tenths of the features and ``pixel`` of the pixel error against what ``teacher`` draws; the other three
    tenths are for the original."""
    losses = (("l1", pixel, l1), ("perceptual", 0.7, replace(content, signed=False)))
    return Taught(teacher=teacher, losses=losses, signed=content.signed)


def noisy(clean: int) -> PairedCrops:
    """Crops of which one gets a camera's noise to ``clean`` that stay as they are."""
    degrade = Mixed(choices=((clean, Bicubic()), (1, Noisy())))
    return PairedCrops(scale=4, patch=96, batch=4, candidates=2, degrade=degrade)


def _recipe(name: str, *, rounded: bool, more: tuple[Term, ...] = ()) -> Recipe:
    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        return _objective((("l1", 1.0, l1), ("perceptual", 1.0, content), *more), rounded=rounded)

    return Recipe(
        name=name, source="losses: Wang et al. 2018 and 2021; sizes and rates ours", network="compact",
        arguments=ARGUMENTS, objective=objective, features=Features(kind=OXFORD_VGG19, last="conv3_4"),
        data=PairedCrops(scale=4, patch=96, batch=4, candidates=3), keep_best=False, after="compact",
        schedule=ConstantThenDecay(warmup=100, decay=1500), steps=3000, valid_every=1000, save_every=500,
    )  # fmt: skip


def _objective(losses: tuple[Term, ...], *, rounded: bool, lesson: Taught | None = None) -> Adversarial:
    return Adversarial(
        Compact(**ARGUMENTS), UNetCritic(features=32), game=RelativisticAverage(), weight=0.1, losses=losses,
        optimizers=(adam(2e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99))), taught=lesson, rounded=rounded,
    )  # fmt: skip
