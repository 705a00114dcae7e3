"""TIFF's directories, in TIFF files and in EXIF blocks: read without an error for any bytes, and written."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
PAIRS = (5, 10)  # rationals: two numbers each
BYTES, ASCII, SHORT, LONG, UNDEFINED, DOUBLE, LONG8 = 1, 2, 3, 4, 7, 12, 16
MOST_ENTRIES = 4096
LARGEST_VALUES = 16 << 20  # bytes of a directory's values together; what is beyond is not read


@dataclass(frozen=True)
class Layout:
    """``order``: "<" or ">" as in ``struct``; ``big``: BigTIFF; ``first``: place of the first directory."""

    order: str
    big: bool = False
    first: int = 8

    @property
    def entry_size(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12

    def pack(self, kind: int, *numbers: int | float) -> bytes:
        """``numbers`` as TIFF's type ``kind``."""
        return struct.pack(f"{self.order}{len(numbers)}{ {1: 'B', 3: 'H', 4: 'I', 12: 'd', 16: 'Q'}[kind] }", *numbers)

    def pointer(self, place: int) -> bytes:
        """A place in the file."""
        return self.pack(LONG8 if self.big else LONG, place)


@dataclass(frozen=True)
class Entry:
    """A tag with ``count`` values of a type, as bytes; where it and its value lie in the file."""

    tag: int
    kind: int
    count: int
    value: bytes
    place: int = 0
    value_place: int = 0

    def numbers(self, order: str) -> tuple[int, ...]:
        """Its whole numbers; none of other types."""
        letter = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(self.kind)
        return struct.unpack(f"{order}{self.count}{letter}", self.value) if letter else ()

    def doubles(self, order: str) -> tuple[float, ...]:
        """Its floating-point numbers; none of other types."""
        return struct.unpack(f"{order}{self.count}d", self.value) if self.kind == DOUBLE else ()

    def in_order(self, old: str, new: str) -> Entry:
        """The entry for a file of another byte order."""
        unit = UNITS.get(self.kind, 0)
        if old == new or unit < 2:
            return self
        value = self.value
        return replace(self, value=b"".join(value[i : i + unit][::-1] for i in range(0, len(value), unit)))


Directory = dict[int, Entry]


def layout_of(file: BinaryIO) -> Layout | None:
    """How the TIFF structure at the beginning of ``file`` is laid out; none if there is none."""
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    if not order or len(head) < 8:
        return None
    if struct.unpack_from(order + "H", head, 2)[0] == 43:
        return Layout(order, True, struct.unpack_from(order + "Q", head, 8)[0]) if len(head) == 16 else None
    return Layout(order, False, struct.unpack_from(order + "I", head, 4)[0])


def directory(file: BinaryIO, layout: Layout, place: int) -> tuple[Directory, int]:
    """The entries of the directory at ``place``, by tag, and the place of the next one (0: none).

    Entries of unknown types, and those whose values are too large or end behind the file, have none.
    """
    raw, found, behind, room = raw_entries(file, layout, place), {}, 0, LARGEST_VALUES
    step, number = layout.entry_size, "Q" if layout.big else "I"
    inline = 8 if layout.big else 4
    start = place + (8 if layout.big else 2)
    for index, entry in enumerate(raw):
        tag, kind, count = struct.unpack_from(layout.order + "HH" + number, entry)
        size = UNITS.get(kind, 0) * (2 if kind in PAIRS else 1) * count
        value, at = entry[step - inline :][:size], start + index * step + step - inline
        if size > inline:
            (at,) = struct.unpack_from(layout.order + number, entry, step - inline)
            value = _at(file, at, size) if size <= room else b""
            room -= len(value)
        whole = len(value) == size > 0
        found.setdefault(tag, Entry(tag, kind, count * whole, value * whole, start + index * step, at))
    link = _at(file, start + len(raw) * step, inline) if raw else b""
    if len(link) == inline:
        (behind,) = struct.unpack(layout.order + number, link)
    return found, behind


def raw_entries(file: BinaryIO, layout: Layout, place: int) -> list[bytes]:
    """The entries at ``place`` as they lie there."""
    width, step = (8, layout.entry_size) if layout.big else (2, 12)
    counted = _at(file, place, width)
    if len(counted) < width:
        return []
    count = int.from_bytes(counted, "little" if layout.order == "<" else "big")
    entries = file.read(step * min(count, MOST_ENTRIES))
    return [entries[i : i + step] for i in range(0, len(entries) - step + 1, step)]


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    if place >= 1 << 62:  # no file reaches there, nor does seek
        return b""
    file.seek(place)
    return file.read(size)


def written(layout: Layout, entries: Iterable[Entry], place: int, raw: Iterable[bytes] = ()) -> tuple[bytes, int]:
    """Bytes that lie at ``place`` and hold a directory of ``entries``, and where in the file it begins.

    ``raw``: entries that are as they are, their values elsewhere in the file. Offsets are even, as TIFF asks.
    """
    values, lines = bytearray(), [*raw]
    inline, number = (8, "Q") if layout.big else (4, "I")
    for entry in filter(lambda entry: entry.value, entries):
        field = entry.value.ljust(inline, b"\0")
        if len(entry.value) > inline:
            field = layout.pointer(place + len(values))
            values += entry.value + b"\0" * (-len(entry.value) % 8)
        lines.append(struct.pack(layout.order + "HH" + number, entry.tag, entry.kind, entry.count) + field)
    lines.sort(key=lambda line: struct.unpack_from(layout.order + "H", line))
    head = struct.pack(layout.order + ("Q" if layout.big else "H"), len(lines))
    return bytes(values) + head + b"".join(lines) + bytes(inline), place + len(values)


def space_before(layout: Layout, entries: Directory, tag: int) -> int:
    """How far behind the place given to ``written`` the value of ``tag`` will lie; it must not fit its entry."""
    inline, before = (8 if layout.big else 4), 0
    for entry in entries.values():
        if entry.tag == tag:
            break
        if len(entry.value) > inline:
            before += len(entry.value) + -len(entry.value) % 8
    return before
