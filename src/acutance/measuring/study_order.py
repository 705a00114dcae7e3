"""What each rater sees, in which order: a pure function of the plan and the rater's number.

The order is drawn by SHA-256 and not by a random generator, so that a link opened on another day,
with another version of numpy, goes on in the same order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations, pairwise

from acutance.measuring.study import Study


@dataclass(frozen=True)
class Item:
    """One question: a picture in one version, or in two (``second``) to choose between."""

    picture: int
    first: str
    second: str | None = None


@dataclass(frozen=True)
class Showing:
    """One step of a rater: the number of an item; ``again``: a repetition that measures consistency;
    ``swapped``: of a pair, the second version stands on the left."""

    item: int
    again: bool = False
    swapped: bool = False


def items(study: Study) -> list[Item]:
    """Every question of the study, in the plan's own order (no rater sees this one)."""
    found: list[Item] = []
    for number, picture in enumerate(study.pictures):
        versions = [version for version in study.versions if version in picture.files]
        if study.kind == "scores":
            found += [Item(number, version) for version in versions]
        else:
            found += [Item(number, a, b) for a, b in combinations(versions, 2)]
    return found


def order(study: Study, rater: int) -> list[Showing]:
    """The steps of rater 1, 2, ...: all items in random order, then repeats mixed into the second half.

    The same picture does not come twice in a row where another is left. A repeated item had its
    first showing in the first half.
    """
    questions = items(study)

    def drawn(number: int, what: str) -> bytes:
        return hashlib.sha256(f"{study.seed}/{rater}/{what}/{number}".encode()).digest()

    def showing(number: int, again: bool) -> Showing:
        return Showing(number, again, study.kind == "pairs" and drawn(number, f"side {again}")[0] % 2 == 1)

    first = sorted(range(len(questions)), key=lambda number: drawn(number, "order"))
    half = len(first) // 2
    early = [showing(number, False) for number in first[:half]]
    late = [showing(number, False) for number in first[half:]]
    repeated = sorted(first[:half], key=lambda number: drawn(number, "repeat"))[: study.repeats]
    late = sorted(
        [*late, *(showing(number, True) for number in repeated)],
        key=lambda step: drawn(step.item, f"late {step.again}"),
    )
    return _apart([*early, *late], [question.picture for question in questions], fixed=half)


def _apart(steps: list[Showing], picture_of: list[int], fixed: int) -> list[Showing]:
    """Where a picture follows itself, exchange it with a later step of the same half, if one fits."""
    steps = list(steps)
    for at in range(1, len(steps)):
        before = picture_of[steps[at - 1].item]
        if picture_of[steps[at].item] != before:
            continue
        end = fixed if at < fixed else len(steps)
        later = (n for n in range(at + 1, end) if picture_of[steps[n].item] != before)
        if (other := next(later, None)) is not None:
            steps[at], steps[other] = steps[other], steps[at]
    return steps


def sittings(steps: list[Showing], sessions: int) -> list[list[Showing]]:
    """The steps in ``sessions`` parts of nearly equal length.

    >>> [len(part) for part in sittings([Showing(n) for n in range(11)], 3)]
    [3, 4, 4]
    """
    edges = [len(steps) * number // sessions for number in range(sessions + 1)]
    return [steps[a:b] for a, b in pairwise(edges)]
