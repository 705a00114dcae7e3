"""A recipe small enough to train within a test."""

from __future__ import annotations

from acutance.networks.compact import Compact, start_near_identity
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon
from acutance.training.objective import Regression
from acutance.training.recipe import ConstantThenDecay, Recipe

ARGUMENTS = {"scale": 4, "channels": 8, "convolutions": 2}


def tiny() -> Recipe:
    """Eight channels, two inner convolutions, a checkpoint every other step."""
    return Recipe(
        name="tiny",
        source="for tests",
        network="compact",
        arguments=ARGUMENTS,
        objective=lambda _: Regression(
            start_near_identity(Compact(**ARGUMENTS)),
            losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        ),
        data=PairedCrops(patch=64, batch=4, candidates=2),
        schedule=ConstantThenDecay(warmup=2, decay=4),
        steps=10,
        ema=0.9,
        valid_every=20,
        save_every=2,
    )
