"""What a JPEG says beside its pixels: segment by segment, and behind its picture."""

from __future__ import annotations

import hashlib
import io
import re
from typing import BinaryIO

from acutance.files import chunks, exif, xmp
from acutance.files.chunks import Part, content
from acutance.files.found import (
    CREDENTIALS,
    EXTENDED_HEAD,
    FILM,
    GAIN_MAP,
    GAIN_MAP_HEAD,
    PHOTOSHOP_HEAD,
    THERMAL,
    XMP_HEAD,
    Found,
    printable,
)  # fmt: skip
from acutance.files.tiff_directories import directory, layout_of

JPEG_STRUCTURE = {*range(0xC0, 0xE1), 0xEE}  # tables, frames, JFIF and Adobe's mark, which the encoder writes anew


def of_jpeg(file: BinaryIO) -> Found:
    """What a JPEG's segments say, and what lies behind its picture."""
    found, extended, resources, others, pictures = Found(), {}, [], [], 1
    for part in chunks.jpeg_segments(file):
        marker, head = part.name[0], content(file, part, 64)
        if marker == chunks.SCAN:
            _behind(file, chunks.jpeg_end(file, part), found, pictures)
        elif marker in JPEG_STRUCTURE or head.startswith(b"ICC_PROFILE\0"):
            continue
        elif marker == chunks.COMMENT:
            found.comments.append(found.take(file, part, "comments"))
        elif head.startswith(exif.PREFIX) and not found.exif:
            found.exif = exif.bare(found.take(file, part, "EXIF"))
        elif head.startswith(XMP_HEAD):
            found.packet(found.take(file, part, "XMP", len(XMP_HEAD)))
        elif head.startswith(EXTENDED_HEAD):
            _extended(found.take(file, part, "XMP", len(EXTENDED_HEAD)), extended)
        elif head.startswith(PHOTOSHOP_HEAD):
            resources.append(found.take(file, part, "captions", len(PHOTOSHOP_HEAD)))
        elif head.startswith(b"MPF\0"):
            pictures = _pictures(found.take(file, part, "pictures", 4))
        elif said := _known(marker, head):
            found.lose(said)
        else:
            others.append(f"APP{marker - 0xE0} {printable(head)}".strip())
    if CREDENTIALS in found.lost:  # in several segments, of which the first is marked
        others = [name for name in others if not name.startswith("APP11 JP")]
    found.unknown("data", list(dict.fromkeys(others)))
    found.resources = b"".join(resources)
    _join(found, extended)
    return found


def _known(marker: int, head: bytes) -> str:
    if head.startswith(b"FLIR\0"):
        return THERMAL
    if head.startswith(GAIN_MAP_HEAD):
        return GAIN_MAP
    return CREDENTIALS if marker == 0xEB and b"c2pa" in head else ""


def _extended(data: bytes, found: dict[bytes, dict[int, bytes]]) -> None:
    """Sort in one piece of extended XMP: its packet's name of 32 letters, its size and its place in it."""
    if len(data) >= 40:
        found.setdefault(data[:40][:36], {})[int.from_bytes(data[36:40], "big")] = data[40:]


def _join(found: Found, extended: dict[bytes, dict[int, bytes]]) -> None:
    """Put the extended packet that the XMP names behind it, if it is whole."""
    if not found.xmp or not (guid := xmp.value(found.xmp, xmp.NOTE, "HasExtendedXMP")):
        return
    for name, pieces in extended.items():
        whole = b"".join(pieces[place] for place in sorted(pieces))
        right = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode()
        if name[:32].upper() == guid.upper() == right:
            try:
                found.xmp = xmp.joined(found.xmp, xmp.understood(whole))
                return
            except xmp.NotUnderstood:
                break
    found.lose("carries more XMP than its first block, which cannot be read; only the first is kept")


def _pictures(block: bytes) -> int:
    """How many pictures a multi-picture index counts."""
    file = io.BytesIO(block)
    layout = layout_of(file)
    entry = directory(file, layout, layout.first)[0].get(0xB001) if layout else None
    return (entry.numbers(layout.order) or (1,))[0] if layout and entry else 1


def _behind(file: BinaryIO, end: int, found: Found, pictures: int) -> None:
    """Say what lies behind the picture: other pictures, a film, or something else."""
    size = file.seek(0, 2) - end
    first = content(file, Part(b"", end, size), 1 << 16)
    last = content(file, Part(b"", max(end, end + size - 4096), 4096), 4096)
    if pictures > 1 or first.lstrip(b"\0").startswith(b"\xff\xd8\xff"):
        count = f"{pictures} pictures" if pictures > 1 else "further pictures"
        found.lose(f"holds {count}; only the first is used")
    if re.search(rb"\0[\0-\xff]{2}.ftyp", first, re.S) or b"MotionPhoto_Data" in first + last:
        found.lose(FILM)
    elif pictures == 1 and first.strip(b"\0") and not first.lstrip(b"\0").startswith(b"\xff\xd8\xff"):
        found.lose(f"carries {size} bytes behind the picture, which are not kept")
