"""How visible the borders of tiles are: one number for a picture that was made tile by tile."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BLOCK = 8  # pixels: JPEG's blocks (ITU-T T.81, A.1.1)


class Seams:
    """The seam ratio of a picture that comes in strips, top to bottom: mean |difference| of neighbouring pixels
    across tile borders over that of other neighbours like them, both directions together (Pasini 2019 shows the
    seams; the measure is ours).

    ``rows``, ``columns``: the first row or column of every tile but the first. Means are over samples of all
    bands, so the depth does not matter. *Like them*: as far beyond a multiple of ``BLOCK``, where JPEG and networks
    that reduce and enlarge have steps of their own; among all neighbours if there are none such.
    """

    def __init__(self, rows: Iterable[int], columns: Iterable[int]) -> None:
        self._rows, self._columns = frozenset(rows), frozenset(columns)
        self._like = [{border % BLOCK for border in borders} for borders in (self._rows, self._columns)]
        self._height, self._last = 0, np.empty(0)
        self._sums, self._counts = np.zeros(3), np.zeros(3, np.int64)  # across borders, like them, others

    def add(self, strip: np.ndarray) -> None:
        """The next rows, ``(h, W)`` or ``(h, W, C)``."""
        top = self._height
        across = _apart(strip[:, 1:], strip[:, :-1])
        self._note(across, 1, range(1, strip.shape[1]))
        self._note(_apart(strip[1:], strip[:-1]), 0, range(top + 1, top + len(strip)))
        if top:
            self._note(_apart(strip[:1], self._last), 0, range(top, top + 1))
        self._height, self._last = top + len(strip), np.array(strip[-1:])

    def _note(self, differences: np.ndarray, axis: int, places: range) -> None:
        """Add the differences along ``axis`` before each of ``places``, by their kind."""
        if not differences.size:
            return
        exact = np.int64 if differences.dtype.kind == "u" else np.float64
        borders = (self._rows, self._columns)[axis]
        kinds = np.array([0 if p in borders else 1 if p % BLOCK in self._like[axis] else 2 for p in places], int)
        flat = differences.reshape(len(differences), -1)  # quicker than a sum over two axes
        sums = flat.sum(1, exact) if axis == 0 else flat.sum(0, exact).reshape(len(places), -1).sum(1)
        each = differences.size // len(places)
        self._sums += np.bincount(kinds, sums, 3)
        self._counts += np.bincount(kinds, minlength=3) * each

    @property
    def ratio(self) -> float:
        """1 where borders look like the rest, and where there are none; infinite where only they differ."""
        return self._over(slice(1, 2) if self._counts[1] else slice(1, 3))

    @property
    def plain(self) -> float:
        """The same over all other neighbours."""
        return self._over(slice(1, 3))

    def _over(self, others: slice) -> float:
        count = self._counts[others].sum()
        if not (self._counts[0] and count and self._sums.any()):
            return 1.0
        elsewhere, borders = self._sums[others].sum() / count, self._sums[0] / self._counts[0]
        if not elsewhere:
            return float("inf") if borders else 1.0
        return float(borders / elsewhere)


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|one - other|, of unsigned integers without a larger type."""
    if one.dtype.kind == "u":
        return np.maximum(one, other) - np.minimum(one, other)
    return np.abs(one.astype(np.float64) - other)


def seams_at(image: np.ndarray, tile: int) -> Seams:
    """The seams of ``(H, W)`` or ``(H, W, C)`` with borders at the multiples of ``tile``."""
    seams = Seams(range(tile, image.shape[0], tile), range(tile, image.shape[1], tile))
    seams.add(image)
    return seams


def seam_ratio(image: np.ndarray, tile: int) -> float:
    """The seam ratio of ``(H, W)`` or ``(H, W, C)`` for borders at the multiples of ``tile``; see ``Seams``.

    >>> even = np.arange(8.0)[None].repeat(8, 0)
    >>> stepped = even + 3 * (np.arange(8) >= 4)
    >>> round(seam_ratio(even, 4), 3), round(seam_ratio(stepped, 4), 3)
    (1.0, 4.0)
    """
    return seams_at(image, tile).ratio
