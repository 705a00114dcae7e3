"""A plan: everything that decides which bytes come out, as one frozen value with one hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

VERSION = 2  # raised whenever the same plan would give other bytes


@dataclass(frozen=True, kw_only=True)
class Plan:
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

    def canonical(self) -> str:
        """The plan as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """The hash that stands for this plan in a journal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def units(plan: Plan) -> Iterator[str]:
    """Names of the parts of a plan that are run and committed one by one: a still picture is one part."""
    yield plan.sha256
