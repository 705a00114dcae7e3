"""Means with 95 % intervals by Student's t distribution (Student 1908), without scipy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def t_quantile(p: float, freedom: float) -> float:
    """The value below which Student's t with ``freedom`` degrees of freedom falls with probability ``p``.

    ``p`` in (0, 1), ``freedom`` > 0.

    >>> round(t_quantile(0.975, 25), 4)
    2.0595
    """
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def t_cdf(t: float, freedom: float) -> float:
    """P(T <= t) of Student's t, by the regularised incomplete beta function.

    >>> t_cdf(0.0, 3), round(t_cdf(1.0, 1), 12)
    (0.5, 0.75)
    """
    tail = 0.5 * incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return 1 - tail if t >= 0 else tail


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), ``x`` in [0, 1].

    By the continued fraction DLMF 8.17.22 (https://dlmf.nist.gov/8.17.v), in Lentz's way.

    >>> round(incomplete_beta(2, 3, 0.5), 12)
    0.6875
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast below
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    total = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / (1 + term * d), 1 + term / c
            total *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * total / a


def mean_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The mean of independent values and half the width of its interval; NaN for fewer than two.

    >>> [round(x, 4) for x in mean_interval([1, 2, 3, 4, 5])]
    [3.0, 1.9632]
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size < 2:
        return (float(data.mean()) if data.size else math.nan), math.nan
    error = float(data.std(ddof=1)) / math.sqrt(data.size)
    return float(data.mean()), t_quantile((1 + level) / 2, data.size - 1) * error
