"""The fast fidelity network: SRVGGNetCompact trained for PSNR on bicubic pairs (ours)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from acutance.networks.compact import Compact, FoldedCompact, start_near_identity
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import l1, mse
from acutance.training.muon import Muon
from acutance.training.objective import Regression, Term
from acutance.training.recipe import ConstantThenDecay, Recipe

Make = Callable[[], Compact | FoldedCompact]
ARGUMENTS: dict[str, Any] = {"scale": 4, "channels": 64, "convolutions": 16}
CROPS = PairedCrops(scale=4, patch=96, batch=16, candidates=3)
FOLDED: dict[str, Any] = {"channels": 64, "convolutions": 16}


def compact() -> Recipe:
    """A plain chain of 3x3 convolutions: L1, Muon 0.003, batch 16 of 96-pixel crops, the most detailed of three."""
    return _recipe("compact", "compact", ARGUMENTS, lambda: Compact(**ARGUMENTS), CROPS)


def compact_x2() -> Recipe:
    """``compact`` for twice the size, with the network that folds pixels first; on half as many crops, but larger ones,
    of which less lies at the border."""
    crops = PairedCrops(scale=2, patch=144, batch=8, candidates=3)
    return _recipe("compact_x2", "compact_x2", FOLDED, lambda: FoldedCompact(**FOLDED), crops)


def compact_int8() -> Recipe:
    """``compact`` made fit for 8 bits, and refined: started from a trained one, on larger crops, half of each batch
    computed as the CPU engine does with ``--precision int8``, a third of the rates falling to 0 all the way."""
    crops = PairedCrops(scale=4, patch=192, batch=8, candidates=3)
    return _for_int8("compact_int8", "compact", ARGUMENTS, lambda: Compact(**ARGUMENTS), crops)


def compact_finish() -> Recipe:
    """``compact_int8`` once more with squared errors, which are what PSNR counts."""
    recipe = compact_int8()

    def objective(_: None) -> Regression:
        return _regression(lambda: Compact(**ARGUMENTS), ("mse", 1.0, mse), rounded=True)

    return replace(recipe, name="compact_finish", objective=objective, after="compact_int8")


def compact_sizes() -> Recipe:
    """``compact_int8`` once more, with squared errors, on photographs at their size and at half of it: small
    pictures, such as the test sets', show more in a pixel than large photographs do."""
    recipe = compact_finish()
    crops = PairedCrops(scale=4, patch=192, batch=8, candidates=3, sizes=(1, 2))
    schedule = ConstantThenDecay(warmup=100, decay=3000)
    return replace(recipe, name="compact_sizes", data=crops, schedule=schedule, steps=3000, after="compact_finish")


def compact_x2_int8() -> Recipe:
    """``compact_int8`` for twice the size."""
    crops = PairedCrops(scale=2, patch=192, batch=8, candidates=3)
    return _for_int8("compact_x2_int8", "compact_x2", FOLDED, lambda: FoldedCompact(**FOLDED), crops)


def _recipe(
    name: str, network: str, arguments: dict[str, Any], make: Make, data: PairedCrops, *, rounded: bool = False
) -> Recipe:
    def objective(_: None) -> Regression:
        return _regression(make, ("l1", 1.0, l1), rounded=rounded)

    return Recipe(
        name=name, source="network: Wang et al. 2021 (SRVGGNetCompact); schedule and crops: ours", network=network,
        arguments=arguments, objective=objective, data=data,
        schedule=ConstantThenDecay(warmup=500, decay=10_000), steps=60_000, compile=not rounded,
    )  # fmt: skip


def _regression(make: Make, loss: Term, *, rounded: bool) -> Regression:
    rates = (0.001, 3e-4) if rounded else (0.003, 1e-3)
    return Regression(
        start_near_identity(make()), losses=(loss,), rounded=rounded,
        optimizer=lambda parameters: Muon(parameters, lr=rates[0], adam_lr=rates[1]),
    )  # fmt: skip


def _for_int8(name: str, network: str, arguments: dict[str, Any], make: Make, data: PairedCrops) -> Recipe:
    recipe = _recipe(name, network, arguments, make, data, rounded=True)
    return replace(recipe, schedule=ConstantThenDecay(warmup=100, decay=2500), steps=2500, after=network)
