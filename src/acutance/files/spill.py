"""Arrays too large for memory, in a nameless file beside the result, so that no shape of picture needs more of it."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from acutance.files.atomic import resource_error
from acutance.files.limits import check_room

MOST = 192 << 20  # bytes that are kept in memory; strips of usual pictures have a sixth of it
Room = Callable[[tuple[int, ...], np.dtype], np.ndarray]


def room_in(folder: Path) -> Room:
    """What makes an array of any content: in memory, or, if large, in a file in ``folder`` that vanishes with it.

    It raises ``DiskFull`` where there is no room.
    """

    def room(shape: tuple[int, ...], depth: np.dtype) -> np.ndarray:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(depth).itemsize
        if size <= MOST:
            return np.empty(shape, depth)
        check_room(folder, size, "so wide a picture")
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                if hasattr(os, "posix_fallocate"):  # or a full disk would be a crash
                    os.posix_fallocate(file.fileno(), 0, size)
                return np.memmap(file, depth, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
        except OSError as error:
            raise resource_error(error, folder) from error

    return room


def forget(array: np.ndarray) -> None:
    """Let memory go of what an array of ``room_in`` holds in a file; it is read from there again."""
    if isinstance(array, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
        array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
