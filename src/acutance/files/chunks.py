"""The parts of a PNG or JPEG before its picture, for what libvips does not tell of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

MOST = 64  # bytes of a part that are read
ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length (ITU-T T.81, table B.1)
SCAN, COMMENT = 0xDA, 0xFE


def png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Names and first bytes of the chunks before the picture."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", head)
            if name == b"IDAT":
                return
            yield name, file.read(min(size, MOST))
            file.seek(max(0, size - MOST) + 4, 1)


def jpeg_segments(path: Path) -> Iterator[tuple[int, bytes]]:
    """Markers and first bytes of the segments before the picture."""
    with open(path, "rb") as file:
        file.seek(2)
        while len(head := file.read(2)) == 2 and head[0] == 0xFF and head[1] != SCAN:
            if head[1] == 0xFF:  # fill bytes
                file.seek(-1, 1)
                continue
            if head[1] in ALONE:
                continue
            (size,) = struct.unpack(">H", file.read(2))
            yield head[1], file.read(min(size - 2, MOST))
            file.seek(max(0, size - 2 - MOST), 1)
