"""How visible the borders of tiles are: one number for a picture that was made tile by tile."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class Seams:
    """The seam ratio of a picture that comes in strips, top to bottom: mean |difference| of neighbouring pixels
    across tile borders over that of all other neighbours, both directions together (Pasini 2019 shows the
    seams; the measure is ours).

    ``rows``, ``columns``: the first row or column of every tile but the first. Means are over samples of all
    bands, so the depth does not matter.
    """

    def __init__(self, rows: Iterable[int], columns: Iterable[int]) -> None:
        self._rows, self._columns = frozenset(rows), sorted(set(columns))
        self._height, self._last = 0, np.empty(0)
        self._sums, self._counts = np.zeros(2), np.zeros(2, np.int64)  # elsewhere, across borders

    def add(self, strip: np.ndarray) -> None:
        """The next rows, ``(h, W)`` or ``(h, W, C)``."""
        across = _apart(strip[:, 1:], strip[:, :-1])
        at = [c - 1 for c in self._columns if 0 < c < strip.shape[1]]
        self._note(across, across[:, at])
        down = _apart(strip[1:], strip[:-1])
        rows = [r - 1 - self._height for r in self._rows if 0 <= r - 1 - self._height < len(down)]
        self._note(down, down[rows])
        if self._height:
            between = _apart(strip[0], self._last)
            self._note(between, between if self._height in self._rows else between[:0])
        self._height, self._last = self._height + len(strip), np.array(strip[-1])

    def _note(self, everything: np.ndarray, borders: np.ndarray) -> None:
        """Add differences, of which ``borders`` cross one."""
        kind = np.int64 if everything.dtype.kind == "u" else np.float64
        total, crossing = everything.sum(dtype=kind), borders.sum(dtype=kind)
        self._sums += (total - crossing, crossing)
        self._counts += (everything.size - borders.size, borders.size)

    @property
    def ratio(self) -> float:
        """1 where borders look like the rest, and where there are none; infinite where only they differ."""
        if not self._counts.all() or not self._sums.any():
            return 1.0
        elsewhere, borders = self._sums / self._counts
        return float(borders / elsewhere) if elsewhere else float("inf")


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """|one - other|, of unsigned integers without a larger type."""
    if one.dtype.kind == "u":
        return np.maximum(one, other) - np.minimum(one, other)
    return np.abs(one.astype(np.float64) - other)


def seam_ratio(image: np.ndarray, tile: int) -> float:
    """The seam ratio of ``(H, W)`` or ``(H, W, C)`` for borders at the multiples of ``tile``; see ``Seams``.

    >>> even = np.arange(8.0)[None].repeat(8, 0)
    >>> stepped = even + 3 * (np.arange(8) >= 4)
    >>> round(seam_ratio(even, 4), 3), round(seam_ratio(stepped, 4), 3)
    (1.0, 4.0)
    """
    seams = Seams(range(tile, image.shape[0], tile), range(tile, image.shape[1], tile))
    seams.add(image)
    return seams.ratio
