"""Scores kept between runs: what was measured once, of the same bytes in the same way, is not measured again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from acutance.files.atomic import atomic_path
from acutance.files.folders import cache_folder

VERSION = 2  # raised whenever a metric would give another number for the same pictures
Score = float | None
"""A figure, infinity included; None where a metric is not defined for a picture."""


def scores_folder() -> Path:
    """``$ACUTANCE_CACHE/scores``, else ``~/.cache/acutance/scores``; may be deleted at any time."""
    return cache_folder() / "scores"


def key(*parts: str) -> str:
    """The name under which scores are kept: everything that decides them, hashed."""
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()


def recall(name: str) -> dict[str, Score]:
    """Scores kept under ``name``; what is missing or unreadable is simply not known."""
    try:
        kept = json.loads((scores_folder() / name[:2] / f"{name}.json").read_text())
        return {metric: from_json(value) for metric, value in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def keep(name: str, scores: Mapping[str, Score]) -> None:
    """Add scores to those under ``name``; a folder that cannot be written only means measuring again."""
    path = scores_folder() / name[:2] / f"{name}.json"
    text = json.dumps({metric: to_json(value) for metric, value in (recall(name) | dict(scores)).items()})
    with suppress(Exception):  # an atomic write reports as ResourceError, mkdir as OSError: neither matters here
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(text)


def to_json(value: Score) -> float | str | None:
    """A figure that JSON can hold: infinity becomes a word.

    >>> to_json(math.inf), to_json(28.4), to_json(None)
    ('inf', 28.4, None)
    """
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def from_json(value: float | str | None) -> Score:
    """The way back.

    >>> from_json("inf"), from_json(None)
    (inf, None)
    """
    return None if value is None else float(value)
