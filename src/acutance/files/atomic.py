"""A final name never holds a partial file: temporary beside it, fsync, rename, fsync the folder."""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from acutance.errors import DiskFull, ResourceError
from acutance.files.memory import TOO_LITTLE

STALE = 86_400.0  # seconds without a write after which another machine's file counts as left behind
_own: set[str] = set()  # names this process has given, which it still writes or has removed


@contextlib.contextmanager
def atomic_path(final: Path, on_complete: Callable[[int], None] | None = None) -> Iterator[Path]:
    """Yield a temporary path beside ``final``; on success it becomes ``final``, else it is removed.

    ``on_complete(bytes)`` is called when all of it is on disk, before it gets its name.

    The temporary name keeps the suffix, so that libraries which choose a format by name still do.
    A failed write, fsync or rename is reported as ``ResourceError`` and leaves ``final`` as it was.
    """
    sweep(final)
    temporary = temporary_beside(final)
    try:
        yield temporary
        sync_file(temporary)
        if on_complete is not None:
            on_complete(temporary.stat().st_size)
        os.replace(temporary, final)
        sync_folder(final.parent)
    except BrokenPipeError:  # of the one who reads the events; no disk gives it
        raise
    except OSError as error:
        raise resource_error(error, final) from error
    except Exception as error:  # libraries name the file they were given
        hidden, known = (str(temporary), temporary.name), (str(final), final.name)
        for old, new in zip(hidden, known, strict=True):
            error.args = tuple(each.replace(old, new) if isinstance(each, str) else each for each in error.args)
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _own.discard(temporary.name)


def temporary_beside(final: Path) -> Path:
    """A fresh name in the same folder, hidden, ending in the same suffix and short enough.

    It tells who writes it: the process, and the machine or container, since others count theirs anew.
    """
    owner = f"{os.getpid()}-{_here()}-{secrets.token_hex(3)}"
    path = final.with_name(f".{_short_stem(final)}.{owner}.part{final.suffix}")
    _own.add(path.name)
    return path


def sweep(final: Path) -> None:
    """Remove what killed processes left beside ``final`` when they were writing it; of other machines what has not been
    touched for ``STALE`` seconds."""
    if os.name == "nt":  # there, asking whether a process lives would end it
        return
    pattern = f".{glob.escape(_short_stem(final))}.*-*.part*"
    for leftover in final.parent.glob(pattern):
        if leftover.name in _own:
            continue
        process, *where = leftover.name.removesuffix(leftover.suffix).split(".")[-2].split("-")
        if not process.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if len(where) == 2 and where[0] != _here():
                gone = time.time() - leftover.stat().st_mtime > STALE
            else:
                gone = int(process) == os.getpid() or not _alive(int(process))
            if gone:
                leftover.unlink()


@functools.cache
def _here() -> str:
    """Six letters for this machine, or for this container in it."""
    with contextlib.suppress(OSError):
        return hashlib.sha256((platform.node() + os.readlink("/proc/self/ns/pid")).encode()).hexdigest()[:6]
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _short_stem(final: Path) -> str:
    return os.fsencode(final.name)[:180].decode(errors="ignore").removesuffix(final.suffix)


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk; an error here means the file cannot be trusted."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename survives a power cut."""
    if os.name == "nt":  # folders cannot be opened there; NTFS journals the rename
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some shared folders know no such thing
            raise
    finally:
        os.close(descriptor)


def resource_error(error: OSError, path: Path, option: str = "-o") -> ResourceError:
    """Turn an operating-system error about ``path`` into one line with a remedy.

    ``option``: what the command calls the choice of another folder.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{path}: the disk is full; free some space and run the same command again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ResourceError(f"{path}: cannot be written ({error.strerror}); choose another folder with {option}")
    if error.errno in (errno.ENOMEM, errno.EAGAIN):
        return ResourceError(f"{path}: {TOO_LITTLE}")
    if error.errno == errno.EFBIG:
        return ResourceError(f"{path}: grew past the largest file this disk or account allows")
    return ResourceError(f"{path}: cannot be written ({error.strerror or error})")
