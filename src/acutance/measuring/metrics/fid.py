"""Frechet distance of two sets of features (Heusel et al. 2017, sec. 3): 0 and more, lower is better.

d^2 = |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^1/2), of Gaussians with the sets' means and covariances. "FID" means
this with Inception features alone; with others say which. The value falls as sets grow, so compare sets of equal
size, larger than the features are long; ``kid`` has no such bias.
"""

from __future__ import annotations

import numpy as np

from acutance.errors import BadInput


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The squared distance of features ``(N, D)`` and ``(M, D)``, N and M at least 2.

    >>> a = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> round(frechet(a, a), 9), round(frechet(a, a + [3.0, 4.0]), 9)
    (0.0, 25.0)
    """
    a, b = checked(a, b)
    apart = a.mean(0) - b.mean(0)
    # With centred features A, C1 = A^T A / (N - 1), and (C1 C2)^1/2 has the trace of |A B^T| over the roots of N - 1
    # and M - 1: the sum of singular values. No root of a covariance is taken, whose smallest eigenvalues are rounding.
    roots = [np.linalg.qr(x - x.mean(0), mode="r") / np.sqrt(len(x) - 1) for x in (a, b)]
    overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    spread = sum(float((root**2).sum()) for root in roots)
    return max(float(apart @ apart) + spread - 2 * float(overlap), 0.0)


def checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both feature matrices in float64. Raises ``BadInput`` if they cannot be compared."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise BadInput(f"sets are compared by features (N, D) of at least 2 samples each, got {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise BadInput("the features of a set are not finite")
    return a, b
