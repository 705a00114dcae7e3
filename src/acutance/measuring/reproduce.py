"""Measure published facts again: is what we print what the papers print?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.pixels import is_grey
from acutance.measuring.methods import INTERPOLATIONS, Method, interpolation
from acutance.measuring.metrics import score
from acutance.measuring.metrics.psnr import psnr
from acutance.measuring.metrics.ssim import ssim
from acutance.measuring.metrics.ssim_daala import ssim_daala
from acutance.measuring.pairs import Pair, find_pairs, load_pair
from acutance.measuring.published import FACTS, RECEIPT, Fact
from acutance.models.model import Model

SCALE = 4  # of what the papers print
# The names of Set14's pictures, which SelfExSR numbers in this order.
SET14 = ("baboon", "barbara", "bridge", "coastguard", "comic", "face", "flowers", "foreman", "lenna", "man", "monarch",
         "pepper", "ppt3", "zebra")  # fmt: skip
OF_LUMA: dict[str, Callable[..., float]] = {"psnr_y": psnr, "ssim_y": ssim, "ssim_daala": ssim_daala}
IN_RECEIPTS = {"PSNR-Y": ("psnr_y", 0.01), "LPIPS": ("lpips", 0.001)}


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A fact measured again; ``measured`` is None where ``why`` says it could not be."""

    fact: Fact
    measured: float | None
    why: str = ""

    @property
    def holds(self) -> bool | None:
        """Within tolerance, or None if it could not be measured."""
        if self.measured is None:
            return None
        return abs(self.measured - self.fact.published) <= self.fact.tolerance + 1e-9

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        fact = self.fact
        return {
            "method": fact.method, "set": fact.set, "image": fact.image, "metric": fact.metric,
            "published": fact.published, "tolerance": fact.tolerance, "source": fact.source,
            "measured": None if self.measured is None else round(self.measured, 6), "holds": self.holds,
            "why": self.why,
        }  # fmt: skip


def own_facts(models: Mapping[str, Model]) -> list[Fact]:
    """What the receipts of built-in models claim of test sets."""
    facts = []
    for name, model in models.items():
        for label, value in model.receipt.get("measured", {}).items():
            bench, _, what = label.partition(" ")
            if what in IN_RECEIPTS:
                metric, tolerance = IN_RECEIPTS[what]
                facts.append(Fact(method=name, set=bench, metric=metric, published=value, tolerance=tolerance,
                                  source=RECEIPT))  # fmt: skip
    return facts


def reproduce(
    benches: Path,
    networks: Mapping[str, Method],
    facts: Sequence[Fact] = FACTS,
    *,
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
) -> Iterator[Checked]:
    """Each fact of ``facts``, measured on ``benches/SET``. ``networks``: methods by the names facts use.

    Results of a method on a set serve all facts about it. Yields facts in the order of sets and methods.
    """
    groups: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        groups.setdefault((fact.set, fact.method), []).append(fact)
    for number, ((bench, name), group) in enumerate(sorted(groups.items())):
        on_event({"event": "progress", "done": number, "total": len(groups), "set": bench, "method": name})
        if not (benches / bench).is_dir():
            yield from (Checked(fact=fact, measured=None, why=f"no folder {bench}") for fact in group)
        elif name in INTERPOLATIONS:
            yield from _measured(benches / bench, interpolation(name, SCALE), group)
        elif name in networks:
            yield from _measured(benches / bench, networks[name], group)
        else:
            yield from (Checked(fact=fact, measured=None, why=f"no weights of {name}") for fact in group)


def _measured(bench: Path, method: Method, facts: Sequence[Fact]) -> Iterator[Checked]:
    """Run the method over the set once, at its own scale, and gather each fact's figures."""
    scale = int(method.facts["scale"])
    wanted: dict[Fact, list[float]] = {fact: [] for fact in facts}
    missing: dict[Fact, str] = {}
    paths = find_pairs(bench, scale)
    for original, partner in paths:
        names = {original.stem} | (
            {SET14[paths.index((original, partner))]} if (bench.name, len(paths)) == ("Set14", 14) else set()
        )
        mine = [fact for fact in facts if fact not in missing and (not fact.image or fact.image in names)]
        if not mine:
            continue
        pair, grey = load_pair(original, partner, scale), is_grey(original)
        result, pair = method.run(bench.name, pair)
        for fact in mine:
            try:
                wanted[fact].append(_figure(fact, result, pair, grey, scale))
            except UsageError as error:  # weights of a learned metric
                missing[fact] = str(error)
    for fact, figures in wanted.items():
        why = missing.get(fact) or ("" if figures else f"no picture {fact.image} in {bench.name}")
        yield Checked(fact=fact, measured=None if why else float(np.mean(figures)), why=why)


def _figure(fact: Fact, result: np.ndarray, pair: Pair, grey: bool, scale: int) -> float:
    """One figure; a grey original counts as luma itself where the fact says so."""
    if grey and fact.grey == "value" and fact.metric in OF_LUMA:
        return OF_LUMA[fact.metric](result[..., 0], pair.hr[..., 0], border=scale)
    return score(fact.metric, result, original=pair.hr, lr=pair.lr, scale=scale)


def verdict(checked: Sequence[Checked]) -> int:
    """The exit code: 0 if all that was measured holds, 1 if something does not. Raises ``BadInput`` if nothing was."""
    known = [each.holds for each in checked if each.holds is not None]
    if not known:
        raise BadInput("none of the published facts could be measured here; give a folder that holds Set5/, Set14/ ...")
    return 0 if all(known) else 1
