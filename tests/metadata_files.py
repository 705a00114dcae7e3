"""Small pictures with metadata of every kind, made byte by byte as cameras and programs write them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

XMP_HEAD, EXTENDED_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
CAPTION = b"\x1c\x02\x78\x00\x05Hallo"
SPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/", "exif": "http://ns.adobe.com/exif/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/", "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/", "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/", "xmp": "http://ns.adobe.com/xap/1.0/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/", "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
}  # fmt: skip


def picture(width: int = 40, height: int = 24) -> Image.Image:
    """A small coloured picture without symmetry."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], 2)
    return Image.fromarray(rgb.astype(np.uint8))


def encoded(kind: str, size: tuple[int, int] = (40, 24), **options: object) -> bytes:
    """The picture in a format of Pillow's."""
    out = io.BytesIO()
    picture(*size).save(out, kind, **options)
    return out.getvalue()


def field(order: str, kind: int, values: object) -> tuple[int, int, bytes]:
    """A TIFF field: type, count and bytes."""
    if isinstance(values, bytes):
        return kind, len(values), values
    numbers = values if isinstance(values, tuple) else (values,)
    letter = {1: "B", 3: "H", 4: "I", 5: "I", 12: "d"}[kind]
    return kind, len(numbers) // (2 if kind == 5 else 1), struct.pack(f"{order}{len(numbers)}{letter}", *numbers)


def _directory(order: str, fields: dict[int, tuple[int, int, bytes]], place: int, link: int = 0) -> bytes:
    """A directory at ``place``, its values behind it."""
    lines, values = b"", b""
    behind = place + 2 + 12 * len(fields) + 4
    for tag, (kind, count, data) in sorted(fields.items()):
        value = data.ljust(4, b"\0")
        if len(data) > 4:
            value = struct.pack(order + "I", behind + len(values))
            values += data + b"\0" * (len(data) % 2)
        lines += struct.pack(order + "HHI", tag, kind, count) + value
    return struct.pack(order + "H", len(fields)) + lines + struct.pack(order + "I", link) + values


def maker_note(order: str, place: int) -> bytes:
    """A maker note as Canon writes it, at ``place`` of its block: a directory whose places count from the block's."""
    return _directory(
        order, {6: field(order, 2, b"IMG:PowerShot JPEG\0"), 7: field(order, 2, b"Firmware 1.00\0")}, place
    )


def exif_block(
    order: str = "<", orientation: int = 6, size: tuple[int, int] = (40, 24), thumbnail: bool = True
) -> bytes:
    """An EXIF block with a rating, an unknown tag, a maker note with places of its own, and a thumbnail."""
    main = {
        0x010F: field(order, 2, b"Canon\0"), 0x0110: field(order, 2, b"Canon PowerShot X\0"),
        0x0112: field(order, 3, orientation), 0x011A: field(order, 5, (72, 1)), 0x013C: field(order, 2, b"my phone\0"),
        0x4746: field(order, 3, 5), 0xC123: field(order, 7, b"unknown to all"), 0x8769: field(order, 4, 0),
        0x8825: field(order, 4, 0),
    }  # fmt: skip
    start = 8
    for _ in range(2):  # the second time with the places known
        sub_at = start + len(_directory(order, main, start))
        sub = {
            0x9003: field(order, 2, b"2020:01:02 03:04:05\0"), 0xA002: field(order, 3, 40),
            0xA003: field(order, 3, 24), 0x927C: field(order, 7, maker_note(order, 0)),
        }  # fmt: skip
        note_at = sub_at + 2 + 12 * len(sub) + 4 + 20
        sub[0x927C] = field(order, 7, maker_note(order, note_at))
        gps = {1: field(order, 2, b"N\0"), 2: field(order, 5, (48, 1, 8, 1, 0, 1))}
        gps_at = sub_at + len(_directory(order, sub, sub_at))
        main |= {0x8769: field(order, 4, sub_at), 0x8825: field(order, 4, gps_at)}
    second_at = gps_at + len(_directory(order, gps, gps_at)) if thumbnail else 0
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    out += _directory(order, main, start, second_at) + _directory(order, sub, sub_at) + _directory(order, gps, gps_at)
    if thumbnail:
        small = encoded("jpeg", (16, 12))
        second = {0x0201: field(order, 4, 0), 0x0202: field(order, 4, len(small))}
        second[0x0201] = field(order, 4, second_at + len(_directory(order, second, second_at)))
        out += _directory(order, second, second_at) + small
    return out


def xmp(attributes: str = "", inside: str = "") -> bytes:
    """A packet whose description has these attributes and elements."""
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>"
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
        "<?xpacket end='w'?>"
    ).encode()


DIRECTORY = (
    "<Container:Directory><rdf:Seq>"
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="%s" Item:Mime="%s" Item:Length="99"/></rdf:li>'
    "</rdf:Seq></Container:Directory>"
)


def resource(number: int, data: bytes) -> bytes:
    """One of Photoshop's image resources."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def jpeg(*segments: tuple[int, bytes], behind: bytes = b"") -> bytes:
    """A JPEG with these segments (marker, content) before its picture, and bytes behind it."""
    plain = encoded("jpeg")
    parts = [struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments]
    return plain[:2] + b"".join(parts) + plain[2:] + behind


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*chunks: tuple[bytes, bytes], behind: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """A PNG with these chunks (name, content) before and behind its pixels."""
    plain = encoded("png")
    before, after = (b"".join(chunk(*c) for c in some) for some in (chunks, behind))
    return plain[:33] + before + plain[33:-12] + after + plain[-12:]


def png_xmp(packet: bytes) -> tuple[bytes, bytes]:
    """XMP as a PNG's chunk."""
    return b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet


def webp(*parts: tuple[bytes, bytes]) -> bytes:
    """A WebP with these chunks behind its pixels, flagged as they must be."""
    plain = encoded("webp")
    flags = 8 * any(n == b"EXIF" for n, _ in parts) | 4 * any(n == b"XMP " for n, _ in parts)
    head = b"VP8X" + struct.pack("<IIHBHB", 10, flags, 39, 0, 23, 0)
    body = b"WEBP" + head + plain[12:]
    body += b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(*extensions: bytes) -> bytes:
    """A GIF with these extensions behind its palette."""
    plain = encoded("gif")
    at = 13 + (3 << (plain[10] & 7) + 1)
    return plain[:at] + b"".join(extensions) + plain[at:]


def tiff(order: str, more: dict[int, tuple[int, int, bytes]]) -> bytes:
    """A TIFF of 40 x 24 pixels in RGB with these fields too."""
    pixels = picture().tobytes()
    fields = {
        256: field(order, 3, 40), 257: field(order, 3, 24), 258: field(order, 3, (8, 8, 8)), 259: field(order, 3, 1),
        262: field(order, 3, 2), 273: field(order, 4, 8), 277: field(order, 3, 3), 278: field(order, 3, 24),
        279: field(order, 4, len(pixels)),
    }  # fmt: skip
    at = 8 + len(pixels)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, at)
    return head + pixels + _directory(order, fields | more, at)
