"""Pictures with more metadata than memory should hold are handed to the decoder without it.

libvips copies all of it twice, whatever its size, and some of its decoders refuse the picture for it. What is kept is
read elsewhere, within limits of its own.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from typing import BinaryIO

from acutance.files import chunks, heif_items, tiff_metadata
from acutance.files.found import LARGEST, PNG_TEXT
from acutance.files.tiff_directories import layout_of, raw_entries

MOST_TEXT = 1 << 20  # bytes of PNG text, compressed text counted as what it may become
INFLATED = 1000  # times that compressed text may grow
LEFT = 64  # bytes that are left of an item that must stay

Edit = tuple[int, int, bytes]  # begin and end in the file, and what is there instead


def edits(file: BinaryIO) -> list[Edit]:
    """What to change in ``file`` so that its metadata is small; nothing if it is."""
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"\xff\xd8"):
        return _heavy([_around(part, 4) for part in chunks.jpeg_segments(file) if _is_metadata(file, part)], LARGEST)
    if head.startswith(b"\x89PNG"):
        return _png(file)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _webp(file)
    if head[:2] in (b"II", b"MM"):
        return _tiff(file)
    return _heif(file) if head[4:8] == b"ftyp" else []


def _around(part: chunks.Part, before: int, behind: int = 0) -> Edit:
    return part.place - before, part.place + part.size + behind, b""


def _heavy(found: list[Edit], most: int) -> list[Edit]:
    return found if sum(end - begin for begin, end, _ in found) > most else []


def _is_metadata(file: BinaryIO, part: chunks.Part) -> bool:
    marker = part.name[0]
    ours = marker == chunks.COMMENT or (0xE1 <= marker <= 0xEF and marker != 0xEE)
    return ours and not (marker == 0xE2 and chunks.content(file, part, 12).startswith(b"ICC_PROFILE\0"))


def _png(file: BinaryIO) -> list[Edit]:
    texts = [part for part in chunks.png_chunks(file) if part.name in PNG_TEXT]
    weight = sum(part.size * (1 if part.name == b"tEXt" else INFLATED) for part in texts)
    return [_around(part, 8, 4) for part in texts] if weight > MOST_TEXT else []


def _webp(file: BinaryIO) -> list[Edit]:
    parts = list(chunks.riff_chunks(file))
    heavy = _heavy([_around(part, 8, part.size % 2) for part in parts if part.name in (b"EXIF", b"XMP ")], LARGEST)
    if not heavy:
        return []
    size = file.seek(0, 2) - 8 - sum(end - begin for begin, end, _ in heavy)
    flags = [(part.place, part.place + 1, bytes([chunks.content(file, part, 1)[0] & ~0x0C]))
             for part in parts if part.name == b"VP8X" and part.size]  # fmt: skip
    return sorted([(4, 8, struct.pack("<I", size & 0xFFFFFFFF)), *flags, *heavy])


def _tiff(file: BinaryIO) -> list[Edit]:
    """Of tags that are too large one value is left, which the decoder does not look at."""
    layout = layout_of(file)
    if layout is None:
        return []
    found, place = [], layout.first + (8 if layout.big else 2)
    for index, line in enumerate(raw_entries(file, layout, layout.first)):
        tag, _, count = struct.unpack_from(layout.order + ("HHQ" if layout.big else "HHI"), line)
        if tag not in tiff_metadata.STRUCTURE and count > MOST_TEXT:
            at = place + index * layout.entry_size + 4
            found.append((at, at + (8 if layout.big else 4), layout.pointer(1)))
    return found


def _heif(file: BinaryIO) -> list[Edit]:
    found = []
    for item in heif_items.read(file).items:
        size = sum(extent.size for extent in item.extents)
        if item.kind in (b"Exif", b"mime", b"uri ") and size > LARGEST:
            for extent in item.extents:
                width = extent.widths[2]
                left = min(LEFT, extent.size).to_bytes(width, "big") if width else b""
                found.append((extent.size_at, extent.size_at + width, left))
    return sorted(found)


class Lean(io.RawIOBase):
    """``file`` with ``edits`` made, as a file that is read."""

    def __init__(self, file: BinaryIO, changes: list[Edit]) -> None:
        self.file, self.at = file, 0
        size, place, start = file.seek(0, 2), 0, 0
        self.starts: list[int] = []
        self.pieces: list[tuple[int, int, bytes | None]] = []  # where in the file, size, or bytes of ours
        for begin, end, new in [*changes, (size, size, b"")]:
            if begin < place:  # a part within another
                continue
            for piece in ((place, begin - place, None), (0, len(new), new)):
                if piece[1] > 0:
                    self.starts.append(start)
                    self.pieces.append(piece)
                    start += piece[1]
            place = end
        self.size = start

    def seek(self, offset: int, whence: int = 0) -> int:
        """As files do."""
        self.at = max(0, offset + (0, self.at, self.size)[whence])
        return self.at

    def read(self, size: int = -1) -> bytes:
        """As files do, at most what lies together."""
        index = bisect_right(self.starts, self.at) - 1
        if index < 0 or self.at >= self.size:
            return b""
        place, length, new = self.pieces[index]
        inside = self.at - self.starts[index]
        most = length - inside if size < 0 else min(size, length - inside)
        if new is None:
            self.file.seek(place + inside)
            data = self.file.read(most)
        else:
            data = new[inside : inside + most]
        self.at += len(data)
        return data
