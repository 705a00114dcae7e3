"""Ratings as arrays: who answered what, which of it was a repetition, and a CSV of every answer."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acutance.measuring.study import Study
from acutance.measuring.study_order import Item, items, order, sittings
from acutance.measuring.study_store import Rating


@dataclass(frozen=True, kw_only=True)
class Answers:
    """``first`` and ``again``: answers (raters, items), NaN where missing, of an item's first showing and of its
    repetition. ``raters``: their numbers, a row each. ``seconds``: the median time an answer took, a row each."""

    study: Study
    questions: list[Item]
    raters: list[int]
    first: np.ndarray
    again: np.ndarray
    seconds: list[float | None]


def answers(study: Study, ratings: Sequence[Rating]) -> Answers:
    """Lay out ratings by rater and item; raters who answered nothing have no row."""
    questions = items(study)
    raters = sorted({rating.rater for rating in ratings})
    row = {rater: number for number, rater in enumerate(raters)}
    table = np.full((2, len(raters), len(questions)), np.nan)
    times: dict[int, list[float]] = {rater: [] for rater in raters}
    for rating in ratings:
        table[int(rating.again), row[rating.rater], rating.item] = rating.answer
        if rating.seconds is not None:
            times[rating.rater].append(rating.seconds)
    medians = [float(np.median(times[rater])) if times[rater] else None for rater in raters]
    return Answers(
        study=study, questions=questions, raters=raters, first=table[0], again=table[1], seconds=medians
    )  # fmt: skip


def repeats(given: Answers, row: int) -> dict[str, Any]:
    """How a rater answered what came twice: ``count``, share the ``same``, mean absolute ``difference``."""
    both = ~np.isnan(given.first[row]) & ~np.isnan(given.again[row])
    if not both.any():
        return {"count": 0, "same": None, "difference": None}
    apart = np.abs(given.first[row, both] - given.again[row, both])
    return {"count": int(both.sum()), "same": float((apart == 0).mean()), "difference": float(apart.mean())}


def to_csv(study: Study, ratings: Sequence[Rating]) -> str:
    """One line per answer, in the order they came; ``repeat`` 1 marks repetitions, ``left`` what stood there."""
    questions = items(study)
    chosen = ("version", "score") if study.kind == "scores" else ("left", "right", "chosen")
    head = ("rater", "session", "position", "set", "picture", *chosen, "repeat", "seconds", "zoom", "changes", "time")
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(head)
    places: dict[int, dict[tuple[int, bool], tuple[int, int, bool]]] = {}
    for rating in ratings:
        place = places.setdefault(rating.rater, {}) or places[rating.rater]
        if not place:
            place.update(_places(study, rating.rater))
        session, position, swapped = place[rating.item, rating.again]
        item = questions[rating.item]
        picture = study.pictures[item.picture]
        told: tuple[Any, ...] = (item.first, rating.answer)
        if item.second is not None:
            sides = (item.second, item.first) if swapped else (item.first, item.second)
            told = (*sides, item.first if rating.answer == 1 else item.second)
        time = datetime.datetime.fromtimestamp(rating.at, datetime.UTC).isoformat(timespec="seconds")
        lines.writerow(
            [rating.rater, session, position, picture.set, picture.name, *told, int(rating.again),
             "" if rating.seconds is None else round(rating.seconds, 2), rating.zoom or "", rating.changes, time]
        )  # fmt: skip
    return out.getvalue()


def _places(study: Study, rater: int) -> dict[tuple[int, bool], tuple[int, int, bool]]:
    """Of every step its session and position, from 1, and whether its sides were exchanged."""
    found, position = {}, 0
    for session, part in enumerate(sittings(order(study, rater), study.sessions), 1):
        for step in part:
            position += 1
            found[step.item, step.again] = (session, position, step.swapped)
    return found
