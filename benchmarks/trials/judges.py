"""What a close reader can know of a damaged picture: checksums, lengths and two other decoders' objections.

Without any objection nobody can know: a flipped byte of an uncompressed picture is another picture.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pyvips
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
BITS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples a pixel by PNG colour type
LEVELS, SHARE = 40, 0.05


def objection(data: bytes) -> str:
    """What is wrong with the bytes of a picture, in words; empty if nothing can be told."""
    return _structure(data) or _pillow(data) or _libvips(data)


def _structure(data: bytes) -> str:
    if data.startswith(PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return "" if b"\xff\xd9" in data else "no end marker"
    if data.startswith(b"GIF8"):
        return "" if data.rstrip(b"\0").endswith(b"\x3b") else "no trailer"
    if data.startswith(b"RIFF") and len(data) >= 12:
        (size,) = struct.unpack_from("<I", data, 4)
        return "" if size + 8 <= len(data) else "shorter than its header says"
    return ""


def _png(data: bytes) -> str:
    at, stream, header = len(PNG), b"", b""
    while at + 12 <= len(data):
        (size,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if at + 12 + size > len(data):
            return "a chunk is cut short"
        body = data[at + 8 : at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + size)[0]:
            return f"checksum of a chunk {kind!r}"
        stream += body if kind == b"IDAT" else b""
        header = body if kind == b"IHDR" else header
        at += 12 + size
        if kind == b"IEND":
            break
    else:
        return "no end chunk"
    try:
        size = len(zlib.decompress(stream))
    except zlib.error:
        return "checksum of the compressed pixels"
    width, height, bits, colour, *_, interlaced = struct.unpack(">IIBBBBB", header.ljust(13, b"\0")[:13])
    row = 1 + (width * bits * BITS.get(colour, 0) + 7) // 8
    return "too few pixels" if not interlaced and size < row * height else ""


def _pillow(data: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about metadata
            Image.open(io.BytesIO(data)).load()
    except Image.UnidentifiedImageError:
        return ""  # it may know fewer formats than libvips
    except Exception as error:
        return f"Pillow: {error}"
    return ""


def _libvips(data: bytes) -> str:
    try:
        image: Any = pyvips.Image.new_from_buffer(data, "", fail_on="warning")
        image.avg()
    except pyvips.Error as error:
        return "" if "known format" in error.detail else f"libvips: {error.detail.strip()}"
    return ""


def levels(path: str) -> np.ndarray:
    """A result as 8-bit levels ``(H, W, 3 or 4)``, whatever its depth; transparency only where there is any. Raises
    ``pyvips.Error`` unless all of it is there."""
    image: Any = pyvips.Image.new_from_file(path, fail_on="error")
    pixels = image.numpy().reshape(image.height, image.width, image.bands)
    if pixels.dtype != np.uint8:
        white = 1.0 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        pixels = np.nan_to_num(pixels.astype(np.float64) * (255 / white)).clip(0, 255).round().astype(np.uint8)
    if pixels.shape[2] < 3:
        pixels = pixels[:, :, [0, 0, 0, *range(1, pixels.shape[2])]]
    return pixels[:, :, :3] if pixels.shape[2] == 4 and (pixels[:, :, 3] == 255).all() else pixels


def differs(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether anybody would see it: other sizes, or more than a twentieth of the samples more than 40 levels off."""
    if one.shape != other.shape:
        return True
    return bool((np.abs(one.astype(int) - other).max(axis=2) > LEVELS).mean() > SHARE)
