"""A last stage for networks that played a game: mean colours come out as they went in (ours).

A critic does not mind a picture that is a level too red. Only the last layer learns, from squares whose mean colours
are compared, so that what the network draws stays what it was.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.mixed import Mixed
from acutance.networks import NETWORKS
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import colour
from acutance.training.objective import Regression
from acutance.training.recipe import ConstantThenDecay, Recipe
from acutance.training.recipes.compact_gan import compact_gan_finish
from acutance.training.recipes.optimizers import adam
from acutance.training.recipes.restore import NOISIER, restore_noise, restore_x2
from acutance.training.recipes.srgan import srgan_short
from acutance.training.recipes.unet_srgan import unet_srgan_short

SIDE = 64  # of the squares, in pixels of the result
PLAIN = PairedCrops(scale=4, patch=256, batch=8, candidates=1)
# Clean pictures most of all: there the input's mean colours are the original's.
DAMAGED = replace(PLAIN, degrade=Mixed(choices=((0.7, Bicubic()), (0.3, NOISIER))))


def compact_gan_colour() -> Recipe:
    """For the network of ``texture``."""
    return _held(compact_gan_finish(), PLAIN)


def srgan_colour() -> Recipe:
    """For ``srgan``."""
    return _held(srgan_short(), replace(PLAIN, batch=4))


def unet_srgan_colour() -> Recipe:
    """For ``unet_srgan``."""
    return _held(unet_srgan_short(), PLAIN)


def restore_colour() -> Recipe:
    """For ``restore``."""
    return _held(restore_noise(), DAMAGED)


def restore_x2_colour() -> Recipe:
    """For ``restore_x2``."""
    return _held(restore_x2(), replace(DAMAGED, scale=2))


def _held(recipe: Recipe, crops: PairedCrops) -> Recipe:
    def objective(_: None) -> Regression:
        network = NETWORKS[recipe.network](**recipe.arguments).requires_grad_(False).eval()  # statistics as in use
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        layers[-1].requires_grad_(True)
        return Regression(
            network, losses=(("colour", 1.0, partial(colour, side=SIDE)),), optimizer=adam(1e-4, (0.9, 0.99))
        )  # fmt: skip

    return replace(
        recipe, name=f"{recipe.name.removesuffix('_finish').removesuffix('_noise').removesuffix('_short')}_colour",
        source="ours", objective=objective, features=None, data=crops, ema=0.98, after=recipe.name,
        schedule=ConstantThenDecay(warmup=20, decay=200), steps=400, valid_every=400, save_every=100,
    )  # fmt: skip
