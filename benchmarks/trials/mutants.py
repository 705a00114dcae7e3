"""Damage as disks, lines and other programs do it, and as whoever wants to break a decoder does. Number n of a seed is
always the same mutant."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
PNG = b"\x89PNG\r\n\x1a\n"
Mutation = Callable[[bytearray, random.Random], None]


def _place(data: bytearray, dice: random.Random) -> int:
    """Somewhere, but often in the first or last 600 bytes, where headers and tables are."""
    end, where = min(len(data), 600), dice.random()
    if where < 0.4:
        return dice.randrange(end)
    return len(data) - 1 - dice.randrange(end) if where < 0.6 else dice.randrange(len(data))


def _span(data: bytearray, dice: random.Random) -> tuple[int, int]:
    start = _place(data, dice)
    return start, min(len(data), start + dice.choice((1, 4, 16, 64, 256, 1024, 4096)))


def flip(data: bytearray, dice: random.Random) -> None:
    """One bit."""
    data[_place(data, dice)] ^= 1 << dice.randrange(8)


def scatter(data: bytearray, dice: random.Random) -> None:
    """Up to 16 bytes, anywhere."""
    for _ in range(dice.randint(1, 16)):
        data[_place(data, dice)] = dice.randrange(256)


def cut(data: bytearray, dice: random.Random) -> None:
    """The rest is missing."""
    del data[dice.randrange(len(data)) :]


def zero(data: bytearray, dice: random.Random) -> None:
    """A block that was never written."""
    start, stop = _span(data, dice)
    data[start:stop] = bytes(stop - start)


def garbage(data: bytearray, dice: random.Random) -> None:
    """A block of something else."""
    start, stop = _span(data, dice)
    data[start:stop] = dice.randbytes(stop - start)


def drop(data: bytearray, dice: random.Random) -> None:
    """A block is missing."""
    start, stop = _span(data, dice)
    if stop - start < len(data):
        del data[start:stop]


def double(data: bytearray, dice: random.Random) -> None:
    """A block came twice."""
    start, stop = _span(data, dice)
    data[stop:stop] = data[start:stop]


def swap(data: bytearray, dice: random.Random) -> None:
    """Two blocks changed places."""
    (a, b), size = (_place(data, dice), _place(data, dice)), dice.choice((16, 64, 256))
    one, other = bytes(data[a : a + size]), bytes(data[b : b + size])
    if abs(a - b) >= size and len(one) == len(other):
        data[a : a + size], data[b : b + size] = other, one


def extreme(data: bytearray, dice: random.Random) -> None:
    """A number as large, as small or as negative as it can be, in either byte order."""
    form = dice.choice(("<H", ">H", "<I", ">I", "B"))
    size, at = struct.calcsize(form), _place(data, dice)
    if at + size <= len(data):
        struct.pack_into(form, data, at, dice.choice(EXTREMES) & (256**size - 1))


def insert(data: bytearray, dice: random.Random) -> None:
    """Bytes too many."""
    at = _place(data, dice)
    data[at:at] = dice.randbytes(dice.choice((1, 2, 3, 7, 64)))


MUTATIONS: tuple[Mutation, ...] = (flip, scatter, cut, zero, garbage, drop, double, swap, extreme, insert)


def mutant(seed: bytes, name: str, number: int, salt: int = 0) -> tuple[bytes, str]:
    """Mutant ``number`` of the file ``name`` and how it was made; never the seed itself.

    Every third PNG gets the checksums of its chunks repaired, or nothing would ever be met behind them.
    """
    dice = random.Random(f"{salt} {name} {number}")
    while True:
        data, made = bytearray(seed), []
        for _ in range(dice.choice((1, 1, 1, 2))):
            mutation = dice.choice(MUTATIONS)
            mutation(data, dice)
            made.append(mutation.__name__)
            if not data:
                break
        if seed.startswith(PNG) and number % 3 == 0:
            data, made = bytearray(_checksummed(bytes(data))), [*made, "checksums repaired"]
        if data != seed:
            return bytes(data), " and ".join(made)


def _checksummed(data: bytes) -> bytes:
    at = len(PNG)
    out = bytearray(data)
    while at + 12 <= len(out):
        (size,) = struct.unpack_from(">I", out, at)
        if at + 12 + size > len(out):
            break
        struct.pack_into(">I", out, at + 8 + size, zlib.crc32(out[at + 4 : at + 8 + size]))
        at += 12 + size
    return bytes(out)
