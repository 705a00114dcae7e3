"""What a picture file says beside its pixels: what goes into the result, and what is said about the rest."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from acutance.files.chunks import COMMENT, jpeg_segments, png_chunks
from acutance.files.colour_tags import unlike_srgb
from acutance.files.vips import GAIN_MAP, VipsImage

Fields = dict[str, tuple[Any, Any]]
STRUCTURE = {
    "width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "filename",
    "n-pages", "page-height", "n-subifds", "delay", "loop", "gif-delay", "gif-loop", "background", "vips-loader",
    "bits-per-sample", "palette", "palette-bit-depth", "interlaced", "jpeg-multiscan", "jpeg-chroma-subsample",
    "jpeg-thumbnail-data", "heif-primary", "heif-bitdepth", "heif-compression", "thumbnail-data", "gif-palette",
    "tiff-photometric-interpretation", "png-filter", "vips-sequential", "gainmap-data", GAIN_MAP,
    "exif-ifd0-ImageWidth", "exif-ifd0-ImageLength",
}  # fmt: skip
LARGEST_XMP = 60_000  # bytes in a JPEG, whose segments end at 64 kB
MOTION = rb"(?:GCamera|Camera):(?:MicroVideo|MotionPhoto)"
PHOTOSHOP, IPTC_BLOCK = b"Photoshop 3.0\0", b"8BIM\x04\x04\0\0"  # how a JPEG wraps captions (IPTC-IIM)
TIFF_EXIF = {271, 272, 306, 315, 33432, 34665, 34853}  # maker, model, date, artist, copyright, EXIF, GPS


def of(image: VipsImage) -> Fields:
    """The metadata of ``image`` to hand on, by name, each with its libvips type."""
    fields = {
        name: (image.get_typeof(name), image.get(name))
        for name in image.get_fields()
        if name not in STRUCTURE and not name.startswith("exif-ifd1-") and not _garbled_text(name, image)
    }
    if "exif-data" in fields:
        kind, exif = fields["exif-data"]
        fields["exif-data"] = (kind, without_thumbnail(bytes(exif)))
    if "xmp-data" in fields:
        kind, xmp = fields["xmp-data"]
        fields["xmp-data"] = (kind, upright_xmp(bytes(xmp)))
    return fields


def take_orientation(fields: Fields) -> int:
    """The EXIF orientation, 1 to 8; the result's metadata will say 1, upright."""
    if "orientation" not in fields:
        return 1
    kind, value = fields["orientation"]
    fields["orientation"] = (kind, 1)
    fields.pop("exif-ifd0-Orientation", None)
    return int(value)


def without_thumbnail(exif: bytes) -> bytes:
    """An EXIF block whose first directory is its last: the second describes a thumbnail of the old picture."""
    start = 6 if exif[:6] == b"Exif\0\0" else 0
    try:
        order = {b"II": "<", b"MM": ">"}[exif[start : start + 2]]
        first = start + struct.unpack_from(order + "I", exif, start + 4)[0]
        link = first + 2 + 12 * struct.unpack_from(order + "H", exif, first)[0]
    except (KeyError, struct.error):
        return exif
    return exif[:link] + bytes(4) + exif[link + 4 :]


def upright_xmp(xmp: bytes) -> bytes:
    """XMP whose orientation says upright and that no longer states the old size, nor what does not come along.

    >>> upright_xmp(b'<r tiff:Orientation="6" tiff:ImageWidth="9"/>')
    b'<r tiff:Orientation="1" />'
    """
    xmp = re.sub(rb'(tiff:Orientation=")\d(")', rb"\g<1>1\2", xmp)
    xmp = re.sub(rb"(<tiff:Orientation>)\d(<)", rb"\g<1>1\2", xmp)
    xmp = re.sub(rb"(?:" + MOTION + rb'|xmpNote:HasExtendedXMP)\w*="[^"]*"', b"", xmp)
    name = rb"(?:tiff:Image(?:Width|Length)|exif:Pixel[XY]Dimension)"
    xmp = re.sub(name + rb'="\d*"', b"", xmp)
    return re.sub(rb"<(" + name + rb")>\d*</\1>", b"", xmp)


def notes(path: Path, image: VipsImage) -> list[str]:
    """What the user should know of this file, each a phrase that follows its name."""
    said = []
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1:
        said.append(f"holds {pages} pages or frames; only the first is used")
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 8
    if bits < 8 and not image.get_typeof("palette"):
        said.append(f"has {bits} bits a sample; dithered pictures come out darker, smooth ones are fine")
    if image.get_typeof(GAIN_MAP):
        said.append("carries an HDR gain map, which is not kept")
    if any(_garbled_text(name, image) for name in image.get_fields()):
        said.append("carries PNG text beyond ASCII, which is not kept")
    if not image.get_typeof("icc-profile-data") and (colours := unlike_srgb(path, image.get("vips-loader"))):
        said.append(f"tells its colours without a profile ({colours}), which is not kept; they will look different")
    if "tiff" in image.get("vips-loader") and tiff_tags(path).keys() & TIFF_EXIF:
        said.append("carries EXIF in TIFF form, which is not kept (profile and XMP are)")
    return said + _unseen(path, image)


def _unseen(path: Path, image: VipsImage) -> list[str]:
    """What libvips does not tell of."""
    loader, said = image.get("vips-loader"), []
    xmp = bytes(image.get("xmp-data")) if image.get_typeof("xmp-data") else b""
    try:
        if "png" in loader and any(name == b"acTL" for name, _ in png_chunks(path)):
            said.append("is an animation; only its first frame is used")
        if "jpeg" in loader and any(marker == COMMENT for marker, _ in jpeg_segments(path)):
            said.append("carries a comment, which is not kept")
    except (OSError, struct.error):
        pass
    if b"xmpNote:HasExtendedXMP" in xmp:
        said.append("carries more XMP than one block holds; only the first is kept")
    if re.search(MOTION, xmp):
        said.append("is a motion photo; its film is not kept")
    return said


def losses(file_format: str, grey: bool, fields: Fields) -> list[str]:
    """What ``file_format`` will not hold of ``fields``, in words."""
    said = []
    if file_format == "tif" and any(name.startswith("exif-ifd") for name in fields):
        said.append("TIFF is written without EXIF (profile and XMP are kept)")
    if file_format != "jpg" and "iptc-data" in fields:
        said.append(f"{file_format} is written without captions and keywords in IPTC form")
    if file_format != "png" and any(name.startswith("png-comment") for name in fields):
        said.append(f"{file_format} holds no PNG text; it is not kept")
    if file_format == "jpg" and len(fields.get("xmp-data", (0, b""))[1]) > LARGEST_XMP:
        said.append("jpg holds no XMP of that size; it is not kept")
    if file_format in ("webp", "avif") and grey and "icc-profile-data" in fields:
        said.append(f"{file_format} has no grey; the grey profile is not kept")
    return said


def fitting(file_format: str, fields: Fields) -> Fields:
    """``fields`` as ``file_format`` can hold them: without what ``losses`` names, captions wrapped for JPEG."""
    fitted = dict(fields)
    if "iptc-data" in fields:
        kind, captions = fitted.pop("iptc-data")
        if file_format == "jpg":
            captions = bytes(captions)
            if not captions.startswith(PHOTOSHOP):
                padded = captions + b"\0" * (len(captions) % 2)
                captions = PHOTOSHOP + IPTC_BLOCK + struct.pack(">I", len(captions)) + padded
            fitted["iptc-data"] = (kind, captions)
    if file_format == "jpg" and len(fields.get("xmp-data", (0, b""))[1]) > LARGEST_XMP:
        del fitted["xmp-data"]
    return fitted


def _garbled_text(name: str, image: VipsImage) -> bool:
    """libvips writes PNG text as Latin-1, so anything beyond ASCII would be changed."""
    return name.startswith("png-comment") and not str(image.get(name)).isascii()


def tiff_tags(path: Path) -> dict[int, int]:
    """The tags of a TIFF's first directory, with their values where they are one short number; empty where it cannot
    be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
            order = {b"II": "<", b"MM": ">"}[head[:2]]
            big = struct.unpack(order + "H", head[2:4])[0] == 43
            start = struct.unpack(order + ("Q" if big else "I"), head[8:16] if big else head[4:8])[0]
            file.seek(start)
            count = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))[0]
            size = 20 if big else 12
            entries = file.read(size * min(count, 4096))
        places = range(0, len(entries) - size + 1, size)
        value = 12 if big else 8
        return {
            struct.unpack_from(order + "H", entries, i)[0]: struct.unpack_from(order + "H", entries, i + value)[0]
            for i in places
        }
    except (OSError, KeyError, struct.error):
        return {}
