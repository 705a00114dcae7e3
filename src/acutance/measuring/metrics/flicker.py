"""Temporal flicker of a film, in levels of 8-bit luma; 0 for a film that stands still, lower is steadier.

No motion is estimated and nothing is warped. For luma Y of three consecutive frames the second difference over time

    f = (Y[t-1] - 2 Y[t] + Y[t+1]) / sqrt(6)

is zero for what stands still and for what changes evenly, such as a fade, and has the standard deviation of the
grain where only grain changes. Its root mean square is taken over the places that stand still: there the mean of
Y[t+1] - Y[t-1] over 9x9 pixels is below 3 levels. Places come from ``still``, so that two versions of a film are
judged at the same ones. Triples across a cut are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from acutance.errors import BadInput
from acutance.imaging.boxes import box
from acutance.imaging.colour import luma
from acutance.imaging.cuts import is_cut, thumbnail

WINDOW = 4  # radius in pixels of the mean that tells motion from grain
STILL = 3.0  # levels


def triples(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
    """Luma of each three consecutive frames ``(H, W, 3)`` uint8; ``None`` where a cut lies between them."""
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for frame in frames:
        held = [*held[-2:], (luma(frame).astype(np.float32), thumbnail(frame))]
        if len(held) == 3:
            cut = is_cut(held[0][1], held[1][1]) or is_cut(held[1][1], held[2][1])
            yield None if cut else (held[0][0], held[1][0], held[2][0])


def still(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where nothing moves between two lumas ``(H, W)``: a mask of the same shape."""
    return np.abs(box(after - before, WINDOW)) < STILL


def flicker(frames: Iterable[np.ndarray], like: Iterable[np.ndarray] | None = None) -> float:
    """Flicker of ``frames``, RGB ``(H, W, 3)`` uint8, in levels.

    ``like``: frames of another version of the same film (any size whose sides are a whole fraction), which say what
    stands still; the film itself otherwise. Raises ``BadInput`` for fewer than three frames or if nothing stands
    still.

    >>> random = np.random.default_rng(0)
    >>> grainy = [np.clip(random.normal(128, 4, (64, 64, 1)), 0, 255).astype(np.uint8).repeat(3, 2) for _ in range(9)]
    >>> round(flicker(grainy) * 255 / 219, 1), flicker([grainy[0]] * 3)
    (4.0, 0.0)
    """
    total, count = 0.0, 0
    guides = triples(like) if like is not None else None
    for triple in triples(frames):
        guide = next(guides, None) if guides is not None else triple
        if triple is None or guide is None:
            continue
        mask = still(guide[0], guide[2])
        factors = [a // b for a, b in zip(triple[0].shape, mask.shape, strict=True)]
        mask = mask.repeat(factors[0], 0).repeat(factors[1], 1)
        second = (triple[0] - 2 * triple[1] + triple[2])[mask]
        total, count = total + float((second.astype(np.float64) ** 2).sum()) / 6, count + second.size
    if not count:
        raise BadInput("flicker needs three frames of one shot in which something stands still")
    return math.sqrt(total / count)
