"""Where tiles lie: pure integers, no pixels.

A tile is cut from inside the (padded) picture and stays flush with its borders, so a network sees
the same zero padding as on the whole picture; of its result only the part farther than ``halo``
from an inner edge is kept. Then tiled equals whole. Where the halo is too large to afford, or the
tile size is fixed, neighbouring results overlap and are blended linearly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input pixels: run ``[start, stop)``, keep ``[keep, until)``.

    Neighbours' kept parts meet, or overlap by the blend width.
    """

    start: int
    stop: int
    keep: int
    until: int


@dataclass(frozen=True)
class Grid:
    """The tiles of one picture: equal shapes, so that one compiled network runs them all.

    ``height``, ``width``: the picture; ``padded_height``, ``padded_width``: after padding bottom and
    right to what the network needs.
    """

    height: int
    width: int
    padded_height: int
    padded_width: int
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of every tile."""
        return self.rows[0].stop - self.rows[0].start, self.columns[0].stop - self.columns[0].start

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        return ((row, column) for row in self.rows for column in self.columns)


def ceil_to(value: int, multiple: int) -> int:
    """The least multiple of ``multiple`` that is not below ``value``.

    >>> ceil_to(33, 16), ceil_to(32, 16)
    (48, 32)
    """
    return -(-value // multiple) * multiple


def spans(
    length: int, tile: int, halo: int, multiple: int = 1, overlap: int = 0, fixed: bool = False
) -> tuple[Span, ...]:
    """Cover ``length`` (a multiple of ``multiple``) with tiles of at most ``tile``, or exactly it.

    Every tile start is a multiple of ``multiple``. Kept parts lie at least ``halo`` from an edge that
    is not the picture's own, and neighbours share at least ``overlap`` pixels. Unless ``fixed``, tiles
    shrink to the smallest size that needs no more of them.

    >>> spans(100, 60, 10)
    (Span(start=0, stop=60, keep=0, until=50), Span(start=40, stop=100, keep=50, until=100))
    """
    if length <= tile and not fixed:
        return (Span(0, length, 0, length),)
    if length < tile:
        raise ValueError(f"a length of {length} cannot hold a tile of {tile}; pad it first")
    margin = ceil_to(2 * halo + overlap, multiple)
    step = (tile - margin) // multiple * multiple
    if step <= 0:
        raise ValueError(f"a tile of {tile} is too small for a halo of {halo} and an overlap of {overlap}")
    count = 1 + max(0, -(-(length - tile) // step))
    if not fixed:
        step = ceil_to(-(-(length - margin) // count), multiple)
        tile = min(step + margin, length)
    starts = [min(i * step, length - tile) for i in range(count)]
    keeps = [s if i == 0 else (starts[i - 1] + tile + s - overlap) // 2 for i, s in enumerate(starts)]
    untils = [k + overlap for k in keeps[1:]] + [length]
    return tuple(Span(s, s + tile, k, u) for s, k, u in zip(starts, keeps, untils, strict=True))


def plan_grid(
    height: int,
    width: int,
    *,
    tile: int,
    halo: int | None,
    multiple: int = 1,
    fixed: int | None = None,
    overlap: int = 0,
) -> Grid:
    """Lay the tiles of a picture. ``tile``: wanted size; ``fixed``: the only size the network takes.

    ``halo=None``: one tile, the whole picture.
    """
    size = fixed or max(tile, 1)
    padded = [max(ceil_to(side, multiple), fixed or 0) for side in (height, width)]
    if halo is None:
        axes = [(Span(0, side, 0, side),) for side in padded]
    else:
        axes = [spans(side, ceil_to(size, multiple), halo, multiple, overlap, bool(fixed)) for side in padded]
    return Grid(height, width, padded[0], padded[1], axes[0], axes[1])


def ramps(spans: tuple[Span, ...], scale: int) -> list[np.ndarray]:
    """The blend weights of each tile's kept output samples along one axis, in (0, 1].

    Tents that rise and fall where neighbours overlap, normalised so that all weights on a sample sum to 1.
    """
    tents = []
    for index, span in enumerate(spans):
        weight = np.ones((span.until - span.keep) * scale)
        if index > 0 and (shared := (spans[index - 1].until - span.keep) * scale) > 0:
            weight[:shared] = (np.arange(shared) + 0.5) / shared
        if index + 1 < len(spans) and (shared := (span.until - spans[index + 1].keep) * scale) > 0:
            weight[-shared:] *= 1 - (np.arange(shared) + 0.5) / shared
        tents.append(weight)
    total = np.zeros(spans[-1].until * scale)
    for span, weight in zip(spans, tents, strict=True):
        total[span.keep * scale : span.until * scale] += weight
    return [w / total[s.keep * scale : s.until * scale] for s, w in zip(spans, tents, strict=True)]
