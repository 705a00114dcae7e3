"""Scene cuts: two frames that show different things."""

from __future__ import annotations

import numpy as np

GRID = 24  # blocks a side, at most
DIFFERENT = 0.5  # of 1.13, the expected distance of two unrelated pictures; within a shot 0.1 is much
FAINT = 4.0  # levels of contrast that count as none, so that black frames do not differ from each other


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """Block means of the green channel of ``(H, W, 3)``, their mean taken off and divided by their contrast.

    So neither a lamp that flickers nor a fade looks like a cut.
    """
    green = rgb[:, :, 1].astype(np.float32)
    if rgb.dtype == np.uint16:
        green /= 256
    rows, columns = (np.linspace(0, n, min(n, GRID) + 1).astype(int)[:-1] for n in green.shape)
    sums = np.add.reduceat(np.add.reduceat(green, rows, axis=0), columns, axis=1)
    sizes = np.outer(np.diff([*rows, green.shape[0]]), np.diff([*columns, green.shape[1]]))
    means = sums / sizes
    return (means - means.mean()) / (means.std() + FAINT)


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a cut lies between two neighbouring frames, given as ``thumbnail`` makes them.

    >>> a = np.zeros((48, 64, 3), np.uint8)
    >>> a[:, :32] = 200
    >>> is_cut(thumbnail(a), thumbnail(a // 2)), is_cut(thumbnail(a), thumbnail(a[:, ::-1]))
    (False, True)
    """
    return float(np.abs(before - after).mean()) > DIFFERENT
