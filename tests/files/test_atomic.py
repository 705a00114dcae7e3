"""What is left beside a result by those who were killed, here or on another machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from acutance.files import atomic
from acutance.files.atomic import STALE, atomic_path, sweep, sync_folder, temporary_beside


def test_only_what_nobody_writes_any_more_is_swept(tmp_path: Path) -> None:
    final, here = tmp_path / "a.png", atomic._here()
    ours = temporary_beside(final)
    dead, elsewhere = 2**22 + 1, "0a1b2c"  # no process has that number
    kept = [ours.name, f".a.{os.getppid()}-{here}-aaaaaa.part.png", f".a.{dead}-{elsewhere}-aaaaaa.part.png",
            ".b.1-aaaaaa.part.png"]  # fmt: skip
    swept = [
        f".a.{dead}-{here}-aaaaaa.part.png",
        f".a.{os.getpid()}-{here}-bbbbbb.part.png",  # of one before us who had our number, as in a container
        f".a.{dead}-{elsewhere}-old000.part.png",
        f".a.{dead}-aaaaaa.part.png",  # as versions before named them
    ]
    for name in (*kept, *swept):
        (tmp_path / name).write_bytes(b"x")
    old = (tmp_path / swept[2]).stat().st_mtime - STALE - 60
    os.utime(tmp_path / swept[2], (old, old))
    sweep(final)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_folders_that_cannot_be_flushed_do_not_spoil_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some shared folders answer so; a disk that fails is still told."""
    flush, number = os.fsync, errno.EINVAL

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, "of this folder")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_path(tmp_path / "a.txt") as path:
        path.write_bytes(b"whole")
    assert (tmp_path / "a.txt").read_bytes() == b"whole"
    number = errno.EIO
    with pytest.raises(OSError, match="of this folder"):
        sync_folder(tmp_path)
