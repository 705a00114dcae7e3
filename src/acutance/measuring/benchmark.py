"""Measure methods on test sets by the field's protocol, one picture in memory at a time.

Every metric says itself what it looks at: luma inside a border of ``scale`` pixels, or the whole picture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.images import sha256
from acutance.files.pixels import write_png
from acutance.imaging.bicubic import upscale
from acutance.measuring import scores
from acutance.measuring.methods import Method
from acutance.measuring.metrics import score
from acutance.measuring.pairs import Pair, find_pairs, load_pair, set_name
from acutance.measuring.scores import Score

Event = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one method made of one picture; ``notes`` say what was cut, and which metric was not defined."""

    image: str
    scores: dict[str, Score]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """A method on a test set. ``lr``: "given" or made by "bicubic"."""

    method: str
    bench: Path
    lr: str
    rows: tuple[Measured, ...]

    @property
    def set(self) -> str:
        """The name of the test set."""
        return set_name(self.bench)

    def mean(self, metric: str) -> Score:
        """The mean over the pictures for which the metric is defined; None if it is for none."""
        defined = [value for row in self.rows if (value := row.scores[metric]) is not None]
        return fmean(defined) if defined else None

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded to six decimals; infinite becomes "inf"."""
        metrics = list(self.rows[0].scores)
        undefined = {name: count for name in metrics if (count := sum(r.scores[name] is None for r in self.rows))}
        return {
            "method": self.method, "set": self.set, "images": len(self.rows), "lr": self.lr,
            "mean": {name: json_safe(self.mean(name)) for name in metrics}, "undefined": undefined,
            "per_image": [
                {"image": row.image, **{k: json_safe(v) for k, v in row.scores.items()},
                 **({"notes": list(row.notes)} if row.notes else {})}
                for row in self.rows
            ],
        }  # fmt: skip


@dataclass
class Spent:
    """Seconds inside the methods and inside the metrics, and how much was known already."""

    methods_s: float = 0.0
    metrics_s: float = 0.0
    measured: int = 0
    recalled: int = 0


@dataclass(frozen=True)
class Work:
    """One picture of a test set; read and hashed when somebody asks."""

    bench: Path
    original: Path
    partner: Path | None
    scale: int
    files: str = field(init=False)

    def __post_init__(self) -> None:
        """Hash the files, whatever their names."""
        partner = sha256(self.partner) if self.partner else "bicubic"
        object.__setattr__(self, "files", f"{sha256(self.original)} {partner} {self.scale}")

    @cached_property
    def pair(self) -> Pair:
        """The pictures."""
        return load_pair(self.original, self.partner, self.scale)


def evaluate(
    methods: Sequence[Method],
    benches: Sequence[Path],
    scale: int,
    metrics: Sequence[str],
    *,
    pictures: Path | None = None,
    on_event: Event = lambda event: None,
    spent: Spent | None = None,
) -> list[SetScores]:
    """Scores of every method on every set, in that order: sets, then methods.

    ``pictures``: a folder for every result beside its input, its original and bicubic, as PNG; with several
    methods it gets a folder for each. ``spent`` is added to. Raises ``BadInput`` for what does not fit.
    """
    spent = spent or Spent()
    names = [set_name(bench) for bench in benches]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two test sets are called {twice}; rename a folder, so that they can be told apart")
    found = {bench: find_pairs(bench, scale) for bench in benches}
    total = sum(map(len, found.values())) * len(methods)
    done, results = 0, []
    for bench, paths in found.items():
        rows: dict[str, list[Measured]] = {method.name: [] for method in methods}
        for original, partner in paths:
            work = Work(bench, original, partner, scale)
            for method in methods:
                beside = pictures / method.name.replace("/", "-") if pictures and len(methods) > 1 else pictures
                row = _measure(work, method, metrics, beside, spent)
                rows[method.name].append(row)
                done += 1
                on_event({"event": "image", "method": method.name, "set": set_name(bench), "done": done, "total": total,
                          "image": row.image, **{k: json_safe(v) for k, v in row.scores.items()},
                          "notes": list(row.notes)})  # fmt: skip
        lr = "given" if paths[0][1] else "bicubic"
        for name, measured in rows.items():
            results.append(SetScores(method=name, bench=bench, lr=lr, rows=tuple(measured)))
            on_event({"event": "set", **results[-1].to_json()})
    return results


def _measure(work: Work, method: Method, metrics: Sequence[str], pictures: Path | None, spent: Spent) -> Measured:
    """Scores of one method on one picture, from memory as far as they are known."""
    name = work.original.stem
    kept_as = scores.key(work.files, method.identity(set_name(work.bench), name))
    known = scores.recall(kept_as)
    notes: list[str] = []
    if pictures is not None or not set(metrics) <= set(known):
        begin = time.perf_counter()
        result, pair = method.run(set_name(work.bench), work.pair)
        spent.methods_s += time.perf_counter() - begin
        notes += pair.notes
        if pictures is not None:
            save_pictures(pictures / set_name(work.bench), pair, result)
        begin = time.perf_counter()
        fresh = {m: _score(m, result, pair, work.scale) for m in metrics if m not in known}
        spent.metrics_s += time.perf_counter() - begin
        spent.measured += 1
        notes += [f"{m} is not defined for it ({why})" for m, (value, why) in fresh.items() if value is None]
        known |= {m: value for m, (value, _) in fresh.items()}
        if not notes:  # what has to be said must be said the next time too
            scores.keep(kept_as, known)
    else:
        spent.recalled += 1
    return Measured(image=name, scores={m: known[m] for m in metrics}, notes=tuple(notes))


def _score(metric: str, result: np.ndarray, pair: Pair, scale: int) -> tuple[Score, str]:
    """The figure, or None and the reason why this picture has none."""
    try:
        value = score(metric, result, original=pair.hr, lr=pair.lr, scale=scale)
    except BadInput as error:
        return None, str(error)
    return (value, "") if not math.isnan(value) else (None, "not a number")


def save_pictures(folder: Path, pair: Pair, result: np.ndarray) -> None:
    """``NAME-generated.png``, ``-lr``, ``-hr`` and ``-bicubic`` (tensorlayer's evaluate mode)."""
    folder.mkdir(parents=True, exist_ok=True)
    scale = pair.hr.shape[0] // pair.lr.shape[0]
    kinds = {"generated": result, "lr": pair.lr, "hr": pair.hr, "bicubic": upscale(pair.lr, scale)}
    for kind, picture in kinds.items():
        write_png(folder / f"{pair.name}-{kind}.png", picture)


def common_scale(scales: Sequence[int], given: int | None) -> int:
    """The one scale of all methods, or the one ``given``. Raises ``UsageError`` when they differ.

    >>> common_scale([4, 4], None), common_scale([], None), common_scale([], 2)
    (4, 4, 2)
    """
    wanted = set(scales) | ({given} if given else set())
    if len(wanted) > 1:
        listed = " and ".join(str(each) for each in sorted(wanted))
        raise UsageError(f"scales {listed} cannot share a table; run the command once for each")
    return wanted.pop() if wanted else 4


def json_safe(value: Score) -> float | str | None:
    """A rounded number, or "inf" where JSON has none.

    >>> json_safe(math.inf), json_safe(28.42123456), json_safe(None)
    ('inf', 28.421235, None)
    """
    return scores.to_json(value if value is None or math.isinf(value) else round(value, 6))
