"""The paired two-sided Wilcoxon signed-rank test (Wilcoxon 1945), and Holm's correction for many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXACT = 50  # pairs up to which every sign pattern is counted


@dataclass(frozen=True, kw_only=True)
class SignedRank:
    """``used``: pairs that differ; ``statistic``: the smaller rank sum; ``p``: two-sided; ``exact`` or
    by the normal distribution."""

    used: int
    statistic: float
    p: float
    exact: bool


def signed_rank(differences: Sequence[float] | np.ndarray) -> SignedRank:
    """Test whether paired ``differences`` (n,) lie evenly around zero.

    Zeros are left out, as Wilcoxon did; ties share their mean rank. Up to 50 pairs the p-value is exact,
    also with ties: all sign patterns of the ranks at hand are counted. Above, the normal distribution with
    correction for ties and continuity (Hollander & Wolfe 1999, sec. 3.1). Without a difference p = 1.

    >>> signed_rank([1.0, 2.0, 3.0, 4.0, 5.0])
    SignedRank(used=5, statistic=0.0, p=0.0625, exact=True)
    """
    data = np.asarray(differences, dtype=np.float64)
    data = data[data != 0]
    if data.size == 0:
        return SignedRank(used=0, statistic=0.0, p=1.0, exact=True)
    ranks = mean_ranks(np.abs(data))
    plus = float(ranks[data > 0].sum())
    smaller = min(plus, float(ranks.sum()) - plus)
    if data.size <= EXACT:
        return SignedRank(used=data.size, statistic=smaller, p=_exact(ranks, smaller), exact=True)
    return SignedRank(used=data.size, statistic=smaller, p=_normal(ranks, smaller), exact=False)


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share their mean.

    >>> mean_ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _exact(ranks: np.ndarray, smaller: float) -> float:
    """The share of the 2**n sign patterns with a rank sum this far out, counted by doubled ranks."""
    doubled = np.rint(2 * ranks).astype(np.int64)
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(share)
        moved[rank:] = share[: share.size - rank]
        share = (share + moved) / 2
    return min(1.0, 2 * float(share[: round(2 * smaller) + 1].sum()))


def _normal(ranks: np.ndarray, smaller: float) -> float:
    expected = float(ranks.sum()) / 2
    spread = math.sqrt(float((ranks**2).sum()) / 4)  # which is the formula with the ties taken off
    z = max(expected - smaller - 0.5, 0.0) / spread
    return math.erfc(z / math.sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being many (Holm 1979): compare them with one level.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = highest
    return corrected
