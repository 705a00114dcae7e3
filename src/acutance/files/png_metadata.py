"""What a PNG says beside its pixels, chunk by chunk."""

from __future__ import annotations

import re
import zlib
from typing import BinaryIO

from acutance.files import chunks, exif, photoshop
from acutance.files.chunks import Part, content
from acutance.files.found import CREDENTIALS, LARGEST, PHOTOSHOP_HEAD, PNG_TEXT, PNG_XMP, XMP_HEAD, Found, printable

MOST_TEXTS = 1000
LARGEST_TEXT = 1 << 20  # bytes of one, unpacked
PNG_COLOURS = {b"cICP": 4, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"mDCV": 24, b"cLLI": 8}  # with their sizes
PNG_STRUCTURE = {
    b"IHDR", b"PLTE", b"IEND", b"tRNS", b"iCCP", b"pHYs", b"acTL", b"fcTL", b"CgBI", *PNG_COLOURS,
}  # fmt: skip
RAW_PROFILE = re.compile(rb"Raw profile type (exif|APP1|xmp|iptc|8bim)\0", re.I)


def of_png(file: BinaryIO) -> Found:
    """What a PNG's chunks say, before and behind its pixels."""
    found, others, profiles = Found(), [], {}
    for part in chunks.png_chunks(file):
        head = content(file, part, 80)
        if part.name in PNG_TEXT:
            _text(file, part, head, found, profiles)
        elif part.name == b"eXIf" and not found.exif:
            found.exif = exif.bare(found.take(file, part, "EXIF"))
        elif part.name == b"acTL":
            found.lose("is an animation; only its first frame is used")
        elif part.name == b"caBX":
            found.lose(CREDENTIALS)
        elif PNG_COLOURS.get(part.name) == part.size and head != bytes(4):  # a gamma of 0 is none
            found.colours.append((part.name, head))
        elif part.name not in PNG_STRUCTURE:
            others.append(printable(part.name) or part.name.hex())
    found.exif = found.exif or exif.bare(profiles.get(b"exif", profiles.get(b"app1", b"")))
    found.resources = profiles.get(b"8bim", b"") or _resources(profiles.get(b"iptc", b""))
    app1 = profiles.get(b"app1", b"")
    found.packet(profiles.get(b"xmp", app1.removeprefix(XMP_HEAD) if app1.startswith(XMP_HEAD) else b""))
    found.unknown("PNG chunks", list(dict.fromkeys(others)))
    return found


def _text(file: BinaryIO, part: Part, head: bytes, found: Found, profiles: dict[bytes, bytes]) -> None:
    """Sort in one chunk of text: XMP, a profile in hexadecimal, or text that is kept as it is."""
    key, end, _ = head.partition(b"\0")
    if head.startswith(PNG_XMP):
        if not found.xmp:
            found.packet(_itxt(found.take(file, part, "XMP", len(PNG_XMP)), found.room))
    elif profile := RAW_PROFILE.match(head):
        data = found.take(file, part, "EXIF or captions", len(profile[0]))
        profiles.setdefault(profile[1].lower(), _from_hex(data, part.name, found.room))
    elif not end or not key.strip() or len(key) > 79:
        found.lose("carries PNG text without a usable key, which is not kept")
    elif len(found.texts) >= MOST_TEXTS:
        found.lose(f"carries more than {MOST_TEXTS} PNG texts; the others are not kept")
    elif data := found.take(file, part, "PNG text"):
        _keep(part.name, data, found)


def _keep(name: bytes, data: bytes, found: Found) -> None:
    """Keep a chunk of text that other programs will read: they refuse pictures with large ones."""
    _, _, text = data.partition(b"\0")
    if name == b"zTXt":
        text = _inflated(text[1:], LARGEST_TEXT + 1)
    elif name == b"iTXt":
        text = _itxt(text, LARGEST_TEXT + 1)
    if len(text) > min(LARGEST_TEXT, found.room):
        over = LARGEST_TEXT if len(text) > LARGEST_TEXT else LARGEST
        found.lose(f"carries more PNG text than {over >> 20} MB, which is not kept")
    else:
        found.room -= max(0, len(text) - len(data))
        found.texts.append((name, data))


def _itxt(data: bytes, most: int) -> bytes:
    """The text of an iTXt chunk behind its key: two flags, language, translated key."""
    parts = data[2:].split(b"\0", 2)
    text = parts[2] if len(parts) == 3 else b""
    return _inflated(text, most) if data[:1] == b"\1" else text


def _inflated(data: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, max(1, most))
    except zlib.error:
        return b""


def _from_hex(data: bytes, name: bytes, most: int) -> bytes:
    """A profile as ImageMagick writes it: its name, its size and hexadecimal digits, one a line."""
    text = _inflated(data[1:], most) if name == b"zTXt" else _itxt(data, most) if name == b"iTXt" else data
    match = re.match(rb"\s*\w+\s+\d+\s", text)
    try:
        return bytes.fromhex(text[match.end() if match else 0 :].decode("ascii"))
    except ValueError:
        return b""


def _resources(data: bytes) -> bytes:
    """Photoshop's resources, whether they come as such or as captions alone."""
    data = data.removeprefix(PHOTOSHOP_HEAD)
    return data if not data or data.startswith(photoshop.SIGNATURES) else photoshop.of_captions(data)
