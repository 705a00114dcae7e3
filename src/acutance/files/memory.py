"""Give freed memory back to the system at once, where the C library keeps it otherwise."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc, malloc.h
MEGABYTE = 1 << 20


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
