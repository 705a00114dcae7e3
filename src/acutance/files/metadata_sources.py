"""What WebP, GIF, AVIF and TIFF files say beside their pixels, and where to look for each format."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from acutance.files import chunks, exif, georeference, heif_items, photoshop, tiff_metadata
from acutance.files.found import CREDENTIALS, DEPTH, GAIN_MAP, LARGEST, MOVED, Found, printable
from acutance.files.jpeg_metadata import of_jpeg
from acutance.files.png_metadata import of_png

WEBP_STRUCTURE = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def of_webp(file: BinaryIO) -> Found:
    """What a WebP's chunks say."""
    found, others = Found(), []
    for part in chunks.riff_chunks(file):
        if part.name == b"EXIF" and not found.exif:
            found.exif = exif.bare(found.take(file, part, "EXIF"))
        elif part.name == b"XMP ":
            found.packet(found.take(file, part, "XMP"))
        elif part.name == b"C2PA":
            found.lose(CREDENTIALS)
        elif part.name not in WEBP_STRUCTURE:
            others.append(printable(part.name) or part.name.hex())
    found.unknown("WebP chunks", list(dict.fromkeys(others)))
    return found


def of_gif(file: BinaryIO) -> Found:
    """What a GIF's extensions say."""
    found, others = Found(), []
    for part in chunks.gif_extensions(file):
        name = part.name[1:]
        if part.name == b"\xfe":
            found.comments.append(chunks.unblocked(found.take(file, part, "comments")))
        elif name == b"XMP DataXMP":
            found.packet(found.take(file, part, "XMP").partition(b"\x01\xff\xfe")[0])
        elif part.name[:1] == b"\xff" and name not in GIF_APPLICATIONS:
            others.append(printable(name))
    found.unknown("data", list(dict.fromkeys(others)))
    return found


def of_heif(file: BinaryIO) -> Found:
    """What an AVIF's or HEIF's items say."""
    found, items = Found(), heif_items.read(file)
    for item in items.items:
        size = sum(extent.size for extent in item.extents)
        if item.kind == b"Exif":
            if size > found.room:
                found.lose(f"carries more EXIF than {LARGEST >> 20} MB, which is not kept")
            data = items.content(file, item, found.room)
            found.exif = found.exif or exif.bare(data[4 + int.from_bytes(data[:4], "big") :]) or exif.bare(data[4:])
        elif item.kind == b"mime" and item.content_type == b"application/rdf+xml":
            found.packet(items.content(file, item, found.room))
        elif item.kind == b"tmap":
            found.lose(GAIN_MAP)
    for name, head in items.tops:
        if name == b"uuid" and head == C2PA_BOX:
            found.lose(CREDENTIALS)
        if name == b"moov":
            found.lose("is an animation; only its first frame is used")
    for kind in items.auxiliary:
        if b"gainmap" in kind.lower():
            found.lose(GAIN_MAP)
        elif b"depth" in kind or b"disparity" in kind:
            found.lose(DEPTH)
    return found


def of_tiff(file: BinaryIO) -> Found:
    """What the tags of a TIFF's first directory say."""
    found = Found()
    layout, main = tiff_metadata.main_directory(file)
    found.exif = tiff_metadata.block(file, layout, main)
    if not tiff_metadata.maker_note_stays(file, layout, main):
        found.lose(MOVED)
    found.lost += [f"carries {what}, which is not kept" for what in tiff_metadata.lost(main)]
    if tiff_metadata.XMP in main:
        found.packet(main[tiff_metadata.XMP].value)
        if not main[tiff_metadata.XMP].value:
            found.lose("carries XMP that is too large or damaged, which is not kept")
    captions = main.get(tiff_metadata.CAPTIONS)
    if tiff_metadata.RESOURCES in main:
        found.resources = main[tiff_metadata.RESOURCES].value
    if captions is not None and captions.value and not photoshop.captions(found.resources):
        found.resources += photoshop.of_captions(tiff_metadata.captions(captions, layout.order))
    found.georeference = {tag: e for tag, e in main.items() if tag in georeference.TAGS and e.value}
    found.order = layout.order
    return found


READERS: dict[str, Callable[[BinaryIO], Found]] = {
    "jpeg": of_jpeg, "png": of_png, "webp": of_webp, "gif": of_gif, "heif": of_heif, "tiff": of_tiff,
    "imagecodecs": of_jpeg,
}  # fmt: skip
