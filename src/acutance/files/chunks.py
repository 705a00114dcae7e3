"""The parts that picture files are made of: walked by their lengths alone, bounded, without an error for any bytes.

Every walk ends where the file does not follow its format; what was found until then counts. Places and sizes are bytes
from the beginning of the file and those of a part's content.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MOST_PARTS = 1 << 16  # in one file, beside its pixels
MOST_BLOCKS = 1 << 20  # of a GIF
BLOCK = 1 << 20  # bytes read at once while the end of a JPEG is looked for
ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length (ITU-T T.81, table B.1)
SCAN, END, COMMENT, APP0 = 0xDA, 0xD9, 0xFE, 0xE0
MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # not stuffing, restart or fill


@dataclass(frozen=True)
class Part:
    """One part: its name (a JPEG's marker is one byte), and where its content lies."""

    name: bytes
    place: int
    size: int


def content(file: BinaryIO, part: Part, most: int) -> bytes:
    """The content of ``part``, at most ``most`` bytes of it."""
    file.seek(part.place)
    return file.read(min(part.size, most))


def jpeg_segments(file: BinaryIO) -> Iterator[Part]:
    """The segments before the picture, and the header of its first scan."""
    place = 2
    for _ in range(MOST_PARTS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 2 or head[0] != 0xFF:
            return
        if head[1] == 0xFF or head[1] in ALONE:  # fill bytes, or no content
            place += 1 if head[1] == 0xFF else 2
            continue
        size = int.from_bytes(head[2:4], "big")
        if len(head) < 4 or size < 2:
            return
        yield Part(head[1:2], place + 4, size - 2)
        if head[1] == SCAN:
            return
        place += 2 + size


def jpeg_is_ended(file: BinaryIO) -> bool:
    """Whether the first picture of a JPEG has its end marker, whatever lies behind it."""
    scan = next((part for part in jpeg_segments(file) if part.name[0] == SCAN), None)
    mark = bytes((0xFF, END))
    if scan is None:  # a segment that misleads; decoders may find the picture nevertheless
        file.seek(max(0, file.seek(0, 2) - BLOCK))
        return mark in file.read()
    file.seek(jpeg_end(file, scan) - 2)
    return file.read(2) == mark


def jpeg_end(file: BinaryIO, scan: Part) -> int:
    """Where the picture ends whose first scan begins with ``scan``; the end of the file if nothing says so."""
    size, place = file.seek(0, 2), scan.place + scan.size
    base, block = place, b""
    for _ in range(MOST_PARTS + size // BLOCK):
        if not base <= place < base + len(block) - 1:
            file.seek(place)
            base, block = place, file.read(BLOCK)
        found = MARKER.search(block, place - base)
        if found is None:
            if len(block) < BLOCK:
                return size
            place = base + len(block) - 1
            continue
        place = base + found.end()
        if found[0][1] == END:
            return place
        if found[0][1] not in ALONE:
            file.seek(place)
            place += int.from_bytes(file.read(2), "big")
    return size


def png_chunks(file: BinaryIO) -> Iterator[Part]:
    """All chunks but those of the pixels, before and behind them."""
    place, found = 8, 0
    while found < MOST_PARTS:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head)
        if name not in (b"IDAT", b"fdAT"):
            yield Part(name, place + 8, size)
            found += 1
        if name == b"IEND":
            return
        place += 12 + size


def riff_chunks(file: BinaryIO) -> Iterator[Part]:
    """The chunks of a WebP."""
    place = 12
    for _ in range(MOST_PARTS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        yield Part(name, place + 8, size)
        place += 8 + size + size % 2


def gif_extensions(file: BinaryIO) -> Iterator[Part]:
    """A GIF's extensions, by label; of applications (255) by label and name. The content has blocks' lengths in it."""
    file.seek(0)
    head = file.read(13)
    if len(head) < 13:
        return
    place, room = 13 + _palette(head[10]), MOST_BLOCKS
    while room > 0:
        file.seek(place)
        head = file.read(3 + 255)
        if head[:1] == b"\x21" and len(head) >= 3:
            own = 3 + head[2] if head[1] == 0xFF else 2  # an application's name
            end, blocks = _blocks_end(file, place + own, room)
            yield Part(head[1:2] + head[3:own], place + own, max(0, end - 1 - place - own))
        elif head[:1] == b"\x2c" and len(head) >= 10:
            end, blocks = _blocks_end(file, place + 11 + _palette(head[9]), room)
        else:
            return
        place, room = end, room - blocks


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(file: BinaryIO, place: int, most: int) -> tuple[int, int]:
    """Behind the empty block that ends a row of at most ``most`` blocks of a GIF, and how many there are."""
    for count in range(1, most + 1):
        file.seek(place)
        length = file.read(1)
        place += 1
        if not length or not length[0]:
            return place, count
        place += length[0]
    return place, most


def unblocked(blocks: bytes) -> bytes:
    """The content of a row of a GIF's blocks.

    >>> unblocked(bytes([2, 65, 66, 1, 67, 0]))
    b'ABC'
    """
    found, place = [], 0
    while place < len(blocks) and blocks[place]:
        found.append(blocks[place + 1 : place + 1 + blocks[place]])
        place += 1 + blocks[place]
    return b"".join(found)


def boxes(file: BinaryIO, place: int, end: int) -> Iterator[Part]:
    """The boxes between two places of an AVIF or HEIF (ISO 14496-12)."""
    for _ in range(MOST_PARTS):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8 or place + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", head)
        own = 8
        if size == 1 and len(head) == 16:
            (size,), own = struct.unpack_from(">Q", head, 8), 16
        size = end - place if size == 0 else size
        if size < own:
            return
        yield Part(name, place + own, min(size, end - place) - own)
        place += size
