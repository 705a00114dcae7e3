"""The fast fidelity network: SRVGGNetCompact trained for PSNR on bicubic pairs (ours)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acutance.networks.compact import Compact, FoldedCompact, start_near_identity
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import l1
from acutance.training.muon import Muon
from acutance.training.objective import Regression
from acutance.training.recipe import ConstantThenDecay, Recipe

ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 64, "convolutions": 16}
CROPS = PairedCrops(scale=4, patch=96, batch=16, candidates=3)
FOLDED: dict[str, Any] = {"channels": 64, "convolutions": 16}


def compact() -> Recipe:
    """L1, Muon 0.003, batch 16 of 96-pixel crops, each the most detailed of three drawn."""
    return _recipe("compact", "compact", ARGUMENTS, lambda: Compact(**ARGUMENTS), CROPS)


def compact_x2() -> Recipe:
    """The same for twice the size, with the network that folds pixels first; on half as many crops, but larger ones,
    of which less lies at the border."""
    crops = PairedCrops(scale=2, patch=144, batch=8, candidates=3)
    return _recipe("compact_x2", "compact_x2", FOLDED, lambda: FoldedCompact(**FOLDED), crops)


def _recipe(
    name: str, network: str, arguments: dict[str, Any], make: Callable[[], Compact | FoldedCompact], data: PairedCrops
) -> Recipe:
    def objective(_: None) -> Regression:
        return Regression(
            start_near_identity(make()), losses=(("l1", 1.0, l1),),
            optimizer=lambda parameters: Muon(parameters, lr=0.003, adam_lr=1e-3),
        )  # fmt: skip

    return Recipe(
        name=name, source="network: Wang et al. 2021 (SRVGGNetCompact); schedule and crops: ours", network=network,
        arguments=arguments, objective=objective, data=data,
        schedule=ConstantThenDecay(warmup=500, decay=10_000), steps=60_000,
    )  # fmt: skip
