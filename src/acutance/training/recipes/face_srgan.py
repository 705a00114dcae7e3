"""The face SRGAN in the Keras manner: 64 to 256, a critic per patch, squared errors (OUCML, srgan_celebA)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from acutance.networks.critics import PatchCritic
from acutance.networks.face import FaceGenerator
from acutance.networks.norms import with_fixed_norms
from acutance.training.data import WholePictures
from acutance.training.features import OXFORD_VGG19_RAW
from acutance.training.losses.adversarial import LeastSquaresOnSigmoid
from acutance.training.losses.perceptual import Perceptual, mse
from acutance.training.losses.pixel import checkerboard, colour
from acutance.training.muon import Muon
from acutance.training.objective import Adversarial, MakeOptimizer, Term
from acutance.training.recipe import ConstantThenDecay, Features, MultiStep, Recipe
from acutance.training.recipes.optimizers import adam

ADVERSARIAL = 1e-3
ADAM = adam(2e-4, (0.5, 0.999))
FAST = partial(Muon, lr=0.003, adam_lr=1e-3)
# Ours: at the picture their gradients are to that of the features as CHECKERBOARD's and COLOUR's of compact_gan are.
EVEN: tuple[Term, ...] = (
    ("checkerboard", 30.0, partial(checkerboard, scale=4)), ("colour", 100.0, partial(colour, side=32)),
)  # fmt: skip
FULL: dict[str, Any] = {"channels": 64, "blocks": 16}
SMALL: dict[str, Any] = {"channels": 16, "blocks": 4}


def face_srgan() -> Recipe:
    """Faces, 64 to 256: MSE of block3_conv3 (after ReLU) + 1e-3 cross-entropy; critic in two halves, batch 1.

    The network [-1, 1] goes into the features as it is, and the generator draws a batch of its own.
    """
    return _recipe("face_srgan", FULL, batch=1, steps=30_000)


def face_srgan_small() -> Recipe:
    """A quarter of the width and of the blocks, half the critic's, moved by Muon, for two cores (ours)."""
    recipe = _recipe("face_srgan_small", SMALL, batch=1, steps=2000, critic_width=0.5, move=FAST)
    return replace(recipe, ema=0.99, schedule=ConstantThenDecay(warmup=100, decay=1000))


def face_srgan_finish() -> Recipe:
    """``face_srgan_small`` once more as it will be used, its batch norms fixed, with losses for mean colours and for
    what repeats with every input pixel (ours)."""
    recipe = _recipe(
        "face_srgan_finish", SMALL, batch=1, steps=1500, critic_width=0.5, move=adam(1e-4, (0.9, 0.99)), even=True
    )
    schedule = ConstantThenDecay(warmup=50, decay=1000)
    return replace(recipe, ema=0.99, schedule=schedule, valid_every=500, save_every=250, after="face_srgan_small")


def _recipe(
    name: str, arguments: dict[str, Any], *, batch: int, steps: int, critic_width: float = 1.0,
    move: MakeOptimizer = ADAM, even: bool = False,
) -> Recipe:  # fmt: skip
    def objective(features: nn.Module) -> Adversarial:
        content = Perceptual(features=features, layers=(("relu3_3", 1.0),), distance=mse)
        generator = FaceGenerator(**arguments)
        return Adversarial(
            with_fixed_norms(generator) if even else generator, PatchCritic(width=critic_width),
            game=LeastSquaresOnSigmoid(), weight=ADVERSARIAL, losses=(("vgg33", 1.0, content), *(EVEN if even else ())),
            optimizers=(move, ADAM), critic_first=True, separate=True, fresh=True,
        )  # fmt: skip

    return Recipe(
        name=name, source="OUCMachineLearning/OUCML, GAN/srgan_celebA", network="face", arguments=arguments,
        objective=objective, features=Features(kind=OXFORD_VGG19_RAW, last="conv3_3"), ema=0.0, keep_best=False,
        data=WholePictures(size=256, scale=4, batch=batch), schedule=MultiStep(), steps=steps,
    )  # fmt: skip
