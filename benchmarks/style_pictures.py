"""The README's examples of a style: photographs no model learned from, whole and at full size.

Usage: python benchmarks/style_pictures.py PHOTO... -o docs [--model vangogh]

Writes docs/style-1.jpg and so on: left the photograph, right the painting; above whole, below a detail pixel by pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyvips

from acutance import Stylizer
from acutance.files.pixels import read_rgb8

WIDE, DETAIL, GAP = 560, 280, 6  # pixels of a half; rows of the detail; between parts


def reduced(picture: np.ndarray) -> np.ndarray:
    """As wide as half the example."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(picture))
    return image.resize(WIDE / image.width).numpy() if image.width > WIDE else picture


def busiest(picture: np.ndarray) -> tuple[int, int]:
    """Top and left of the detail: where the painting has most strokes."""
    change = np.abs(np.diff(picture.astype(np.int16).mean(2), axis=0))[:, :-1]
    total = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tall, wide = DETAIL, min(WIDE, picture.shape[1])
    sums = total[tall:, wide - 1 :] - total[:-tall, wide - 1 :] - total[tall:, : -wide + 1] + total[:-tall, : -wide + 1]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(top), int(left)


def main() -> None:
    """Paint and lay out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="vangogh")
    given = parser.parse_args()
    stylizer = Stylizer(given.model)
    for number, path in enumerate(given.photos, 1):
        photo = read_rgb8(path)
        painted = stylizer(photo)
        top, left = busiest(painted)
        detail = np.s_[top : top + DETAIL, left : left + WIDE]
        rows = []
        for pair in ((reduced(photo), reduced(painted)), (photo[detail], painted[detail])):
            spare = np.full((pair[0].shape[0], GAP, 3), 255, np.uint8)
            rows.append(np.concatenate([pair[0], spare, pair[1]], 1))
        sheet = np.concatenate([rows[0], np.full((GAP, rows[0].shape[1], 3), 255, np.uint8), rows[1]])
        target = given.output / f"style-{number}.jpg"
        pyvips.Image.new_from_array(sheet).write_to_file(str(target), Q=82)
        print(f"{target}: {path.name}")


if __name__ == "__main__":
    main()
