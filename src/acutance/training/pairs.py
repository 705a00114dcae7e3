"""Ready-made low-resolution partners: which belongs to which, and whether every pair fits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acutance.errors import BadInput
from acutance.files.pixels import read_size


@dataclass(frozen=True)
class Pairs:
    """``partners``: high- to low-resolution file; ``problems``: file -> what is wrong with its pair;
    ``spare``: how many low-resolution files belong to nobody."""

    partners: dict[Path, Path]
    problems: dict[Path, str]
    spare: int


def match(sizes: Mapping[Path, tuple[int, int]], low: Sequence[Path], scale: int) -> Pairs:
    """Find the partner of every picture of ``sizes`` (width, height) among the files ``low``.

    A partner has the same stem, or that and ``x4`` (for scale 4), and is ``width // scale`` times
    ``height // scale``: the picture cropped to a multiple of ``scale``, reduced. Of several, the one in
    a folder of the same name is meant.
    """
    exact: dict[str, list[Path]] = {}
    suffixed: dict[str, list[Path]] = {}
    for path in low:
        exact.setdefault(path.stem, []).append(path)
        if found := re.fullmatch(rf"(.+?)[_-]?x{scale}", path.stem, re.IGNORECASE):
            suffixed.setdefault(found[1], []).append(path)
    partners: dict[Path, Path] = {}
    problems: dict[Path, str] = {}
    taken: dict[Path, Path] = {}
    for path, size in sizes.items():
        candidates = exact.get(path.stem) or suffixed.get(path.stem) or []
        if len(candidates) > 1:
            candidates = [each for each in candidates if each.parent.name == path.parent.name] or candidates
        problem = _problem(candidates, size, scale)
        if not problem and (other := taken.get(candidates[0])):
            problem = f"has the same partner as {other}"
        if problem:
            problems[path] = problem
        else:
            partners[path] = candidates[0]
            taken[candidates[0]] = path
    return Pairs(partners, problems, len(low) - len(partners))


def _problem(candidates: list[Path], size: tuple[int, int], scale: int) -> str | None:
    if not candidates:
        return "has no low-resolution partner"
    if len(candidates) > 1:
        return f"has {len(candidates)} possible partners: {candidates[0]}, {candidates[1]}"
    try:
        found = read_size(candidates[0])
    except (BadInput, OSError) as error:
        return f"has a partner that cannot be used: {error}"
    expected = (size[0] // scale, size[1] // scale)
    if found == expected:
        return None
    return (
        f"is {size[0]}x{size[1]}, so its partner should be {expected[0]}x{expected[1]}; "
        f"{candidates[0].name} is {found[0]}x{found[1]}"
    )
