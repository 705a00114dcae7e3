"""A plan: everything that decides which bytes come out, as one frozen value with one hash."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 4  # raised whenever the same plan would give other bytes
FILM_VERSION = 4  # likewise for films


class Canonical:
    """A frozen dataclass that stands for itself as canonical JSON and its hash."""

    def canonical(self) -> str:
        """The plan as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))  # type: ignore[call-overload]

    @property
    def sha256(self) -> str:
        """The hash that stands for this plan in a journal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Plan(Canonical):
    """One picture's way through: ``input`` and ``model`` are SHA-256; sizes in pixels.

    ``passes``: the tile ``(height, width)`` of every run of the model; ``size``: the final width and
    height; ``back_project``: iterations after each pass; ``strength``, ``shrink``: of painted pictures.
    """

    input: str
    model: str
    passes: tuple[tuple[int, int], ...]
    halo: int | None
    batch: int
    engine: str
    precision: str
    size: tuple[int, int]
    file_format: str
    quality: int
    back_project: int = 0
    strength: float = 1.0
    shrink: float = 1.0
    version: int = VERSION


@dataclass(frozen=True, kw_only=True)
class FilmPlan(Canonical):
    """One film's way through, beside what ``Plan`` says: ``encoding`` is the encoder with all its settings,
    ``segment`` the frames of a segment, ``first`` and ``stop`` an excerpt in ticks, ``libraries`` the encoder's
    version: segments of two versions are not joined.
    """

    input: str
    stream: int
    model: str
    passes: tuple[tuple[int, int], ...]
    halo: int | None
    engine: str
    precision: str
    encoding: dict[str, Any]
    segment: int
    deinterlace: str
    denoise_grain: float
    stabilise_time: float
    first: int | None
    stop: int | None
    libraries: str
    version: int = FILM_VERSION


def units(plan: Plan | FilmPlan) -> Iterator[str]:
    """Names of the parts of a plan that are run and committed one by one: a still picture is one part, a film has
    as many segments as it turns out to have."""
    if isinstance(plan, Plan):
        yield plan.sha256
    else:
        yield from (f"{plan.sha256}-{number}" for number in itertools.count())
