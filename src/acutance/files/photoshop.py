"""Photoshop's image resources: captions and keywords (IPTC-IIM), paths, copyright flag and more, in JPEG and TIFF."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SIGNATURE, SIGNATURES = b"8BIM", (b"8BIM", b"8B64", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
CAPTIONS, CAPTIONS_DIGEST = 0x0404, 0x0425
STALE = {0x0408, 0x0409, 0x040C, 0x041A, 0x0422, 0x0423, 0x0424, 0x040F}
"""Guides, slices and thumbnails of the old picture; EXIF, XMP and profile, which travel by themselves."""
PATHS = range(2000, 2999)  # outlines, in parts of the picture as it lay
MOST = 10_000  # resources


@dataclass(frozen=True)
class Resource:
    """A numbered resource; ``name`` as it is written, its length first and of even size."""

    signature: bytes
    number: int
    name: bytes
    data: bytes


def resources(block: bytes) -> list[Resource]:
    """The resources in ``block``, until it does not follow the format."""
    found, place = [], 0
    while len(found) < MOST and block[place : place + 4] in SIGNATURES and len(block) >= place + 7:
        (number,) = struct.unpack_from(">H", block, place + 4)
        behind = place + 6 + (block[place + 6] + 2) // 2 * 2
        size = block[behind : behind + 4]
        if len(size) < 4:
            break
        data = block[behind + 4 : behind + 4 + int.from_bytes(size, "big")]
        if len(data) < int.from_bytes(size, "big"):
            break
        found.append(Resource(block[place : place + 4], number, block[place + 6 : behind], data))
        place = behind + 4 + len(data) + len(data) % 2
    return found


def written(found: list[Resource]) -> bytes:
    """The block that holds these resources."""
    return b"".join(
        r.signature + struct.pack(">H", r.number) + r.name + struct.pack(">I", len(r.data)) + r.data
        + b"\0" * (len(r.data) % 2)
        for r in found
    )  # fmt: skip


def of_captions(captions: bytes) -> bytes:
    """A block of captions alone.

    >>> captions(of_captions(b"Hallo"))
    b'Hallo'
    """
    return written([Resource(SIGNATURE, CAPTIONS, bytes(2), captions)])


def captions(block: bytes) -> bytes:
    """The captions and keywords in ``block``; empty if there are none."""
    return next((r.data for r in resources(block) if r.number == CAPTIONS), b"")


def current(block: bytes, turned: bool) -> bytes:
    """``block`` without what belongs to the old picture."""
    return written([r for r in resources(block) if r.number not in STALE and not (turned and r.number in PATHS)])


def has_paths(block: bytes) -> bool:
    """Whether outlines lie in ``block``."""
    return any(r.number in PATHS for r in resources(block))
