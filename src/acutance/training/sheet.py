"""What the network does now, for the eye: the same few held-out crops at every validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from acutance.imaging.bicubic import downscale, upscale
from acutance.training.data import Pack

SIDE = 64  # low-resolution pixels of a crop
GAP = 4  # pixels between cells
WHITE, INK = 255, 64
Crop = tuple[np.ndarray, np.ndarray]

# Seven rows of five pixels each, a byte a row: the letters of the four headings.
LETTERS = {
    "B": "1e11111e11111e", "C": "0f10101010100f", "H": "1111111f111111", "I": "1f04040404041f",
    "L": "1010101010101f", "N": "11191513111111", "O": "0e11111111110e", "R": "1e11111e141211",
    "U": "1111111111110e", "W": "11111115151b11",
}  # fmt: skip
HEADINGS = ("LR", "BICUBIC", "NOW", "HR")


def held_out_crops(pack: Pack, scale: int, count: int = 4) -> list[Crop]:
    """The most detailed crop of each of the first ``count`` held-out pictures, always the same ones.

    Each is the low-resolution input, uint8 ``(64, 64, 3)``, and its original ``(64 scale, 64 scale, 3)``;
    smaller where the picture is.
    """
    crops = []
    for item in pack.valid[:count]:
        picture = pack.picture(item)
        side = min(SIDE, min(picture.shape[:2]) // scale) * scale
        if side == 0:
            continue
        top, left = _busiest(pack.cells(item), pack.cell, side, picture.shape)
        hr = np.array(picture[top : top + side, left : left + side])
        crops.append((downscale(hr, scale), hr))
    return crops


def _busiest(cells: np.ndarray, cell: int, side: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """Top and left of the square of ``side`` pixels with the largest sum of cells; the first, if several are."""
    reach = max(side // cell, 1)
    total = np.pad(cells.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    if min(cells.shape) < reach:
        return (shape[0] - side) // 2, (shape[1] - side) // 2
    sums = total[reach:, reach:] - total[:-reach, reach:] - total[reach:, :-reach] + total[:-reach, :-reach]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return min(row * cell, shape[0] - side), min(column * cell, shape[1] - side)


def sheet(crops: Sequence[Crop], run: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Rows of low-resolution input (enlarged by repetition), bicubic, ``run``'s result and original.

    ``run`` maps uint8 ``(h, w, 3)`` to ``(s h, s w, 3)``. Returns uint8 ``(H, W, 3)`` with the headings on top.
    """
    rows = []
    for lr, hr in crops:
        scale = hr.shape[0] // lr.shape[0]
        enlarged = lr.repeat(scale, 0).repeat(scale, 1)
        rows.append((enlarged, upscale(lr, scale), run(lr), hr))
    width = max((hr.shape[1] for _, hr in crops), default=SIDE)
    parts = [_row([_heading(text, width) for text in HEADINGS], width)]
    for row in rows:
        parts += [np.full((GAP, parts[0].shape[1], 3), WHITE, np.uint8), _row(row, width)]
    return np.concatenate(parts)


def _row(cells: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Cells side by side, each filled up to ``width`` with white."""
    last = len(cells) - 1
    pads = [((0, 0), (0, width - c.shape[1] + (GAP if i < last else 0)), (0, 0)) for i, c in enumerate(cells)]
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
