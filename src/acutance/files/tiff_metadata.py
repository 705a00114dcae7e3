"""What a TIFF says beside its picture: taken out as an EXIF block and more, and put into one that is written."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from acutance.files import exif, georeference, maker_notes
from acutance.files.tiff_directories import (
    BYTES,
    LONG,
    UNDEFINED,
    Directory,
    Entry,
    Layout,
    directory,
    layout_of,
    raw_entries,
)

XMP, CAPTIONS, RESOURCES, PROFILE = 700, 33723, 34377, 34675
STRUCTURE = {
    *range(254, 267), 273, *range(277, 285), *range(288, 294), 296, 297, 301, *range(317, 347), 347, 351,
    *range(512, 522), *range(529, 533), 559, 42113, 32781, 32995, 32996, 32997, 32998, 33421, 33422, PROFILE,
    exif.ORIENTATION,
}  # fmt: skip # what describes the samples, and how they lie in the file
ELSEWHERE = {XMP, CAPTIONS, RESOURCES, exif.SUB, exif.GPS, exif.INTEROPERABILITY, *georeference.TAGS}
NOT_KEPT = {
    37724: "Photoshop layers", 34412: "microscope data", 50844: "rational polynomials",
    **dict.fromkeys(range(50706, 50742), "camera calibration (DNG)"),
    **dict.fromkeys(range(50778, 50784), "camera calibration (DNG)"),
    **dict.fromkeys(range(50827, 50842), "camera calibration (DNG)"),
}  # fmt: skip
LARGEST_PRIVATE = 1 << 20  # bytes of a tag that is copied without knowing what it means


def main_directory(file: BinaryIO) -> tuple[Layout, Directory]:
    """The first directory of a TIFF; empty where there is none."""
    layout = layout_of(file)
    if layout is None:
        return Layout("<"), {}
    return layout, directory(file, layout, layout.first)[0]


def block(file: BinaryIO, layout: Layout, main: Directory) -> bytes:
    """The tags that describe, as an EXIF block; empty if there are none."""
    described = {tag: e for tag, e in main.items() if describes(tag, e)}
    sub, gps = (exif.pointed(file, layout, main, tag) for tag in (exif.SUB, exif.GPS))
    interoperability = exif.pointed(file, layout, sub, exif.INTEROPERABILITY)
    if not described and not sub and not gps:
        return b""
    return exif.of_tags(layout.order, *map(_classic, (described, sub, gps, interoperability)))


def maker_note_stays(file: BinaryIO, layout: Layout, main: Directory) -> bool:
    """Whether a maker's note, if there is one, can be read in a block."""
    note = exif.pointed(file, layout, main, exif.SUB).get(exif.MAKER_NOTE)
    return note is None or maker_notes.moves(note, layout.order)


def _classic(tags: Directory) -> Directory:
    """Tags of types that only BigTIFF knows are left out: none of EXIF's have them."""
    return {tag: entry for tag, entry in tags.items() if entry.kind <= 12}


def describes(tag: int, entry: Entry) -> bool:
    """Whether a tag says something of the picture that can be carried to another file."""
    known = tag not in STRUCTURE and tag not in ELSEWHERE and tag not in NOT_KEPT
    return known and entry.kind <= 12 and 0 < len(entry.value) <= LARGEST_PRIVATE


def lost(main: Directory) -> list[str]:
    """What the tags hold that goes nowhere, in words."""
    named = {NOT_KEPT[tag] for tag in main if tag in NOT_KEPT}
    other = [
        tag for tag, e in main.items()
        if tag not in STRUCTURE | ELSEWHERE | NOT_KEPT.keys() and not describes(tag, e)
    ]  # fmt: skip
    return sorted(named) + ([f"TIFF tags {', '.join(map(str, other[:8]))}"] if other else [])


def resolution_tags(block_: exif.Block) -> set[int]:
    """The tags of a block that a TIFF's own structure says already."""
    return {tag for tag in block_.main if tag in STRUCTURE or tag in (282, 283) or tag in ELSEWHERE}


def append(file: BinaryIO, block_: bytes, more: list[Entry], order: str) -> None:
    """Write a new main directory behind the TIFF in ``file``: its own tags, those of an EXIF block, and ``more``,
    which come in byte ``order``."""
    layout = layout_of(file)
    found = exif.read(block_)
    if layout is None or (found is None and not more):
        return
    own = {struct.unpack_from(layout.order + "H", line)[0]: line for line in raw_entries(file, layout, layout.first)}
    new = {entry.tag: entry.in_order(order, layout.order) for entry in more}
    sub: tuple[Directory, ...] = ({}, {}, {})
    old = found.layout.order if found is not None else order
    if found is not None:
        skipped = own.keys() | new.keys() | resolution_tags(found)
        new |= _ordered({tag: e for tag, e in found.main.items() if tag not in skipped}, old, layout.order)
        sub = tuple(_ordered(tags, old, layout.order) for tags in (found.sub, found.gps, found.interoperability))
    place = file.seek(0, 2)
    out = bytearray(-place % 16)
    raw = tuple(line for tag, line in own.items() if tag not in new)
    first = exif.laid_out(layout, out, place, new, sub, old, raw)
    file.write(out)
    file.seek(8 if layout.big else 4)
    file.write(layout.pointer(first))


def _ordered(tags: Directory, old: str, new: str) -> Directory:
    return {tag: entry.in_order(old, new) for tag, entry in tags.items()}


def blob(tag: int, data: bytes) -> Entry:
    """A tag that holds another format's bytes."""
    return Entry(tag, BYTES if tag != CAPTIONS else UNDEFINED, len(data), data)


def captions(entry: Entry, order: str) -> bytes:
    """Captions in a tag; many programs wrote them as numbers of 32 bits, in their own byte order."""
    if entry.kind == LONG and entry.value[:1] != b"\x1c":
        return entry.in_order(order, ">" if order == "<" else "<").value
    return entry.value


def numbers(path: Path) -> dict[int, int]:
    """The tags of a TIFF's first directory, with their values where they are one short number."""
    with open(path, "rb") as file:
        layout, main = main_directory(file)
    return {tag: (entry.numbers(layout.order) or (0,))[0] & 0xFFFF for tag, entry in main.items()}
