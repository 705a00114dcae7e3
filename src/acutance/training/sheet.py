"""What the network does now, for the eye: the same few held-out crops at every validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from acutance.imaging.bicubic import upscale
from acutance.training.prepare import CELL, detail_cells

SIDE = 64  # low-resolution pixels of a crop
STEP = 4  # the input's crops start at multiples of it, for networks that fold pixels
GAP = 4  # pixels between cells
WHITE, INK = 255, 64
Crop = tuple[np.ndarray, np.ndarray]

# Seven rows of five pixels each, a byte a row: the letters of the headings.
LETTERS = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0f10101010100f", "H": "1111111f111111", "I": "1f04040404041f",
    "L": "1010101010101f", "N": "11191513111111", "O": "0e11111111110e", "P": "1e11111e101010",
    "R": "1e11111e141211", "T": "1f040404040404", "U": "1111111111110e", "W": "11111115151b11",
    "G": "0e11101311110e",
}  # fmt: skip
HEADINGS = ("LR", "BICUBIC", "NOW", "HR")


def busiest_crops(pairs: Sequence[Crop], count: int = 4) -> list[Crop]:
    """The most detailed crop of each of the first ``count`` pairs, always the same ones.

    A pair is a low-resolution input, uint8 ``(h, w, 3)``, and its original ``(s h, s w, 3)``; a crop
    has at most 64 pixels of the input.
    """
    crops = []
    for lr, hr in pairs[:count]:
        scale, side = hr.shape[0] // lr.shape[0], min(SIDE, *lr.shape[:2])
        top, left = (n // scale // STEP * STEP for n in _busiest(detail_cells(hr), side * scale))
        top, left = min(top, lr.shape[0] - side), min(left, lr.shape[1] - side)
        rows, columns = slice(top * scale, (top + side) * scale), slice(left * scale, (left + side) * scale)
        crops.append((lr[top : top + side, left : left + side], hr[rows, columns]))
    return crops


def _busiest(cells: np.ndarray, side: int) -> tuple[int, int]:
    """Top and left, in pixels, of the square of ``side`` pixels with the largest sum of cells; the first of several."""
    reach = max(side // CELL, 1)
    if min(cells.shape) < reach:
        return 0, 0
    total = np.pad(cells.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[reach:, reach:] - total[:-reach, reach:] - total[reach:, :-reach] + total[:-reach, :-reach]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return row * CELL, column * CELL


def sheet(crops: Sequence[Crop], run: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Rows of low-resolution input (enlarged by repetition), bicubic, ``run``'s result and original.

    ``run`` maps uint8 ``(h, w, 3)`` to ``(s h, s w, 3)``. Returns uint8 ``(H, W, 3)`` with the headings on top.
    """
    rows = []
    for lr, hr in crops:
        scale = hr.shape[0] // lr.shape[0]
        enlarged = lr.repeat(scale, 0).repeat(scale, 1)
        rows.append((enlarged, upscale(lr, scale), run(lr), hr))
    return table(HEADINGS, rows)


def table(headings: Sequence[str], rows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Rows of pictures, uint8 ``(h, w, 3)``, under headings in capitals."""
    width = max((cell.shape[1] for row in rows for cell in row), default=SIDE)
    parts = [_row([_heading(text, width) for text in headings], width)]
    for row in rows:
        parts += [np.full((GAP, parts[0].shape[1], 3), WHITE, np.uint8), _row(row, width)]
    return np.concatenate(parts)


def _row(cells: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Cells side by side, each filled up to ``width`` and the highest with white."""
    last, height = len(cells) - 1, max(cell.shape[0] for cell in cells)
    pads = [
        ((0, height - c.shape[0]), (0, width - c.shape[1] + (GAP if i < last else 0)), (0, 0))
        for i, c in enumerate(cells)
    ]
    return np.concatenate([np.pad(c, pad, constant_values=WHITE) for c, pad in zip(cells, pads, strict=True)], 1)


def _heading(text: str, width: int) -> np.ndarray:
    """``text`` in 5x7 letters, doubled where there is room: uint8 ``(22, width, 3)``."""
    glyphs = [np.unpackbits(np.frombuffer(bytes.fromhex(LETTERS[c]), np.uint8)[:, None], axis=1)[:, 2:] for c in text]
    line = np.concatenate(glyphs, 1)
    if 2 * line.shape[1] + GAP <= width:
        line = line.repeat(2, 0).repeat(2, 1)
    line = line[:, : width - GAP]
    cell = np.full((22, width, 3), WHITE, np.uint8)
    cell[GAP : GAP + line.shape[0], GAP : GAP + line.shape[1]][line == 1] = INK
    return cell
