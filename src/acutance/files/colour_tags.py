"""Colours that a picture file explains by other means than an ICC profile, which is all that goes into a result."""

from __future__ import annotations

import struct
from pathlib import Path

PRIMARIES = {4: "BT.470M", 8: "film", 9: "BT.2020", 10: "XYZ", 11: "P3", 12: "P3", 22: "EBU 3213"}  # ITU-T H.273,
TRANSFERS = {4: "gamma 2.2", 5: "gamma 2.8", 8: "linear", 16: "PQ", 17: "ST 428", 18: "HLG"}  # unlike sRGB's
SRGB_GAMMA, SRGB_POINTS = 0.45455, (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue
NEAR_GAMMA, NEAR_POINTS = 0.02, 0.005
HEAD = 1 << 16  # bytes of a HEIF in which its properties are looked for


def unlike_srgb(path: Path, loader: str, chunks: dict[bytes, bytes]) -> str:
    """What the HEIF at ``path`` or a PNG's colour ``chunks`` (whole, by name) say that is not sRGB, in words; empty if
    nothing."""
    try:
        if "png" in loader:
            return _of_png(chunks)
        if "heif" in loader:
            with open(path, "rb") as file:
                head = file.read(HEAD)
            at = head.find(b"colrnclx")
            return _coded(*struct.unpack_from(">HH", head, at + 8)) if at >= 0 else ""
    except (OSError, struct.error):
        pass
    return ""


def _of_png(chunks: dict[bytes, bytes]) -> str:
    if b"cICP" in chunks:
        return _coded(chunks[b"cICP"][0], chunks[b"cICP"][1])
    if b"sRGB" in chunks:
        return ""
    said = []
    if b"gAMA" in chunks:
        (gamma,) = struct.unpack(">I", chunks[b"gAMA"])
        if gamma and abs(gamma / 1e5 - SRGB_GAMMA) > NEAR_GAMMA:
            said.append(f"gamma {1e5 / gamma:.2g}")
    if b"cHRM" in chunks:
        points = struct.unpack(">8I", chunks[b"cHRM"])
        if any(abs(found / 1e5 - usual) > NEAR_POINTS for found, usual in zip(points, SRGB_POINTS, strict=True)):
            said.append("primaries of its own")
    return ", ".join(said)


def _coded(primaries: int, transfer: int) -> str:
    """
    >>> _coded(9, 16), _coded(1, 13)
    ('BT.2020, PQ', '')
    """
    return ", ".join(filter(None, (PRIMARIES.get(primaries), TRANSFERS.get(transfer))))
