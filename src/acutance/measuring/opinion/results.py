"""What a study found, as one JSON-safe dictionary: the report, the terminal and ``--json`` all read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from acutance.errors import UsageError
from acutance.measuring.opinion import agreement
from acutance.measuring.opinion.intervals import mean_interval
from acutance.measuring.opinion.preference import bradley_terry
from acutance.measuring.opinion.table import Answers, answers, repeats
from acutance.measuring.opinion.wilcoxon import holm, signed_rank
from acutance.measuring.study import SCORES, Study
from acutance.measuring.study_order import order
from acutance.measuring.study_store import Rating

SIGNIFICANT = 0.05


def results(study: Study, ratings: Sequence[Rating]) -> dict[str, Any]:
    """Everything of a study. Repetitions measure consistency only; scores and tests use first showings.

    Raises ``UsageError`` when nothing was answered yet.
    """
    if not ratings:
        raise UsageError(f"{study.folder}: has no ratings yet; let people answer with: acutance study serve")
    given = answers(study, ratings)
    planned = len(order(study, 1))
    raters = _raters(given, planned)
    found: dict[str, Any] = {
        "title": study.title, "kind": study.kind, "created": study.created, "identity": study.identity,
        "pictures": len(study.pictures), "sets": list(study.sets), "versions": list(study.versions),
        "ratings": len(ratings), "per_rater": planned, "repeated": study.repeats, "seed": study.seed,
        "sessions": study.sessions, "raters": raters, "groups": [],
        "alpha": agreement.alpha(_evened(given), "ordinal" if study.kind == "scores" else "nominal"),
    }  # fmt: skip
    kept = np.array([n for n, rater in enumerate(raters) if not rater["flags"]], dtype=int)
    one = _scored if study.kind == "scores" else _chosen
    for name in _groups(study):
        group = one(given, name, np.arange(len(given.raters)))
        without = one(given, name, kept) if 0 < kept.size < len(raters) else None
        for number, row in enumerate(group["versions"]):
            row["without_flagged"] = without["versions"][number]["value"] if without else None
        found["groups"].append({"name": name or "all pictures", **group})
    if study.kind == "pairs":
        found["left"] = _left_share(study, ratings)
    return _safe(found)


def _evened(given: Answers) -> np.ndarray:
    """Answers (raters, units) to compare raters by. Which version of a pair is its first means nothing, so every
    choice counts both ways round; otherwise agreement by chance would depend on how the versions are listed."""
    if given.study.kind == "scores":
        return given.first
    return np.hstack([given.first, 3 - given.first])


def _groups(study: Study) -> list[str | None]:
    """The test sets, and None for all pictures where every version has all of them."""
    sets: list[str | None] = [
        name for name in study.sets
        if study.kind == "scores" or any(p.set == name and len(p.files) > 1 for p in study.pictures)
    ]  # fmt: skip
    if len(sets) == 1:
        return sets
    whole = all(len(picture.files) == len(study.versions) for picture in study.pictures)
    return [*sets, None] if whole else sets


def _of(given: Answers, group: str | None) -> list[int]:
    """Numbers of the questions of a test set (None: of all)."""
    pictures = given.study.pictures
    return [n for n, item in enumerate(given.questions) if group in (None, pictures[item.picture].set)]


def _scored(given: Answers, group: str | None, rows: np.ndarray) -> dict[str, Any]:
    """Mean opinion scores of one test set with intervals, histograms, and the test of every two versions."""
    columns: dict[str, list[int]] = {}
    for number in _of(given, group):
        columns.setdefault(given.questions[number].first, []).append(number)
    tables = {name: given.first[rows][:, numbers] for name, numbers in columns.items()}  # (raters, pictures)
    versions = [_mos(name, tables[name]) for name in given.study.versions if name in tables]
    tests = []
    for a, b in combinations([row["name"] for row in versions], 2):
        apart = tables[a] - tables[b]
        apart = apart[~np.isnan(apart)]
        test = signed_rank(apart)
        tests.append({"a": a, "b": b, "pairs": apart.size, "used": test.used, "statistic": test.statistic,
                      "difference": float(apart.mean()) if apart.size else None, "p": test.p,
                      "exact": test.exact})  # fmt: skip
    for test, corrected in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = corrected
    return {"versions": versions, "tests": tests}


def _mos(name: str, table: np.ndarray) -> dict[str, Any]:
    """The mean of all scores; its interval by Student's t over the raters' own means.

    One rater's scores depend on each other, so raters are what is drawn at random, not single scores;
    with a single rater there is no interval.
    """
    scores = table[~np.isnan(table)]
    means = [float(row[~np.isnan(row)].mean()) for row in table if (~np.isnan(row)).any()]
    value = float(scores.mean()) if scores.size else math.nan
    half = mean_interval(means)[1]
    return {"name": name, "value": value, "low": value - half, "high": value + half, "count": scores.size,
            "raters": len(means), "histogram": [int((scores == score).sum()) for score in SCORES]}  # fmt: skip


def _chosen(given: Answers, group: str | None, rows: np.ndarray) -> dict[str, Any]:
    """Bradley-Terry scores of one test set with intervals, and how often each version won against each."""
    asked = {name for n in _of(given, group) for name in (given.questions[n].first, given.questions[n].second)}
    names = [name for name in given.study.versions if name in asked]
    wins = np.zeros((len(names), len(names)))
    for number in _of(given, group):
        item = given.questions[number]
        assert item.second is not None
        a, b = names.index(item.first), names.index(item.second)
        column = given.first[rows, number]
        wins[a, b] += (column == 1).sum()
        wins[b, a] += (column == 2).sum()
    fit = bradley_terry(wins)
    versions = [
        {"name": name, "value": float(fit.scores[n]), "low": float(fit.scores[n] - fit.half[n]),
         "high": float(fit.scores[n] + fit.half[n]), "wins": int(wins[n].sum()),
         "count": int(wins[n].sum() + wins[:, n].sum())}
        for n, name in enumerate(names)
    ]  # fmt: skip
    return {"versions": versions, "wins": wins.astype(int).tolist(), "steadied": fit.steadied, "tests": []}


def _left_share(study: Study, ratings: Sequence[Rating]) -> float:
    """How often the left picture was chosen; far from one half, the side decided and not the picture."""
    sides = {rater: {(s.item, s.again): s.swapped for s in order(study, rater)} for rater in {r.rater for r in ratings}}
    return float(np.mean([(r.answer == 1) != sides[r.rater][r.item, r.again] for r in ratings]))


def _raters(given: Answers, planned: int) -> list[dict[str, Any]]:
    """One row per rater: how much, how alike the others, how constant, and what speaks against using it."""
    scores = given.study.kind == "scores"
    screened = agreement.screen(given.first)
    others = agreement.with_the_others(_evened(given))
    rows = []
    for number, rater in enumerate(given.raters):
        mine = given.first[number][~np.isnan(given.first[number])]
        both = np.concatenate([mine, given.again[number][~np.isnan(given.again[number])]])
        flags = ["erratic (BT.500)"] if scores and screened[number].erratic else []
        if scores and mine.size >= 10 and np.ptp(mine) == 0:
            flags.append("always the same score")
        rows.append({
            "rater": rater, "ratings": both.size, "finished": both.size == planned,
            "mean": float(mine.mean()) if mine.size else None, "with_others": others[number],
            "repeats": repeats(given, number), "seconds": given.seconds[number], "flags": flags,
            "far": screened[number].far if scores else None,
            "balance": screened[number].balance if scores else None,
        })  # fmt: skip
    return rows


def _safe(value: Any) -> Any:
    """NaN and infinity become None, which JSON has."""
    if isinstance(value, dict):
        return {key: _safe(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_safe(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
