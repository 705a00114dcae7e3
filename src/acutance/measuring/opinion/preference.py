"""Scores from choices between two: the model of Bradley and Terry (1952), fitted by Hunter's MM steps (2004)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from acutance.measuring.opinion.intervals import LEVEL

HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """``scores``: log strengths (n,), mean 0: a beats b with probability 1 / (1 + exp(b - a)). ``errors``:
    their standard errors. ``half``: half the width of a 95 % interval. ``steadied``: see ``bradley_terry``."""

    scores: np.ndarray
    errors: np.ndarray
    half: np.ndarray
    steadied: bool


def bradley_terry(wins: np.ndarray, *, tolerance: float = 1e-10, most_steps: int = 100_000) -> Strengths:
    """Fit ``wins`` (n, n): how often row was preferred to column.

    The likelihood has a maximum only if no group of versions always wins against the rest (Ford 1957; Hunter
    2004, assumption 1). Where one does (a version with no win, or with nothing but wins), half a win is added
    each way for every pair, as if each had been judged once more and shared; ``steadied`` says so. Intervals
    come from the inverse of the Fisher information under mean zero, and take all choices as independent.

    >>> fit = bradley_terry(np.array([[0.0, 3.0], [1.0, 0.0]]))
    >>> round(float(fit.scores[0] - fit.scores[1]), 6) == round(float(np.log(3)), 6)
    True
    """
    wins = np.asarray(wins, dtype=np.float64)
    steadied = not _each_can_beat_each(wins)
    if steadied:
        wins = wins + HALF * (1 - np.eye(len(wins)))
    games, won = wins + wins.T, wins.sum(axis=1)
    strength = np.ones(len(wins))
    for _ in range(most_steps):
        new = won / (games / (strength[:, None] + strength[None, :])).sum(axis=1)
        new /= np.exp(np.log(new).mean())
        change = float(np.max(np.abs(np.log(new / strength))))
        strength = new
        if change < tolerance:
            break
    share = strength[:, None] / (strength[:, None] + strength[None, :])
    weight = games * share * (1 - share)
    information = np.diag(weight.sum(axis=1)) - weight
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * errors
    return Strengths(scores=np.log(strength), errors=errors, half=half, steadied=steadied)


def _each_can_beat_each(wins: np.ndarray) -> bool:
    """Whether a chain of wins leads from every version to every other."""
    reach = (wins > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(len(wins)):
        reach = reach | ((reach.astype(np.int64) @ reach.astype(np.int64)) > 0)
    return bool(reach.all())
