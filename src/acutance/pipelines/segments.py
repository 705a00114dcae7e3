"""The finished segments of a film: where they wait, which of them can be trusted, and their end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acutance.errors import AcutanceError
from acutance.files.atomic import resource_error, sync_folder
from acutance.files.locks import claim
from acutance.files.video_writing import read_segment, segment_format
from acutance.pipelines.film import Project
from acutance.pipelines.journal import Journal
from acutance.pipelines.plan import units


@contextmanager
def work_folder(folder: Path) -> Iterator[None]:
    """The folder of a plan's segments, for one process at a time."""
    try:
        new = not folder.is_dir()
        folder.mkdir(parents=True, exist_ok=True)
        if new:
            sync_folder(folder.parent)
        with open(folder / "lock", "ab") as lock:
            claim(lock, folder / "lock")
            yield
    except OSError as error:
        raise resource_error(error, folder) from error


def sweep(folder: Path) -> None:
    """Remove the segments of a film that is done; the journal goes first, so that no half of them is trusted."""
    if folder.is_dir():
        Journal(folder).path.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


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
