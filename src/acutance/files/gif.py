"""Whether the first frame of a GIF is whole: the format has no checksums, and decoders paint what is missing black."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

EXTENSION, FRAME, TRAILER = 0x21, 0x2C, 0x3B
MOST_CODES = 4096


def damage(path: Path) -> str:
    """What is wrong with the first frame, in words; nothing where it is whole. Raises ``OSError``."""
    data = path.read_bytes()
    try:
        at = 13 + _table(data[10])
        while data[at] == EXTENSION:
            at = _end(data, at + 2)
        if data[at] != FRAME:
            return "it breaks off before its picture"
        width, height, flags = struct.unpack_from("<4xHHB", data, at + 1)
        at += 10 + _table(flags)
        blocks = list(_blocks(data, at + 1))
        end = _end(data, at + 1)
        pixels = _decoded(b"".join(blocks), data[at])
    except (IndexError, struct.error):
        return "it breaks off inside its picture"
    if pixels < width * height:
        return f"{width * height - pixels} of {width * height} pixels are missing"
    if pixels > width * height or data[end : end + 1] not in (b"", b"!", b",", b";"):
        return "its picture does not end where it should"
    return ""


def _table(flags: int) -> int:
    """Bytes of the colour table that flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes, at: int) -> Iterator[bytes]:
    """The data blocks from ``at`` to the empty one that ends them."""
    while size := data[at]:
        yield data[at + 1 : at + 1 + size]
        at += 1 + size


def _end(data: bytes, at: int) -> int:
    """Where what follows the data blocks at ``at`` begins."""
    while size := data[at]:
        at += 1 + size
    return at + 1


def _decoded(data: bytes, minimum: int) -> int:
    """How many pixels LZW codes come to; codes that mean nothing end them. Only lengths are kept."""
    if not 1 <= minimum <= 11:
        return 0
    clear, end = 1 << minimum, (1 << minimum) + 1
    lengths = [1] * clear + [0, 0]
    pixels, previous, width = 0, 0, minimum + 1
    bits, held = 0, 0
    for byte in data:
        bits |= byte << held
        held += 8
        while held >= width:
            code = bits & ((1 << width) - 1)
            bits >>= width
            held -= width
            if code == clear:
                del lengths[clear + 2 :]
                previous, width = 0, minimum + 1
                continue
            if code == end or code > len(lengths) or (code == len(lengths) and not previous):
                return pixels
            fresh = lengths[code] if code < len(lengths) else previous + 1
            pixels += fresh
            if previous and len(lengths) < MOST_CODES:
                lengths.append(previous + 1)
                if len(lengths) == 1 << width and width < 12:
                    width += 1
            previous = fresh
    return pixels
