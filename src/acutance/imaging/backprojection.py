"""Iterative back-projection (Irani & Peleg 1991; ESRGAN's PIRM entry): a result that shrinks to its input again.

out += up(LR - down(out)), N times, in MATLAB bicubic. ``up`` and ``down`` being linear, all iterations but the
last step can be done on the small picture: with r = LR - down(out) before the first one, the result is
out + up(r + Kr + K(Kr) + ...), N terms, where Kr = r - down(up(r)). K reaches three pixels, and works row by
row: so a picture of any height streams through N stages that keep six rows each, and where strips or tiles
begin and end makes no difference to a single bit.
"""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np

from acutance.imaging.bicubic import taps

REACH = 3  # of down(up(.)), in pixels of the small picture: two of each kernel, less the middle


def shrink_enlarge(length: int, scale: int) -> np.ndarray:
    """down(up(.)) along one axis as bands ``(length, 7)``: weights of the neighbours -3 ... 3.

    >>> shrink_enlarge(9, 4)[4].round(3).tolist()
    [0.002, -0.036, 0.127, 0.814, 0.127, -0.036, 0.002]
    """
    down, down_weight = taps(length * scale, length, 1 / scale)
    up, up_weight = taps(length, length * scale, float(scale))
    row = np.broadcast_to(np.arange(length)[:, None, None], (length, down.shape[1], up.shape[1]))
    column = up[down] - row + REACH
    bands = np.zeros((length, 2 * REACH + 1))
    np.add.at(bands, (row, column), down_weight[:, :, None] * up_weight[down])
    return bands


class BackProjection:
    """Rows of a picture and of its enlargement in, rows of the corrected enlargement out; all ``(rows, W, bands)``.

    ``height``, ``width``: of the small picture. Values keep their scale and are not clamped. Memory: the
    enlargement's rows of 3 ``iterations`` + 5 rows of the small picture, as they came, and some of the small one.
    """

    def __init__(self, height: int, width: int, scale: int, iterations: int) -> None:
        self.height, self.width, self.scale, self.iterations = height, width, scale, iterations
        self._rows, self._columns = (shrink_enlarge(n, scale).astype(np.float32) for n in (height, width))
        sides = (height, width)
        self._down_rows, self._down_columns = (taps(side * scale, side, 1 / scale) for side in sides)
        self._up_rows, self._up_columns = (taps(side, side * scale, float(scale)) for side in sides)
        self._small, self._large = Rows(), Rows()
        self._stages = [Rows() for _ in range(iterations)]  # r, Kr, K(Kr), ...; each is let go when the next has it
        self._total = Rows()  # their sum, row by row

    def put_small(self, rows: np.ndarray) -> None:
        """The next rows of the small picture; they must be there before the enlargement's."""
        self._small.add(rows)

    def put_large(self, rows: np.ndarray) -> np.ndarray:
        """The next rows of the enlargement; returns the corrected rows that are ready (perhaps none), float32."""
        self._large.add(rows)
        scale, first = self.scale, self._stages[0]
        whole = self._large.stop == self.height * scale
        ready = self.height if whole else max(first.stop, (2 * self._large.stop - 5 * scale) // (2 * scale))
        if ready > first.stop:
            residual = self._residual(first.stop, ready)
            first.add(residual)
            self._total.add(residual.copy())
        for stage, following in itertools.pairwise(self._stages):
            self._step(stage, following)
            stage.forget(following.stop - REACH)
        done = self._stages[-1].stop
        self._stages[-1].forget(done)
        return self._corrected(self.height * scale if done == self.height else max(0, (done - 2) * scale))

    def _residual(self, start: int, stop: int) -> np.ndarray:
        """LR - down(out) for rows of the small picture."""
        shrunk = _resample(self._large, self._down_rows, start, stop)
        shrunk = _across(shrunk, self._down_columns)
        return self._small.take(start, stop).astype(np.float32) - shrunk

    def _step(self, stage: Rows, following: Rows) -> None:
        """K: as many new rows of ``following`` as the rows of ``stage`` allow."""
        start, stop = following.stop, self.height if stage.stop == self.height else max(0, stage.stop - REACH)
        if stop <= start:
            return
        lowest, highest = max(0, start - REACH), min(self.height, stop + REACH)
        have = stage.take(lowest, highest)
        spare = (lowest - start + REACH, stop + REACH - highest)
        padded = np.pad(have, (spare, (REACH, REACH), (0, 0)))
        rows = stop - start
        down = sum(self._rows[start:stop, t, None, None] * padded[t : t + rows] for t in range(2 * REACH + 1))
        both = sum(self._columns[:, t, None] * down[:, t : t + self.width] for t in range(2 * REACH + 1))  # type: ignore[index]
        term = padded[REACH : REACH + rows, REACH:-REACH] - both
        following.add(term)
        self._total.increase(start, term)

    def _corrected(self, stop: int) -> np.ndarray:
        """The enlargement's rows up to ``stop`` with up(total) added; forgets what no later row needs."""
        start, scale = self._large.first_unused, self.scale
        if stop <= start:
            return np.empty((0, self.width * scale, self._large.bands), np.float32)
        correction = _across(_resample(self._total, self._up_rows, start, stop), self._up_columns)
        correction += self._large.take(start, stop)
        self._large.first_unused = stop
        self._large.forget(min(stop, (self._stages[0].stop - 2) * scale))
        self._total.forget(stop // scale - 2)
        self._small.forget(self._stages[0].stop)
        return correction


class Rows:
    """A window of rows that grows below and is forgotten above."""

    def __init__(self) -> None:
        self.start = self.stop = self.first_unused = 0
        self._parts: deque[np.ndarray] = deque()

    @property
    def bands(self) -> int:
        """Samples a pixel."""
        return self._parts[0].shape[2]

    def add(self, rows: np.ndarray) -> None:
        """Append rows."""
        self._parts.append(rows)
        self.stop += len(rows)

    def take(self, start: int, stop: int) -> np.ndarray:
        """Rows ``[start, stop)``, which must still be there."""
        assert self.start <= start <= stop <= self.stop
        at, found = self.start, []
        for part in self._parts:
            if at < stop and at + len(part) > start:
                found.append(part[max(0, start - at) : stop - at])
            at += len(part)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def increase(self, start: int, by: np.ndarray) -> None:
        """Add to the rows from ``start`` on, in place."""
        at = self.start
        for part in self._parts:
            first, last = max(start, at), min(start + len(by), at + len(part))
            if first < last:
                part[first - at : last - at] += by[first - start : last - start]
            at += len(part)

    def forget(self, before: int) -> None:
        """Let go of parts that lie wholly above row ``before``."""
        while self._parts and self.start + len(self._parts[0]) <= before:
            self.start += len(self._parts.popleft())


def _resample(rows: Rows, kernel: tuple[np.ndarray, np.ndarray], start: int, stop: int) -> np.ndarray:
    """Output rows ``[start, stop)`` of a resize along the first axis, float32."""
    index, weight = kernel[0][start:stop], kernel[1][start:stop].astype(np.float32)
    lowest = int(index.min())
    source = rows.take(lowest, int(index.max()) + 1)
    result = np.zeros((stop - start, *source.shape[1:]), np.float32)
    for tap in range(index.shape[1]):
        result += weight[:, tap, None, None] * source[index[:, tap] - lowest]
    return result


def _across(rows: np.ndarray, kernel: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """A resize along the second axis, float32."""
    index, weight = kernel[0], kernel[1].astype(np.float32)
    result = np.zeros((rows.shape[0], len(index), rows.shape[2]), np.float32)
    for tap in range(index.shape[1]):
        result += weight[:, tap, None] * rows[:, index[:, tap]]
    return result
