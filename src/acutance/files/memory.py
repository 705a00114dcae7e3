"""Memory: what its lack is called, and giving it back to the system at once where the C library would keep it."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import re
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc, malloc.h
MEGABYTE = 1 << 20
TOO_LITTLE = "there is too little memory; close other programs, or give a smaller --tile"
SAID = (
    "out of memory", "cannot allocate memory", "can't allocate memory", "bad_alloc", "not enough memory",
    "could not create a memory", "insufficient memory", "failed to allocate", "unable to allocate",
    "resource temporarily unavailable", "can't start new thread", "unable to create thread", "failed to map segment",
)  # fmt: skip
START = 192 << 20  # bytes that the program's own libraries take
PICTURE, TILE_PIXEL = 112 << 20, 1200  # bytes that libraries take for a picture, and for each pixel of a tile


def require(size: int) -> None:
    """Raise ``MemoryError`` where ``size`` bytes cannot be had: many a library ends the process rather than say so."""
    try:
        mmap.mmap(-1, size).close()
    except (OSError, ValueError, OverflowError) as error:
        raise MemoryError(f"{size >> 20} MB") from error


def is_short(size: int) -> bool:
    """Whether ``size`` bytes cannot be had: for failures of libraries that do not say what they lacked."""
    try:
        require(size)
    except MemoryError:
        return True
    return False


def load_unwinder() -> None:
    """Load what glibc needs to end a thread, while there is memory for it: later, its lack aborts the process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library, which brings its own
            ctypes.CDLL("libgcc_s.so.1")


def out_of_memory(text: str) -> bool:
    """Whether the words of some library's error mean that memory ran out, or room for another thread."""
    text = text.lower()
    return any(word in text for word in SAID)


def was_claimed(text: str, size: int) -> bool:
    """Whether the memory that a decoder could not have is what a table in a damaged file of ``size`` bytes claims.

    >>> was_claimed("failed to allocate memory for strips (0 elements of 12 bytes each)", 5000)
    True
    """
    found = re.search(r"\((\d+) elements of (\d+) bytes each\)", text)  # libtiff: always of tables in the file
    return found is not None and not 0 < int(found[1]) * int(found[2]) <= size


def return_freed_memory() -> None:
    """On glibc, map blocks of a megabyte and more one by one and keep two arenas; elsewhere nothing.

    By default glibc raises its threshold with every large block that is freed and then keeps them;
    strips of a picture would stay resident after use.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((M_MMAP_THRESHOLD, MEGABYTE), (M_TRIM_THRESHOLD, MEGABYTE), (M_ARENA_MAX, 2)):
        mallopt(option, value)
