"""One process at a time writes a file: an advisory lock that dies with its holder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from acutance.errors import ResourceError

try:
    import fcntl
except ImportError:  # not on Windows: there, an open file cannot be renamed away, which protects as well
    fcntl = None  # type: ignore[assignment]


def claim(file: IO[bytes], path: Path, final: Path | None = None) -> bool:
    """Lock ``file``, opened from ``path``, until it is closed or this process ends. ``final``: the name people know.

    False: ``path`` means another file by now (the holder before us renamed it); open it anew.
    Raises ``ResourceError`` where another process holds it.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResourceError(
                f"{final or path}: another process is at work on it; wait until it is done, then run the same command "
                "again"
            ) from None
        except OSError:  # some network disks know no locks
            return True
    try:
        now, ours = os.stat(path), os.fstat(file.fileno())
    except FileNotFoundError:
        return False
    return (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino)
