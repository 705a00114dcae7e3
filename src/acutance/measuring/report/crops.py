"""Where a method is furthest from the original: its worst places, cut out of every method's result."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acutance.files.pixels import encode_png
from acutance.imaging.bicubic import nearest
from acutance.imaging.colour import luma
from acutance.measuring.benchmark import SetScores
from acutance.measuring.methods import Method
from acutance.measuring.pairs import Pair, find_pairs, load_pair, set_name

SIDE = 96  # pixels of the original
COUNT = 10


@dataclass(frozen=True, kw_only=True)
class Crop:
    """One place. ``squares``: name and PNG bytes, first the original, then the input, then each method."""

    image: str
    bench: str
    x: int
    y: int
    squares: tuple[tuple[str, bytes], ...]


def worst_place(result: np.ndarray, hr: np.ndarray, side: int = SIDE) -> tuple[int, int]:
    """``(x, y)`` of the square of ``side`` pixels (less in small pictures) with the largest squared luma error.

    >>> hr = np.zeros((300, 200, 3), np.uint8)
    >>> result = hr.copy(); result[150:190, 120:150] = 255
    >>> x, y = worst_place(result, hr)
    >>> x <= 120 <= x + 96 and y <= 150 <= y + 96
    True
    """
    error = (luma(result) - luma(hr)) ** 2
    height, width = error.shape
    tall, wide = min(side, height), min(side, width)
    total = np.pad(error.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(x), int(y)


def worst_crops(
    results: Sequence[SetScores], methods: Sequence[Method], judged: str, metric: str, scale: int, *, higher: bool
) -> list[Crop]:
    """The worst place in each of the ``COUNT`` pictures where method ``judged`` has its worst scores."""
    rows = [
        (row.scores[metric], found.bench, row.image)
        for found in results if found.method == judged
        for row in found.rows if row.scores[metric] is not None
    ]  # fmt: skip
    rows.sort(key=lambda row: row[0] if higher else -row[0])  # type: ignore[operator]
    first = next(method for method in methods if method.name == judged)
    return [_cut(bench, image, first, methods, scale) for _, bench, image in rows[:COUNT]]


def _cut(bench: Path, image: str, judged: Method, methods: Sequence[Method], scale: int) -> Crop:
    original, partner = next(paths for paths in find_pairs(bench, scale) if paths[0].stem == image)
    pair = load_pair(original, partner, scale)
    results: dict[str, tuple[np.ndarray, Pair]] = {m.name: m.run(set_name(bench), pair) for m in methods}
    result, cut = results[judged.name]
    x, y = worst_place(result, cut.hr)

    def square(picture: np.ndarray) -> bytes:
        return encode_png(np.ascontiguousarray(picture[y : y + SIDE, x : x + SIDE]))

    squares = [("original", square(pair.hr)), ("input", square(nearest(pair.lr, scale)))]
    first = sorted(results, key=lambda name: name != judged.name)  # the method in question, then the others
    squares += [(name, square(results[name][0])) for name in first]
    return Crop(image=image, bench=set_name(bench), x=x, y=y, squares=tuple(squares))


def data_uri(png: bytes) -> str:
    """A PNG inside a page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
