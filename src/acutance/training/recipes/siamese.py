"""Style by a siamese critic that judges assembled tiles (Pasini 2019), and what we make of it."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from acutance.networks.siamese import SiameseCritic
from acutance.networks.stylizer import Painter, TileUNet
from acutance.training.features import OXFORD_VGG19
from acutance.training.losses.style import Content, Style
from acutance.training.muon import Muon
from acutance.training.recipe import ConstantThenDecay, Features, MultiStep, Recipe
from acutance.training.recipes.optimizers import adam
from acutance.training.siamese import Siamese
from acutance.training.unpaired import UnpairedCrops

# The article names tile 64 and the losses; widths, margin, vector and optimiser follow its sister codes.
TILE, MARGIN, VECTOR = 64, 2.0, 128
RATE = (2e-4, (0.5, 0.999))


def siamese() -> Recipe:
    """Style as in the article: tiles of 64, all weights 1, blank crops drawn anew, the critic alone says what it is."""
    arguments = {"tile": TILE}

    def objective(_: None) -> Siamese:
        return Siamese(
            TileUNet(**arguments), SiameseCritic(size=2 * TILE, vector=VECTOR), margin=MARGIN,
            optimizers=(adam(*RATE), adam(*RATE)),
        )  # fmt: skip

    return Recipe(
        name="siamese", source="Pasini 2019; widths and rates after MelGAN-VC and TraVeLGAN", network="tile_unet",
        arguments=arguments, objective=objective, data=UnpairedCrops(side=2 * TILE, batch=16, shrinks=(1, 2)),
        schedule=MultiStep(), steps=100_000, keep_best=False, valid_every=1000, save_every=500,
    )  # fmt: skip


def siamese_small(tiles: bool = True, joints: float = 0.25) -> Recipe:
    """``siamese`` with a quarter of the widths and tiles of 32: the effect of the combo on two cores.

    ``joints``: weight of the jumps where tiles meet, which so small a critic hardly sees; 0 in the article. Not
    ``tiles``: the critic sees single tiles instead, as large as the generator's, for comparison.
    """
    tile = 32
    arguments = {"tile": tile, "width": 16}
    side = 2 * tile if tiles else tile

    def objective(_: None) -> Siamese:
        return Siamese(
            TileUNet(**arguments), SiameseCritic(size=side, width=16, vector=VECTOR), margin=MARGIN, tiles=tiles,
            joints=joints if tiles else 0.0, optimizers=(adam(*RATE), adam(*RATE)),
        )  # fmt: skip

    return replace(
        siamese(), name="siamese_small", arguments=arguments, objective=objective,
        data=UnpairedCrops(side=side, batch=8, shrinks=(1, 2)), steps=4000,
    )  # fmt: skip


# Layers by scale of the picture: a brush's hairs at the full size, strokes at half of it, their sweep at a quarter
# (ours).
SCALES = (
    (1, (("relu1_1", 1.0), ("relu2_1", 1.0), ("relu3_4", 2.0))),
    (2, (("relu1_1", 1.0), ("relu2_1", 2.0), ("relu3_1", 2.0), ("relu3_4", 1.0))),
    (4, (("relu2_1", 1.0), ("relu3_1", 1.0))),
)
PAINTER = {"channels": 48, "blocks": 4, "halo": 64, "ground": 16}


def siamese_plus() -> Recipe:
    """``siamese`` with tiles that see 32 pixels around, a spectrally normalised critic, paint statistics (ours).

    What carries the style in few steps is ``Style``: painted crops approach the features of painting crops
    that are alike in colour, at two scales. The siamese critic judges the assembly, as in the article.
    """
    tile = TILE

    def objective(features: nn.Module) -> Siamese:
        return Siamese(
            Painter(**PAINTER), SiameseCritic(size=2 * tile, width=32, vector=VECTOR, spectral=True), margin=MARGIN,
            weights=(0.1, 1.0), context=32,
            style=(("style", 1.0, Style(features=features, scales=SCALES, palette=0.5, means=0.5)),),
            content=(("content", 0.5, Content(features=features, layer="conv3_1", view=2.0)),),
            optimizers=(lambda parameters: Muon(parameters, lr=5e-3, adam_lr=1e-3), adam(*RATE)),
        )  # fmt: skip

    return Recipe(
        name="siamese_plus", source="Pasini 2019; style terms after Heitz 2021; network, weights and rates ours",
        network="painter", arguments=PAINTER, objective=objective,
        features=Features(kind=OXFORD_VGG19, last="conv3_4"),
        data=UnpairedCrops(side=2 * tile, batch=2, shrinks=(1, 2), blank=0.015, alike=4, ground=PAINTER["ground"]),
        schedule=ConstantThenDecay(warmup=50, decay=300), steps=600, keep_best=False, valid_every=500,
        save_every=250,
    )  # fmt: skip
