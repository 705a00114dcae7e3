"""The finished segments of a film: where they wait, which of them can be trusted, and their end."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from acutance.errors import AcutanceError, ResourceError
from acutance.files.atomic import resource_error, sync_folder
from acutance.files.locks import claim
from acutance.files.video_writing import read_segment, segment_format
from acutance.pipelines.film import Project
from acutance.pipelines.journal import Journal
from acutance.pipelines.plan import units

LOCK = "lock"
RESULTS = "results"  # the names of the films that are made of the segments, each with a zero byte


@contextmanager
def work_folder(folder: Path) -> Iterator[None]:
    """The folder of a plan's segments, for one process at a time."""
    try:
        with _locked(folder):
            yield
        if os.name == "nt" and not Journal(folder).path.exists():  # there, a sweep leaves the lock that is still open
            _remove(folder)
    except BrokenPipeError:  # of the one who reads the events
        raise
    except OSError as error:
        raise resource_error(error, folder) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    while True:
        new = not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        if new:
            sync_folder(folder.parent)
        lock = _open_lock(folder)
        if lock is None:
            continue
        with lock:
            if claim(lock, folder / LOCK):
                yield
                return


def _open_lock(folder: Path) -> IO[bytes] | None:
    """``None`` if whoever was done has just removed the folder."""
    try:
        return open(folder / LOCK, "ab")
    except FileNotFoundError:
        return None


def sweep(folder: Path) -> None:
    """Remove the segments of a film that is done, by whoever holds their lock; the journal goes first, so that no half
    of them is trusted, and the lock last, so that nobody begins anew meanwhile."""
    if folder.is_dir():
        Journal(folder).path.unlink(missing_ok=True)
        _remove(folder)


def _remove(folder: Path) -> None:
    for path in [*(p for p in folder.iterdir() if p.name != LOCK), folder / LOCK]:
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def sweep_if_free(folder: Path) -> None:
    """Remove left-over segments, unless another process is at work on them."""
    if folder.is_dir():
        with suppress(ResourceError), work_folder(folder):
            sweep(folder)


def meant_for(project: Project) -> None:
    """Note in the folder of segments which result they are for; to be called by whoever holds its lock."""
    names, name = _results(project.folder), project.target.name
    if name not in names:
        (project.folder / RESULTS).write_bytes(b"".join(os.fsencode(each) + b"\0" for each in sorted({*names, name})))


def _results(folder: Path) -> set[str]:
    try:
        return {os.fsdecode(name) for name in (folder / RESULTS).read_bytes().split(b"\0") if name}
    except FileNotFoundError:
        return set()


def abandoned(project: Project) -> list[Path]:
    """The folders of other plans for the same result alone: it is done now, so nobody goes on with them."""
    name, _, own = project.folder.name.rpartition(".")
    return sorted(
        folder
        for folder in project.folder.parent.glob(f"{glob.escape(name)}.{'[0-9a-f]' * len(own)}")
        if folder != project.folder and (folder / LOCK).is_file() and _results(folder) <= {project.target.name}
    )


def finished(project: Project, journal: Journal) -> list[dict[str, Any]]:
    """The journal's facts of the segments that stand whole on disk, from the first one on."""
    done: list[dict[str, Any]] = []
    for number, unit in enumerate(units(project.plan)):
        path = segment_path(project, number)
        if not journal.holds(path, unit):
            break
        facts = journal.facts(path)
        try:
            if read_segment(path).sha256 != facts["sha256"]:
                break
        except AcutanceError:
            break
        done.append(facts)
        if facts["last"]:
            break
    return done


def segment_path(project: Project, number: int) -> Path:
    """Where segment ``number`` lies."""
    return project.folder / f"{number:06d}.{segment_format(project.encoding)}"
