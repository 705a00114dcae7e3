"""Unpack an archive that nobody vouches for: plain files only, inside one folder, within limits, all or nothing."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from acutance.errors import BadInput, Interrupted, OverLimit, UsageError
from acutance.files.atomic import resource_error, sync_folder
from acutance.files.limits import check_room
from acutance.files.locks import claim

CHUNK = 1 << 20
LONGEST_READ = 32 << 20  # bytes; a tar header that promises more is a trap
SPARE = 64 << 20


@dataclass(frozen=True)
class Limits:
    """What an archive may hold: bytes when unpacked, and files."""

    size: int
    files: int = 300_000


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    problem: str | None
    open: Callable[[], IO[bytes] | None]


def unpack(
    archive: Path,
    folder: Path,
    limits: Limits,
    *,
    wanted: Callable[[str], bool] = lambda name: True,
    finish: Callable[[Path], object] = lambda folder: None,
    option: str = "-o",
    on_event: Callable[[dict[str, Any]], None] = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Unpack the ``wanted`` names of a zip or tar.gz into the new ``folder``; returns how many files.

    It is built as ``folder.tmp``, given to ``finish`` and renamed when complete. Times, owners and
    permissions are not taken over. Raises ``BadInput`` for damage, links, devices and names that lead
    elsewhere, ``OverLimit`` past ``limits``, ``ResourceError`` for the disk, ``Interrupted`` on
    ``cancelled()``.
    """
    if folder.exists():
        raise UsageError(f"{folder}: is there already; remove it or choose another folder with {option}")
    temporary = folder.with_name(folder.name + ".tmp")
    with open(archive, "rb") as file:
        claim(file, archive)
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive, limits)
            count = _write(archive, members, temporary, limits, wanted, option, on_event, cancelled)
            finish(temporary)
            if hasattr(os, "sync"):
                os.sync()  # all at once: one by one, ten thousand small files take minutes
            os.rename(temporary, folder)
            sync_folder(folder.parent)
        except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError,
                NotImplementedError) as error:  # fmt: skip
            raise BadInput(f"{archive}: is damaged ({error}); remove it and fetch it again") from error
        except OSError as error:
            raise resource_error(error, folder, option) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return count


def _write(
    archive: Path,
    members: Iterator[_Member],
    folder: Path,
    limits: Limits,
    wanted: Callable[[str], bool],
    option: str,
    on_event: Callable[[dict[str, Any]], None],
    cancelled: Callable[[], bool],
) -> int:
    size = files = written = 0
    total = archive.stat().st_size  # pictures hardly shrink when packed, so this tells how far it is
    check_room(folder, SPARE, folder.name, option)
    for member in members:
        files, size = files + 1, size + member.size
        if files > limits.files or size > limits.size:
            raise OverLimit(
                f"{archive}: unpacks to more than {limits.files:,} files or {limits.size / 1e9:.1f} GB; "
                "it is not what it should be, nothing was unpacked"
            )
        if not wanted(member.name):
            continue
        problem = member.problem or name_problem(member.name)
        if problem:
            raise BadInput(f"{archive}: {member.name!r} {problem}; not a safe archive, nothing was unpacked")
        if cancelled():
            raise Interrupted(f"{archive.name}: stopped while unpacking; run the same command again")
        if written % 50 == 0:
            check_room(folder, member.size + SPARE, folder.name, option)
            on_event({"event": "unpacking", "file": archive.name, "done": min(size, total), "total": total})
        _copy(archive, member, folder / member.name)
        written += 1
    return written


def _copy(archive: Path, member: _Member, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    source = member.open()
    assert source is not None
    try:
        with source, open(target, "xb") as file:
            while block := source.read(min(CHUNK, left + 1)):
                left -= len(block)
                if left < 0:
                    raise BadInput(f"{archive}: {member.name!r} is longer than it says; nothing was unpacked")
                file.write(block)
    except FileExistsError:
        raise BadInput(f"{archive}: holds {member.name!r} twice; nothing was unpacked") from None
    if left:
        raise BadInput(f"{archive}: {member.name!r} is cut short; remove the archive and fetch it again")


def name_problem(name: str) -> str | None:
    """Why a member's name may not be used, or None.

    >>> name_problem("photos/a.png"), name_problem("../a.png")
    (None, 'leads out of the folder')
    """
    parts = name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return "leads out of the folder"
    if "\\" in name or re.search(r"[\x00-\x1f\x7f]", name):
        return "has characters no file name should have"
    if any(part in ("", ".") for part in parts[1:]) or len(parts) > 30:
        return "is no plain path"
    if any(len(os.fsencode(part)) > 255 for part in parts):
        return "is longer than a disk allows"
    return None


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as container:
        for info in container.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            problem = None
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                problem = "is a link or a device"
            elif info.flag_bits & 1:
                problem = "is encrypted"
            yield _Member(info.filename, info.file_size, problem, lambda info=info: container.open(info))


def _tar_members(archive: Path, limits: Limits) -> Iterator[_Member]:
    with contextlib.ExitStack() as stack:
        raw: Any = stack.enter_context(open(archive, "rb"))
        if raw.peek(2)[:2] == b"\x1f\x8b":
            raw = stack.enter_context(gzip.GzipFile(fileobj=raw))
        bounded: Any = _Bounded(raw, archive, limits.size + limits.files * 2048)
        container = stack.enter_context(tarfile.open(fileobj=bounded, mode="r:"))
        for info in container:
            container.members.clear()  # type: ignore[attr-defined]  # else it remembers every header
            if info.isdir():
                continue
            problem = None if info.isreg() else "is a link or a device"
            if problem is None:
                try:
                    tarfile.data_filter(info, "/nowhere")
                except tarfile.FilterError:
                    problem = "leads out of the folder"
            yield _Member(info.name, info.size, problem, lambda info=info: container.extractfile(info))


class _Bounded:
    """A stream that refuses to be read too much of, at once or in all."""

    def __init__(self, source: Any, archive: Path, limit: int) -> None:
        self.source, self.archive, self.limit = source, archive, limit

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= LONGEST_READ or self.source.tell() + count > self.limit + LONGEST_READ:
            raise OverLimit(
                f"{self.archive}: a header asks for {count:,} bytes; not a safe archive, nothing was unpacked"
            )
        return self.source.read(count)

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == 0 and position > self.limit + LONGEST_READ:
            raise OverLimit(f"{self.archive}: unpacks to more than expected; nothing was unpacked")
        return self.source.seek(position, whence)

    def tell(self) -> int:
        return self.source.tell()
