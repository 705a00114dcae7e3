"""Metadata in the files that libvips writes: it writes pixels and profile, here the rest is put beside them.

JPEG and PNG take it behind their head: room is left before the picture is written, and filled afterwards. WebP, AVIF
and TIFF take it at their end, and their tables are pointed there.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from acutance.files import chunks, exif, heif_items, photoshop, tiff_metadata, xmp
from acutance.files.found import EXTENDED_HEAD, PHOTOSHOP_HEAD, PNG_XMP, XMP_HEAD, Found
from acutance.files.metadata import LARGEST_SEGMENT, Metadata, exif_fits
from acutance.files.png_metadata import LARGEST_TEXT

HEADS = {"jpg": 2, "png": 33}  # bytes before which nothing may stand
HEX_LINE = 36  # bytes of a profile in a line of hexadecimal digits
VP8X_EXIF, VP8X_XMP = 0x08, 0x04


def kept_by_libvips(file_format: str, fields: Metadata) -> str:
    """What libvips is told to keep: the profile, and what makes room for more."""
    kept = ["icc"]
    if (file_format == "webp" and (fields.found.exif or fields.found.xmp)) or (
        file_format == "avif" and fields.found.exif
    ):
        kept.append("exif")
    if file_format == "avif":
        kept.append("xmp")
    return "|".join(kept)


def ahead(file_format: str, fields: Metadata) -> bytes:
    """What stands between the head and the picture."""
    if file_format == "jpg":
        parts = [_jfif(fields), *_segments(fields.found)]
        return b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in parts)
    if file_format == "png":
        parts = _chunks(fields)
        return b"".join(
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
            for name, data in parts
        )
    return b""


def _jfif(fields: Metadata) -> tuple[int, bytes]:
    dots = [min(65535, max(1, round(r * 25.4))) for r in fields.resolution]
    known = fields.resolution != (1.0, 1.0)
    return chunks.APP0, b"JFIF\0\1\1" + struct.pack(">BHHBB", known, *(dots if known else (1, 1)), 0, 0)


def _segments(found: Found) -> Iterator[tuple[int, bytes]]:
    """Markers and contents of a JPEG's segments."""
    if found.exif and exif_fits(found.exif):
        yield 0xE1, exif.PREFIX + found.exif
    packet, rest, guid = xmp.in_parts(found.xmp, LARGEST_SEGMENT - len(XMP_HEAD))
    if packet:
        yield 0xE1, XMP_HEAD + packet
    for at, piece in _pieces(rest, LARGEST_SEGMENT - len(EXTENDED_HEAD) - 40):
        yield 0xE1, EXTENDED_HEAD + guid + struct.pack(">II", len(rest), at) + piece
    for _, piece in _pieces(found.resources, LARGEST_SEGMENT - len(PHOTOSHOP_HEAD)):
        yield 0xED, PHOTOSHOP_HEAD + piece
    for comment in found.comments:
        yield chunks.COMMENT, comment


def _pieces(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    return ((at, data[at : at + size]) for at in range(0, len(data), size))


def _chunks(fields: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of a PNG's chunks."""
    found = fields.found
    yield from ((name, data) for name, data in found.colours if not fields.profile or name != b"sRGB")
    if found.exif:
        yield b"eXIf", found.exif
    if found.xmp:
        yield b"iTXt", PNG_XMP + bytes(4) + found.xmp
    if found.resources:
        key, text = b"Raw profile type iptc\0", _hexadecimal(b"iptc", found.resources)
        large = len(text) > LARGEST_TEXT  # which other programs do not unpack
        yield (b"tEXt", key + text) if large else (b"zTXt", key + b"\0" + zlib.compress(text))
    for comment in filter(None, (c.strip(b"\0").replace(b"\0", b" ") for c in found.comments)):
        international = not comment.isascii() and _is_utf8(comment)
        yield (b"iTXt", b"Comment\0\0\0\0\0" + comment) if international else (b"tEXt", b"Comment\0" + comment)
    yield from found.texts


def _is_utf8(text: bytes) -> bool:
    try:
        return bool(text.decode())
    except UnicodeDecodeError:
        return False


def _hexadecimal(name: bytes, data: bytes) -> bytes:
    """A profile as ImageMagick writes it into PNG text."""
    lines = (piece.hex().encode() + b"\n" for _, piece in _pieces(data, HEX_LINE))
    return b"\n" + name + b"\n%8d\n" % len(data) + b"".join(lines)


def put(file: BinaryIO, file_format: str, before: bytes, fields: Metadata) -> None:
    """Put the metadata into the picture that was written to ``file`` behind ``len(before)`` bytes."""
    if file_format in HEADS:
        file.seek(len(before))
        head = file.read(HEADS[file_format])
        file.seek(0)
        file.write(head + before)
    elif file_format == "webp":
        _into_webp(file, fields.found)
    elif file_format == "avif":
        _into_avif(file, fields.found)
    elif file_format == "tif":
        found, blob = fields.found, tiff_metadata.blob
        more = [blob(tag, data) for tag, data in (
            (tiff_metadata.XMP, found.xmp), (tiff_metadata.RESOURCES, found.resources),
            (tiff_metadata.CAPTIONS, photoshop.captions(found.resources)),
        ) if data]  # fmt: skip
        more += found.georeference.values()
        tiff_metadata.append(file, found.exif, more, found.order)
    file.flush()


def _into_webp(file: BinaryIO, found: Found) -> None:
    """Let EXIF and XMP follow the pixels, in place of what libvips wrote there."""
    parts = {part.name: part for part in chunks.riff_chunks(file)}
    if not (found.exif or found.xmp) or b"VP8X" not in parts:
        return
    end = parts[b"EXIF"].place - 8 if b"EXIF" in parts else file.seek(0, 2)
    file.truncate(end)
    file.seek(end)
    for name, data in ((b"EXIF", found.exif), (b"XMP ", found.xmp)):
        if data:
            file.write(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))
    size = file.tell()
    place = parts[b"VP8X"].place
    file.seek(place)
    flags = file.read(1)[0] & ~(VP8X_EXIF | VP8X_XMP)
    file.seek(place)
    file.write(bytes([flags | VP8X_EXIF * bool(found.exif) | VP8X_XMP * bool(found.xmp)]))
    file.seek(4)
    file.write(struct.pack("<I", size - 8))


def _into_avif(file: BinaryIO, found: Found) -> None:
    """Put the EXIF block behind everything, and point the table of items there."""
    item = next((item for item in heif_items.read(file).items if item.kind == b"Exif"), None)
    if not found.exif or item is None or len(item.extents) != 1:
        return
    (extent,) = item.extents
    data = bytes(4) + found.exif
    end = file.seek(0, 2)
    file.write(struct.pack(">I4s", len(data) + 8, b"mdat") + data)
    numbers = ((extent.base_at, 0), (extent.place_at, end + 8), (extent.size_at, len(data)))
    for (place, number), width in zip(numbers, extent.widths, strict=True):
        file.seek(place)
        file.write(number.to_bytes(width, "big"))
