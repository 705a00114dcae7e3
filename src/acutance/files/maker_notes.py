"""Notes of cameras' makers in EXIF: what moves within its block keeps its places right where that can be told.

Most makers write a directory whose places count from the block's beginning (Canon, Sony, Panasonic, Casio), some from
the note's own (Apple, Nikon, Olympus, Fujifilm): those may lie anywhere.
"""

from __future__ import annotations

import io
import struct

from acutance.files.tiff_directories import PAIRS, UNITS, Entry, Layout, raw_entries

OWN_PLACES = (b"Apple iOS\0", b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0", b"FUJIFILM", b"PENTAX \0", b"RICOH\0")
STARTS = (0, 6, 8, 10, 12)  # bytes of a maker's name before the directory
LEAST, MOST = 1, 512  # entries of a directory that is taken for one


def moved(note: Entry, order: str, place: int) -> bytes | None:
    """``note`` for a ``place`` of its own in another file; none if its places cannot be told, or need not change."""
    if note.value.startswith(OWN_PLACES):
        return None
    for start in STARTS:
        if (spots := _places(note, order, start)) is not None:
            out, shift = bytearray(note.value), place - note.value_place
            for spot in spots:
                (old,) = struct.unpack_from(order + "I", out, spot)
                struct.pack_into(order + "I", out, spot, old + shift)
            return bytes(out)
    return None


def moves(note: Entry, order: str) -> bool:
    """Whether ``note`` can be read at another place of its file."""
    return note.value.startswith(OWN_PLACES) or any(_places(note, order, start) is not None for start in STARTS)


def _places(note: Entry, order: str, start: int) -> list[int] | None:
    """Where in ``note`` the places of its values are written, all of which must lie within it; none if it is no
    directory."""
    spots, begin, end = [], note.value_place, note.value_place + len(note.value)
    lines = raw_entries(io.BytesIO(note.value), Layout(order), start)
    declared = int.from_bytes(note.value[start : start + 2], "little" if order == "<" else "big")
    if not LEAST <= declared <= MOST or declared != len(lines):
        return None
    for index, line in enumerate(lines):
        _, kind, count, value = struct.unpack(order + "HHII", line)
        if kind not in UNITS or UNITS[kind] > 8 or kind > 13:
            return None
        size = UNITS[kind] * (2 if kind in PAIRS else 1) * count
        if size > 4:
            if not begin <= value <= value + size <= end:
                return None
            spots.append(start + 2 + 12 * index + 8)
    if note.value[-8:-4] in (b"II*\0", b"MM\0*") and start == 0:  # Canon says at its end where it lay
        spots.append(len(note.value) - 4)
    return spots
