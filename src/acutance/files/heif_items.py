"""The items of an AVIF or HEIF: where EXIF, XMP and hidden pictures lie (ISO 23008-12, 14496-12)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from acutance.files.chunks import Part, boxes, content

LARGEST_TABLE = 4 << 20  # bytes of a table of items
MOST_ITEMS = 10_000


@dataclass(frozen=True)
class Extent:
    """Bytes of an item; ``place`` in the file or in its ``idat``; where in the file its numbers are written."""

    place: int
    size: int
    in_idat: bool
    base_at: int
    place_at: int
    size_at: int
    widths: tuple[int, int, int]  # bytes of base, place and size


@dataclass(frozen=True)
class Item:
    """An item: its type of four letters, its content type if it is a file of its own, and where it lies."""

    kind: bytes
    content_type: bytes
    extents: tuple[Extent, ...]


@dataclass(frozen=True)
class Items:
    """All items; names of the boxes; what auxiliary pictures are called."""

    items: tuple[Item, ...]
    idat: Part | None
    tops: tuple[tuple[bytes, bytes], ...]
    auxiliary: tuple[bytes, ...]

    def content(self, file: BinaryIO, item: Item, most: int) -> bytes:
        """The bytes of ``item``, at most ``most``."""
        out = []
        for extent in item.extents:
            place = extent.place + (self.idat.place if extent.in_idat and self.idat else 0)
            if place < 1 << 62 and most > 0:
                out.append(content(file, Part(b"", place, extent.size), most))
                most -= len(out[-1])
        return b"".join(out)


def read(file: BinaryIO) -> Items:
    """What the tables of ``file`` say; as much as follows the format."""
    end = file.seek(0, 2)
    tops = list(boxes(file, 0, end))
    meta = next((box for box in tops if box.name == b"meta"), None)
    names = tuple((box.name, content(file, box, 16)) for box in tops)
    if meta is None:
        return Items((), None, names, ())
    inside = {box.name: box for box in boxes(file, meta.place + 4, meta.place + meta.size)}
    kinds = dict(_kinds(file, inside[b"iinf"])) if b"iinf" in inside else {}
    places = dict(_places(file, inside[b"iloc"])) if b"iloc" in inside else {}
    items = tuple(Item(*kind, places.get(number, ())) for number, kind in kinds.items())
    return Items(items, inside.get(b"idat"), names, tuple(_auxiliary(file, inside.get(b"iprp"))))


def _kinds(file: BinaryIO, table: Part) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    head = content(file, table, 8)
    start = table.place + (6 if head[:1] == b"\0" else 8)
    for count, box in enumerate(boxes(file, start, table.place + table.size)):
        data = content(file, box, 256)
        if count >= MOST_ITEMS or box.name != b"infe" or len(data) < 12 or data[0] < 2:
            continue
        wide = 2 if data[0] == 2 else 4
        kind = data[6 + wide : 10 + wide]
        named = data[10 + wide :].split(b"\0")
        yield int.from_bytes(data[4 : 4 + wide], "big"), (kind, named[1] if kind == b"mime" and len(named) > 1 else b"")


class _Numbers(io.BytesIO):
    """Big-endian numbers in a row; 0 behind the end."""

    def next(self, width: int) -> int:
        """The next number, of ``width`` bytes."""
        return int.from_bytes(self.read(width).ljust(width, b"\0"), "big")


def _places(file: BinaryIO, table: Part) -> Iterator[tuple[int, tuple[Extent, ...]]]:
    data = _Numbers(content(file, table, LARGEST_TABLE))
    version = data.next(4) >> 24
    widths = data.next(2)
    place, size, base, index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    wide, room = 4 if version == 2 else 2, MOST_ITEMS
    for _ in range(min(data.next(wide), MOST_ITEMS)):
        number = data.next(wide)
        method = data.next(2) & 15 if version else 0
        data.next(2)
        base_at = table.place + data.tell()
        origin, extents = data.next(base), []
        for _ in range(min(data.next(2), room)):
            room -= 1
            data.next(index if version else 0)
            place_at = table.place + data.tell()
            begin = origin + data.next(place)
            size_at = table.place + data.tell()
            extents.append(Extent(begin, data.next(size), method == 1, base_at, place_at, size_at, (base, place, size)))
            if data.tell() > table.size:
                return
        yield number, tuple(extents)


def _auxiliary(file: BinaryIO, properties: Part | None) -> Iterator[bytes]:
    for container in boxes(file, properties.place, properties.place + properties.size) if properties else ():
        if container.name == b"ipco":
            for box in boxes(file, container.place, container.place + container.size):
                if box.name == b"auxC":
                    yield content(file, box, 128)[4:].split(b"\0")[0]
