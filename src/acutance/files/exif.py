"""EXIF blocks: what no longer holds is patched in place, everything else stays byte for byte, maker notes included.

A block is a small TIFF file: places in it count from its beginning, and so do those that cameras' makers write into
their own notes. A block that is moved as a whole, as between JPEG, PNG, WebP and AVIF, keeps them right; the tags of a
TIFF file are laid out anew, and there a maker's own places no longer hold.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import BinaryIO

from acutance.files import maker_notes
from acutance.files.tiff_directories import (
    LONG,
    LONG8,
    SHORT,
    Directory,
    Entry,
    Layout,
    directory,
    layout_of,
    space_before,
    written,
)

PREFIX = b"Exif\0\0"
ORIENTATION, SIZES, PIXEL_SIZES = 0x0112, (0x0100, 0x0101), (0xA002, 0xA003)
SUB, GPS, INTEROPERABILITY, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
THUMBNAIL, THUMBNAIL_SIZE = 0x0201, 0x0202


@dataclass(frozen=True)
class Block:
    """The directories of a block: the main one, EXIF's, GPS, interoperability, and the place of the next main one."""

    layout: Layout
    main: Directory
    sub: Directory
    gps: Directory
    interoperability: Directory
    behind: int


def bare(block: bytes) -> bytes:
    """``block`` without the prefix that JPEG puts before it, and some programs in other formats too.

    >>> bare(b"Exif\\0\\0II*\\0"), bare(b"II*\\0")
    (b'II*\\x00', b'II*\\x00')
    """
    while block.startswith(PREFIX):
        block = block[len(PREFIX) :]
    return block


def read(block: bytes) -> Block | None:
    """The directories of ``block``; none if it is not one."""
    file = io.BytesIO(block)
    layout = layout_of(file)
    if layout is None or layout.big:
        return None
    main, behind = directory(file, layout, layout.first)
    sub = pointed(file, layout, main, SUB)
    gps = pointed(file, layout, main, GPS)
    return Block(layout, main, sub, gps, pointed(file, layout, sub, INTEROPERABILITY), behind) if main else None


def pointed(file: BinaryIO, layout: Layout, holder: Directory, tag: int) -> Directory:
    """The directory that ``tag`` of ``holder`` points to; empty if there is none."""
    numbers = holder[tag].numbers(layout.order) if tag in holder else ()
    return directory(file, layout, numbers[0])[0] if numbers else {}


def orientation(block: bytes) -> int:
    """1 to 8, as the block says; 0 if it does not."""
    found = read(block)
    if found is None or ORIENTATION not in found.main:
        return 0
    numbers = found.main[ORIENTATION].numbers(found.layout.order)
    return numbers[0] if numbers and 1 <= numbers[0] <= 8 else 0


def patched(block: bytes, width: int, height: int) -> bytes:
    """``block`` for an upright picture of this size in pixels, without the thumbnail of the old one."""
    found = read(block)
    if found is None:
        return block
    out, layout = bytearray(block), found.layout
    new = [(found.main, ORIENTATION, 1)]
    for tags, holder in ((SIZES, found.main), (PIXEL_SIZES, found.sub)):
        new += [(holder, tag, size) for tag, size in zip(tags, (width, height), strict=True)]
    for holder, tag, number in new:
        entry = holder.get(tag)
        if entry is not None and entry.count == 1 and entry.kind in (SHORT, LONG):
            kind = SHORT if entry.kind == SHORT and number < 1 << 16 else LONG
            out[entry.place + 2 : entry.place + 4] = layout.pack(SHORT, kind)
            out[entry.place + 8 : entry.place + 12] = layout.pack(kind, number).ljust(4, b"\0")
    return _without_thumbnail(out, found)


def _without_thumbnail(out: bytearray, found: Block) -> bytes:
    """Cut the link to the second directory; erase its picture unless something else lies there."""
    layout = found.layout
    link = layout.first + 2 + 12 * int.from_bytes(
        out[layout.first : layout.first + 2], "little" if layout.order == "<" else "big")  # fmt: skip
    if not found.behind or link + 4 > len(out):
        return bytes(out)
    second, _ = directory(io.BytesIO(out), layout, found.behind)
    out[link : link + 4] = bytes(4)
    begin, size = (
        sum(second[tag].numbers(layout.order)) if tag in second else 0 for tag in (THUMBNAIL, THUMBNAIL_SIZE)
    )
    end = min(begin + size, len(out))
    used = [(e.value_place, e.value_place + len(e.value)) for d in _all(found) for e in d.values()]
    used += [(e.place, e.place + 12) for d in _all(found) for e in d.values()]
    if begin < 8 or any(begin < last and first < end for first, last in used):
        return bytes(out)
    if end == len(out):
        return bytes(out[:begin])
    out[begin:end] = bytes(end - begin)
    return bytes(out)


def _all(found: Block) -> tuple[Directory, ...]:
    return found.main, found.sub, found.gps, found.interoperability


def of_tags(order: str, main: Directory, sub: Directory, gps: Directory, interoperability: Directory) -> bytes:
    """A block of these directories, laid out anew."""
    layout = Layout(order)
    out = bytearray((b"II" if order == "<" else b"MM") + layout.pack(SHORT, 42) + bytes(4))
    first = laid_out(layout, out, 0, main, (sub, gps, interoperability), order)
    out[4:8] = layout.pointer(first)
    return bytes(out)


def laid_out(
    layout: Layout, out: bytearray, place: int, main: Directory, others: tuple[Directory, ...], order: str,
    raw: tuple[bytes, ...] = (),
) -> int:  # fmt: skip
    """Append the main directory and the ``others`` (EXIF's, GPS, interoperability) to ``out``, which lies at ``place``
    of a file; where the main one begins. ``order``: the byte order in which a maker's note is written."""
    sub, gps, interoperability = others
    if interoperability:
        at = _append(layout, out, place, interoperability)
        sub = {**sub, INTEROPERABILITY: _link(layout, INTEROPERABILITY, at)}
    if MAKER_NOTE in sub:
        note = sub[MAKER_NOTE]
        at = place + len(out) + space_before(layout, sub, MAKER_NOTE)
        sub = {**sub, MAKER_NOTE: replace(note, value=maker_notes.moved(note, order, at) or note.value)}
    links = {SUB: sub, GPS: gps}
    for tag, linked in links.items():
        main = {key: entry for key, entry in main.items() if key != tag}
        if linked:
            main[tag] = _link(layout, tag, _append(layout, out, place, linked))
    return _append(layout, out, place, main, raw)


def _append(layout: Layout, out: bytearray, place: int, entries: Directory, raw: tuple[bytes, ...] = ()) -> int:
    data, begin = written(layout, entries.values(), place + len(out), raw)
    out.extend(data)
    return begin


def _link(layout: Layout, tag: int, place: int) -> Entry:
    return Entry(tag, LONG8 if layout.big else LONG, 1, layout.pointer(place))


def maker_note_stays(block: bytes) -> bool:
    """Whether a maker's note, if there is one, can be read when the block's tags are laid out anew."""
    found = read(block)
    note = found.sub.get(MAKER_NOTE) if found else None
    return found is None or note is None or not note.value or maker_notes.moves(note, found.layout.order)
