"""Restoration of old, noisy, compressed pictures: the compact network against the world's damage (ours).

Losses, proportions and degradation: Wang et al. 2021 (Real-ESRGAN), sec. 3 and 4.1; old footage: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.film import Film, Spotless
from acutance.degrade.mixed import Mixed
from acutance.degrade.noisy import Noisy
from acutance.degrade.realesrgan import RealESRGAN
from acutance.networks.colourfast import ColourfastCompact, ColourfastFoldedCompact
from acutance.networks.compact import Compact, FoldedCompact, start_near_identity
from acutance.networks.critics import UNetCritic
from acutance.training.data import PairedCrops
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.adversarial import NonSaturating
from acutance.training.losses.perceptual import Perceptual
from acutance.training.losses.pixel import l1
from acutance.training.losses.taught import Taught
from acutance.training.muon import Muon
from acutance.training.objective import Adversarial, Regression, Term
from acutance.training.recipe import ConstantThenDecay, Features, Recipe
from acutance.training.recipes.compact_gan import CHECKERBOARD, COLOUR, LAYERS
from acutance.training.recipes.optimizers import adam

Make = Callable[[], Compact | FoldedCompact]
SOURCE = "Wang et al. 2021 (Real-ESRGAN); film, sizes and rates ours"
# Colours stay as faded as they came: to guess them from a crop makes every picture darker and more colourful.
DAMAGE = Mixed(choices=((0.6, RealESRGAN()), (0.4, Film(fade=0.0))))


def _sometimes(film: Film) -> Mixed:
    """Ours: three tenths of the pictures are clean, and keep their colours."""
    return Mixed(choices=((0.3, Bicubic()), (0.7, _noisier(film))))


def _noisier(film: Film) -> Mixed:
    """Ours: a quarter of the damage is noise alone."""
    return Mixed(choices=((0.45, RealESRGAN()), (0.3, film), (0.25, Noisy(sigma=16.0))))


ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 64, "convolutions": 16}
SMALL: dict[str, Any] = {"scale": 4, "channels": 32, "convolutions": 8}
FOLDED: dict[str, Any] = {"channels": 64, "convolutions": 16}
CROPS = PairedCrops(scale=4, patch=128, batch=8, candidates=3, degrade=DAMAGE, sharpen=True)
COLOURFUL = replace(CROPS, patch=144, batch=4, candidates=2, degrade=_sometimes(Film(fade=0.0)))
# Ours: the network keeps its input's mean colours, so these do not flicker; dust and scratches come to the pupil alone,
# because a teacher that has never seen any would draw them sharply.
TAUGHT = replace(
    COLOURFUL, degrade=_sometimes(Film(fade=0.0, flicker=0.0)), seen=_sometimes(Spotless(fade=0.0, flicker=0.0))
)
LAST: dict[str, Any] = {
    "schedule": ConstantThenDecay(warmup=50, decay=1000), "steps": 2000, "valid_every": 500, "save_every": 250,
}  # fmt: skip


def restore_psnr() -> Recipe:
    """Restoration, first stage: L1 against the sharpened original; may start from ``fidelity``."""
    return _regression("restore_psnr", "compact", lambda: Compact(**ARGUMENTS), ARGUMENTS, CROPS)


def restore() -> Recipe:
    """Its second stage: L1 + features + 0.1 of the game, whose critic sees the plain original; start from the first."""
    return _game("restore", "compact", lambda: Compact(**ARGUMENTS), ARGUMENTS, replace(CROPS, batch=4))


def restore_noise() -> Recipe:
    """``restore`` once more, with noise that no compression has smoothed among the damage, as in scans and raw
    pictures, and a loss for what repeats with every input pixel; start from ``restore``."""
    crops = replace(CROPS, patch=96, batch=4, candidates=2, degrade=_noisier(Film(fade=0.0)))
    recipe = _game("restore_noise", "compact", lambda: Compact(**ARGUMENTS), ARGUMENTS, crops, more=(CHECKERBOARD,))
    schedule = ConstantThenDecay(warmup=50, decay=350)
    return replace(recipe, schedule=schedule, steps=500, valid_every=500, save_every=100, after="restore")


def restore_colour() -> Recipe:
    """``restore_noise`` once more, with clean pictures among the damaged and a loss for mean colours."""
    recipe = _game(
        "restore_colour", "compact", lambda: Compact(**ARGUMENTS), ARGUMENTS, COLOURFUL, more=(CHECKERBOARD, COLOUR)
    )
    return replace(recipe, **LAST, after="restore_noise")


def restore_taught() -> Recipe:
    """``restore_colour`` once more, learning what a larger model of restoration, such as Real-ESRGAN's, draws of the
    damaged picture; by a network that keeps mean colours."""
    crops, after = replace(TAUGHT, patch=128), "restore_colour"
    return _taught(
        "restore_taught", "colourfast_compact", lambda: ColourfastCompact(**ARGUMENTS), ARGUMENTS, crops, after
    )


def restore_x2_psnr() -> Recipe:
    """Restoration for twice the size, first stage; may start from ``fidelity_x2``."""
    return _regression(
        "restore_x2_psnr", "compact_x2", lambda: FoldedCompact(**FOLDED), FOLDED, replace(CROPS, scale=2)
    )


def restore_x2() -> Recipe:
    """Its second stage."""
    crops = replace(CROPS, scale=2, batch=4)
    return _game("restore_x2", "compact_x2", lambda: FoldedCompact(**FOLDED), FOLDED, crops)


def restore_x2_colour() -> Recipe:
    """``restore_colour`` for twice the size; its network, too, draws squares of four pixels at once."""
    crops, more = replace(COLOURFUL, scale=2), (CHECKERBOARD, COLOUR)
    recipe = _game("restore_x2_colour", "compact_x2", lambda: FoldedCompact(**FOLDED), FOLDED, crops, more=more)
    return replace(recipe, **LAST, after="restore_x2")


def restore_x2_taught() -> Recipe:
    """``restore_taught`` for twice the size; what the teacher draws four times as large is reduced."""
    crops, after = replace(TAUGHT, scale=2, patch=96), "restore_x2_colour"
    return _taught(
        "restore_x2_taught", "colourfast_compact_x2", lambda: ColourfastFoldedCompact(**FOLDED), FOLDED, crops, after
    )


def restore_psnr_small() -> Recipe:
    """``restore_psnr`` for a quarter of the arithmetic, in minutes."""
    crops = replace(CROPS, patch=96, batch=16)
    return replace(
        _regression("restore_psnr_small", "compact", lambda: Compact(**SMALL), SMALL, crops), steps=3000,
        schedule=ConstantThenDecay(warmup=100, decay=1500),
    )  # fmt: skip


def restore_small() -> Recipe:
    """``restore`` for that network."""
    crops = replace(CROPS, patch=96, batch=8)
    return replace(
        _game("restore_small", "compact", lambda: Compact(**SMALL), SMALL, crops, critic=16),
        steps=2000, schedule=ConstantThenDecay(warmup=100, decay=1000), ema=0.99, after="restore_psnr_small",
    )  # fmt: skip


def _regression(name: str, network: str, make: Make, arguments: dict[str, Any], data: PairedCrops) -> Recipe:
    def objective(_: None) -> Regression:
        return Regression(
            start_near_identity(make()), losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        )  # fmt: skip

    return Recipe(
        name=name, source=SOURCE, network=network, arguments=arguments, objective=objective, data=data,
        schedule=ConstantThenDecay(warmup=200, decay=2500), steps=6000,
    )  # fmt: skip


def _game(
    name: str, network: str, make: Make, arguments: dict[str, Any], data: PairedCrops, *, critic: int = 32,
    more: tuple[Term, ...] = (),
) -> Recipe:  # fmt: skip
    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=LAYERS)
        return _against(make(), UNetCritic(features=critic), ("l1", 1.0, l1), ("perceptual", 1.0, content), *more)

    return Recipe(
        name=name, source=SOURCE, network=network, arguments=arguments, objective=objective, data=data,
        features=Features(kind=OXFORD_VGG19, last="conv3_4"), keep_best=False, after=f"{name}_psnr",
        schedule=ConstantThenDecay(warmup=100, decay=1500), steps=3000, valid_every=1000, save_every=500,
    )  # fmt: skip


def _taught(
    name: str, network: str, make: Make, arguments: dict[str, Any], data: PairedCrops, after: str
) -> Recipe:  # fmt: skip
    """The teacher's picture takes the place of a damaged original: what the damage hid cannot be learned, only blurred.
    The game weighs more than before, because a teacher is easier to follow."""

    def objective(features: nn.Module, teacher: nn.Module) -> Adversarial:
        losses = (("l1", 1.0, l1), ("perceptual", 1.0, Perceptual(features=features, layers=LAYERS)))
        lesson = Taught(teacher=teacher, losses=losses, restores=True)
        return _against(make(), UNetCritic(features=32), CHECKERBOARD, lesson=lesson, weight=0.25)

    recipe = _game(name, network, make, arguments, data)
    return replace(
        recipe, objective=objective, teacher_scale=4, after=after, steps=1500, valid_every=500, save_every=250,
        schedule=ConstantThenDecay(warmup=50, decay=750),
    )  # fmt: skip


def _against(
    network: nn.Module, critic: nn.Module, *losses: Term, lesson: Taught | None = None, weight: float = 0.1
) -> Adversarial:
    return Adversarial(
        network, critic, game=NonSaturating(), weight=weight, losses=losses, taught=lesson,
        optimizers=(adam(2e-4, (0.9, 0.99)), adam(2e-4, (0.9, 0.99))),
    )  # fmt: skip
