"""A film's last step: its segments joined with all that travels along, read back, and only then named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from acutance.files import limits
from acutance.files.atomic import atomic_path
from acutance.files.video_checking import Joined, verify
from acutance.files.video_joining import Assembly, Piece, join
from acutance.pipelines.film import Project
from acutance.pipelines.journal import Journal
from acutance.pipelines.segments import segment_path


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
        joined = verify(assembly, temporary, join(assembly, temporary))
        left_out = f"{joined.refused} packets of other streams are too damaged to be copied" if joined.refused else ""
        found["damage"] = ", ".join(filter(None, [done[-1]["damage"], left_out]))
    return joined
