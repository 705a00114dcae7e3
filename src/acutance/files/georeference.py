"""GeoTIFF: where on the earth a picture lies, scaled with it."""

from __future__ import annotations

from acutance.files.tiff_directories import DOUBLE, Directory, Entry, Layout

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS = 33550, 33922, 34264, 34735
TAGS = {PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, KEYS, 34736, 34737}
RASTER_TYPE, IS_POINT = 1025, 2  # a key of GeoTIFF: whole places lie in the middle of pixels


def scaled(tags: Directory, order: str, across: float, down: float) -> list[Entry]:
    """The tags of a picture that has ``across`` times as many columns and ``down`` times as many rows.

    Scales are the earth's size of a pixel, tie points six numbers each (column, row, height; then on the earth), the
    transformation a 4 x 4 matrix from column and row to the earth.
    """
    layout = Layout(order)
    half = 0.5 if _whole_is_middle(tags, order) else 0.0
    out = []
    for tag, entry in sorted(tags.items()):
        numbers = list(entry.doubles(order))
        if tag == PIXEL_SCALE and len(numbers) >= 2:
            numbers[:2] = numbers[0] / across, numbers[1] / down
        elif tag == TIE_POINTS:
            for i in range(0, len(numbers) - 5, 6):
                numbers[i] = (numbers[i] + half) * across - half
                numbers[i + 1] = (numbers[i + 1] + half) * down - half
        elif tag == TRANSFORMATION and len(numbers) == 16:
            for row in range(0, 16, 4):
                a, b = numbers[row], numbers[row + 1]
                numbers[row], numbers[row + 1] = a / across, b / down
                numbers[row + 3] += (half / across - half) * a + (half / down - half) * b
        value = layout.pack(DOUBLE, *numbers) if numbers else entry.value
        out.append(Entry(tag, entry.kind, entry.count, value))
    return out


def _whole_is_middle(tags: Directory, order: str) -> bool:
    keys = tags[KEYS].numbers(order) if KEYS in tags else ()
    return any(keys[i] == RASTER_TYPE and keys[i + 3] == IS_POINT for i in range(4, len(keys) - 3, 4))
