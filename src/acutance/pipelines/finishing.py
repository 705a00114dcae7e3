"""A film's last step: its segments joined with all that travels along, read back, and only then named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from acutance.files import limits
from acutance.files.atomic import atomic_path
from acutance.files.video_checking import Joined, read_back, summary
from acutance.files.video_joining import Assembly, Piece, join
from acutance.files.video_trial import next_best
from acutance.pipelines.film import Project
from acutance.pipelines.journal import Journal
from acutance.pipelines.segments import segment_path


def _joined(assembly: Assembly, path: Path) -> Joined:
    """Join and read back. What of the other streams does not come back as it was put in, though its beginning did, goes
    along in the next best way, and the film is joined again."""
    said: tuple[str, ...] = ()
    while True:
        carriers = join(assembly, path)
        found = read_back(assembly, path, carriers)
        if not found.wrong:
            joined = summary(found, carriers)
            return replace(joined, notes=(*said, *joined.notes))
        companions = next_best(assembly.film, assembly.container, assembly.companions, found.wrong)
        said = (*said, *companions.notes[len(assembly.companions.notes) :])
        assembly = replace(assembly, companions=companions)


def finish(
    project: Project, done: list[dict[str, Any]], found: dict[str, str], journal: Journal, free: Callable[[], object]
) -> Joined:
    """Put the film together beside its final name, read it back, and only then name it. Fills in ``damage`` of
    ``found``. ``free`` raises if the final name has been taken since the start."""

    def commit(size: int) -> None:
        free()  # what came to lie there since the start is not replaced unasked
        journal.commit(project.target.name, project.plan.sha256, size, **found)

    paths = [segment_path(project, number) for number in range(len(done))]
    pieces = [Piece(path, tuple(e["pts"]), e["delay"]) for path, e in zip(paths, done, strict=True)]
    assembly = Assembly(
        film=project.film, pieces=tuple(pieces), companions=project.companions, container=project.container,
        colour=project.colour, first=project.plan.first, stop=project.plan.stop, end=done[-1]["end"],
    )  # fmt: skip
    limits.check_room(project.target.parent, sum(path.stat().st_size for path in paths), "the finished film")
    with atomic_path(project.target, commit) as temporary:
        joined = _joined(assembly, temporary)
        left_out = f"{joined.refused} packets of other streams are too damaged to be copied" if joined.refused else ""
        found["damage"] = ", ".join(filter(None, [done[-1]["damage"], left_out]))
    return joined
