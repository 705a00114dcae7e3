"""Put tile results together into strips of the final picture, from top to bottom."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from acutance.files.spill import Room, forget
from acutance.imaging.tiling import Grid, ramps

PART = 32 << 20  # bytes of a strip in a file that are taken out at a time


class Assembler:
    """Collects results tile by tile, row of tiles by row of tiles; gives finished strips.

    Results are ``(s tile_h, s tile_w, bands)``. Where kept parts overlap they are blended in float32;
    where they meet they are copied. Strips are cropped to the picture. ``room`` makes the arrays for them; what it
    puts into a file is to be taken by ``parts``.
    """

    def __init__(self, grid: Grid, scale: int, bands: int, depth: np.dtype, room: Room = np.empty) -> None:
        self.grid, self.scale, self.bands, self.depth = grid, scale, bands, depth
        pairs = itertools.chain(itertools.pairwise(grid.rows), itertools.pairwise(grid.columns))
        self.blends = any(before.until > after.keep for before, after in pairs)
        self._down = [w.astype(np.float32) for w in ramps(grid.rows, scale)] if self.blends else []
        self._across = [w.astype(np.float32) for w in ramps(grid.columns, scale)] if self.blends else []
        self.row = self.column = 0
        self._room = room
        self._strip: np.ndarray | None = None

    def _blank(self, row: int) -> np.ndarray:
        span = self.grid.rows[row]
        shape = ((span.until - span.keep) * self.scale, self.grid.padded_width * self.scale, self.bands)
        if not self.blends:
            return self._room(shape, self.depth)
        blank = self._room(shape, np.dtype(np.float32))
        if not isinstance(blank, np.memmap):  # a fresh file is blank
            blank[:] = 0
        return blank

    def add(self, result: np.ndarray) -> np.ndarray | None:
        """Place the next result; returns a strip when a row of tiles is complete."""
        row, column, scale = self.grid.rows[self.row], self.grid.columns[self.column], self.scale
        kept = result[
            (row.keep - row.start) * scale : (row.until - row.start) * scale,
            (column.keep - column.start) * scale : (column.until - column.start) * scale,
        ]
        if self._strip is None:
            self._strip = self._blank(self.row)
        target = self._strip[:, column.keep * scale : column.until * scale]
        if self.blends:
            weight = self._down[self.row][:, None] * self._across[self.column]
            target += kept * weight[:, :, None]
        else:
            target[:] = kept
        forget(self._strip)
        self.column += 1
        return self._finished() if self.column == len(self.grid.columns) else None

    def _finished(self) -> np.ndarray:
        """Cut off what no later row of tiles touches; what is left starts the next strip."""
        span, strip, last = self.grid.rows[self.row], self._strip, self.row + 1 == len(self.grid.rows)
        assert strip is not None
        done, self._strip = strip, None
        self.row, self.column = self.row + 1, 0
        if not last:
            meeting = (self.grid.rows[self.row].keep - span.keep) * self.scale
            if self.blends:
                self._strip = self._blank(self.row)
                self._strip[: strip.shape[0] - meeting] = strip[meeting:]
            done = strip[:meeting]
        bottom = self.grid.height * self.scale - span.keep * self.scale
        done = done[: max(bottom, 0), : self.grid.width * self.scale]
        return self._to_depth(done) if self.blends and not isinstance(done, np.memmap) else done

    def parts(self, strip: np.ndarray) -> Iterator[np.ndarray]:
        """A strip as it goes out, in pieces where it lies in a file."""
        if not isinstance(strip, np.memmap):
            yield strip
            return
        rows = max(1, PART // max(1, strip[:1].nbytes))
        for top in range(0, len(strip), rows):
            part = np.array(strip[top : top + rows])
            forget(strip)
            yield self._to_depth(part) if self.blends else part

    def _to_depth(self, strip: np.ndarray) -> np.ndarray:
        if self.depth == np.float32:
            return strip
        peak = np.iinfo(self.depth).max
        return np.clip(np.rint(strip), 0, peak).astype(self.depth)
