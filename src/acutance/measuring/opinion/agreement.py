"""Do raters agree, with each other and with themselves: Krippendorff's alpha, repeats, ITU screening."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

ERRATIC = 0.05  # BT.500: of a rater's scores more than this lie far off ...
BALANCED = 0.3  # ... and about as many above as below


def alpha(data: np.ndarray, level: Literal["nominal", "ordinal", "interval"] = "ordinal") -> float:
    """Krippendorff's alpha of ``data`` (raters, units), NaN where a rater gave nothing.

    1: full agreement; 0: what chance gives; NaN where nothing can be compared or all answers are one.
    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), with missing data (his section D).

    >>> round(alpha(np.array([[1, 2, 3, 3], [1, 2, 3, 4]], float), "nominal"), 3)
    0.696
    """
    units = data[:, np.sum(~np.isnan(data), axis=0) >= 2]
    values = np.unique(units[~np.isnan(units)])
    if values.size < 2:
        return math.nan
    counts = np.stack([np.sum(units == value, axis=0) for value in values]).astype(np.float64)  # (values, units)
    given = counts.sum(axis=0)
    pairs = (counts / (given - 1)) @ counts.T - np.diag((counts / (given - 1)).sum(axis=1))
    totals = pairs.sum(axis=1)
    distance = _distances(values, totals, level)
    expected = totals @ distance @ totals / (totals.sum() - 1)
    return float(1 - (pairs * distance).sum() / expected)


def _distances(values: np.ndarray, totals: np.ndarray, level: str) -> np.ndarray:
    """Squared differences between two answers, by the level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(values.size)
    if level == "interval":
        return (values[:, None] - values[None, :]) ** 2
    upto = np.cumsum(totals) - totals / 2  # between two ordinal values lie the answers counted from middle to middle
    return (upto[:, None] - upto[None, :]) ** 2


@dataclass(frozen=True, kw_only=True)
class Screened:
    """``far``: the share of a rater's scores far from the others'; ``balance``: |above - below| / both, 0 where
    there are as many above as below; ``erratic``: what BT.500 would leave out."""

    far: float
    balance: float
    erratic: bool


def screen(data: np.ndarray) -> list[Screened]:
    """Screen raters as Recommendation ITU-R BT.500-13, annex 2, section 2.3.1 does.

    ``data``: scores (raters, units), NaN where missing. A score is far off beyond 2 standard deviations of
    its unit, where the unit's kurtosis lies in 2 to 4, else beyond the square root of 20. A rater is erratic
    with more than 5 % of such scores, about as many above as below.
    """
    centred = data - _column_mean(data)
    second, fourth = _column_mean(centred**2), _column_mean(centred**4)
    given = np.sum(~np.isnan(data), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kurtosis = fourth / second**2
        spread = np.sqrt(second * given / (given - 1))
    bound = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, math.sqrt(20)) * spread
    with np.errstate(invalid="ignore"):
        above = np.sum((centred >= bound) & (spread > 0), axis=1)
        below = np.sum((centred <= -bound) & (spread > 0), axis=1)
    rows = []
    for high, low, count in zip(above, below, np.sum(~np.isnan(data), axis=1), strict=True):
        far = float(high + low) / max(int(count), 1)
        balance = abs(float(high) - float(low)) / max(int(high + low), 1)
        rows.append(Screened(far=far, balance=balance, erratic=far > ERRATIC and balance < BALANCED))
    return rows


def _column_mean(data: np.ndarray) -> np.ndarray:
    count = np.sum(~np.isnan(data), axis=0)
    return np.where(count > 0, np.nansum(data, axis=0) / np.maximum(count, 1), np.nan)


def with_the_others(data: np.ndarray) -> list[float]:
    """Each rater's Pearson correlation with the mean of all others over the units both have; else NaN."""
    found = []
    for rater in range(data.shape[0]):
        others = _column_mean(np.delete(data, rater, axis=0)) if data.shape[0] > 1 else np.full(data.shape[1], np.nan)
        both = ~np.isnan(data[rater]) & ~np.isnan(others)
        mine, theirs = data[rater, both], others[both]
        varied = both.sum() >= 3 and np.ptp(mine) > 0 and np.ptp(theirs) > 0
        found.append(float(np.corrcoef(mine, theirs)[0, 1]) if varied else math.nan)
    return found
