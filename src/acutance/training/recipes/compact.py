"""The fast fidelity network: SRVGGNetCompact trained for PSNR on bicubic pairs (ours)."""

from __future__ import annotations

from acutance.networks.compact import Compact, start_near_identity
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon
from acutance.training.objective import Regression
from acutance.training.recipe import ConstantThenDecay, Recipe

ARGUMENTS = {"scale": 4, "channels": 64, "convolutions": 16}


def compact() -> Recipe:
    """L1, Muon 0.003, batch 16 of 96-pixel crops, each the most detailed of three drawn."""

    def objective(_: None) -> Regression:
        return Regression(
            start_near_identity(Compact(**ARGUMENTS)),
            losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        )

    return Recipe(
        name="compact",
        source="network: Wang et al. 2021 (SRVGGNetCompact); schedule and crops: ours",
        network="compact",
        arguments=ARGUMENTS,
        objective=objective,
        data=PairedCrops(scale=4, patch=96, batch=16, candidates=3),
        schedule=ConstantThenDecay(warmup=500, decay=10_000),
        steps=60_000,
    )
