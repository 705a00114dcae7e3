"""What has no colour gets none: where the input is grey, so is the result, whatever the network drew.

A network that never saw a difference between three equal bands and three almost equal ones tints them. A result pixel
is grey if its input pixel and all within ``RADIUS`` around it have equal bands; it gets the mean of its three. That
depends on the picture alone, not on where tiles lie.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from acutance.engines import Engine

RADIUS = 6  # input pixels; below every halo


class GreyStaysGrey:
    """An engine whose results are grey where its tiles are; see ``engines.Engine``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name, self.precision = engine.name, engine.precision

    @property
    def redone(self) -> int:
        """Tiles that the engine computed again in another precision."""
        return getattr(self.engine, "redone", 0)

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See ``engines.Engine.stream``."""
        waiting: deque[np.ndarray | None] = deque()

        def watched() -> Iterator[np.ndarray]:
            for tile in tiles:
                single = tile.dtype == np.uint8 and tile.strides[2] == 0  # one band, shown as three; averaged later
                waiting.append(None if single else without_colour(tile))
                yield tile

        for result in self.engine.stream(watched()):
            grey = waiting.popleft()
            yield result if grey is None else _greyed(result, grey)


def without_colour(tile: np.ndarray) -> np.ndarray | None:
    """Where ``tile``, uint8 ``(h, w, 3)`` or float32 ``(3, h, w)``, has no colour around: bool ``(h, w)``.

    None if that is nowhere.

    >>> tile = np.full((20, 20, 3), 7, np.uint8)
    >>> tile[3, 3, 0] = 8
    >>> grey = without_colour(tile)
    >>> int(grey.sum()), bool(grey[9, 9]), bool(grey[10, 9])
    (300, False, True)
    """
    red, green, blue = np.moveaxis(tile, 2, 0) if tile.dtype == np.uint8 else tile
    coloured = (red != green) | (green != blue)
    if _in_every_square(coloured):
        return None
    near = _spread(_spread(coloured).T).T
    return None if near.all() else ~near


def _in_every_square(marked: np.ndarray) -> bool:
    """Whether squares of ``RADIUS`` + 1 all hold a mark, as in a photograph: then one is near every pixel."""
    rows, columns = (np.arange(0, side, RADIUS + 1) for side in marked.shape)
    return bool(np.logical_or.reduceat(np.logical_or.reduceat(marked, rows, 0), columns, 1).all())


def _spread(marked: np.ndarray) -> np.ndarray:
    """Every mark, ``RADIUS`` rows up and down as well."""
    total = np.cumsum(np.pad(marked, ((RADIUS + 1, RADIUS), (0, 0))), axis=0, dtype=np.int32)
    return total[2 * RADIUS + 1 :] > total[: -2 * RADIUS - 1]


def _greyed(result: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """``result`` with the mean of its bands where ``grey``, at its own size, is True."""
    levels = result.dtype == np.uint8
    red, green, blue = np.moveaxis(result, 2, 0) if levels else result
    if levels:
        mean = ((red.astype(np.uint16) + green + blue + 1) // 3).astype(np.uint8)  # a third is never half a level
    else:
        mean = (red + green + blue) / np.float32(3)
    if not grey.all():
        scale = len(red) // len(grey)
        where = grey.repeat(scale, 0).repeat(scale, 1)
        return np.stack([np.where(where, mean, band) for band in (red, green, blue)], 2 if levels else 0)
    return np.repeat(mean[..., None], 3, 2) if levels else np.repeat(mean[None], 3, 0)
