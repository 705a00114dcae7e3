"""Kernel distance of two sets of features (Binkowski et al. 2018, sec. 3): 0 for equal distributions, lower is better.

Squared maximum mean discrepancy with the kernel k(x, y) = (x.y / D + 1)^3, unbiased: it may come out below 0 by
chance, and it does not fall as sets grow. "KID" means this with Inception features alone; with others say which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acutance.measuring.metrics.fid import checked


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """``mean`` over the subsets and their standard ``deviation``; ``subsets`` of ``size`` samples from each set."""

    mean: float
    deviation: float
    subsets: int
    size: int


def mmd(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased estimate for features ``(N, D)`` and ``(M, D)`` (Gretton et al. 2012, eq. 3).

    By hand, D = 1: k(0, y) = 1, k(1, 1) = 8, so 1 + 8 - 2.

    >>> mmd(np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))
    7.0
    """
    a, b = checked(a, b)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        base = x @ y.T / a.shape[1] + 1
        return base * base * base  # ** 3 is far slower

    within = 0.0
    for x in (a, b):
        values = kernel(x, x)
        within += float(values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))
    return within - 2 * float(kernel(a, b).mean())


def kid(a: np.ndarray, b: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 0) -> Kernel:
    """The mean over random subsets of ``size`` samples, at most half the smaller set, so that subsets differ and their
    deviation says something; the same for one seed.

    >>> a = np.random.default_rng(0).normal(size=(60, 4))
    >>> found = kid(a, a + 1, subsets=5, size=20)
    >>> found == kid(a, a + 1, subsets=5, size=20), found.mean > 3 * found.deviation, found.size
    (True, True, 20)
    """
    a, b = checked(a, b)
    size = max(min(size, len(a) // 2, len(b) // 2), 2)
    rng = np.random.default_rng(seed)
    found = [mmd(*(x[rng.choice(len(x), size, replace=False)] for x in (a, b))) for _ in range(subsets)]
    return Kernel(mean=float(np.mean(found)), deviation=float(np.std(found)), subsets=subsets, size=size)
