"""A report of a benchmark: a page that opens anywhere, Markdown, or JSON, by the file's suffix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acutance.errors import UsageError
from acutance.files.atomic import atomic_path
from acutance.measuring.benchmark import SetScores
from acutance.measuring.methods import Method
from acutance.measuring.report.crops import Crop

SUFFIXES = (".html", ".md", ".json")


@dataclass(frozen=True, kw_only=True)
class Report:
    """``receipt``: command, date, machine, versions, commit, as label and text; ``crops``: the worst places."""

    results: tuple[SetScores, ...]
    methods: tuple[Method, ...]
    metrics: tuple[str, ...]
    scale: int
    receipt: Mapping[str, str]
    crops: tuple[Crop, ...] = ()

    def sets(self) -> dict[str, list[SetScores]]:
        """Results by test set, in order."""
        found: dict[str, list[SetScores]] = {}
        for result in self.results:
            found.setdefault(result.set, []).append(result)
        return found


def check_suffix(path: Path) -> None:
    """Refuse early what could not be written at the end. Raises ``UsageError``."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {path}: a report is {', '.join(SUFFIXES)}; give it one of these endings")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--out {path}: its folder does not exist; make it first")


def write(path: Path, report: Report) -> None:
    """Write the report, whole or not at all. Raises ``ResourceError``."""
    from acutance.measuring.report import page, text

    make = {".html": page.html, ".md": text.markdown, ".json": as_json}[path.suffix.lower()]
    content = make(report)
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8", errors="backslashreplace")


def as_json(report: Report) -> str:
    """Everything but the pictures."""
    facts: dict[str, Any] = {
        "receipt": dict(report.receipt), "scale": report.scale, "metrics": list(report.metrics),
        "methods": {method.name: method.facts for method in report.methods},
        "sets": [result.to_json() for result in report.results],
    }  # fmt: skip
    return json.dumps(facts, indent=1, allow_nan=False) + "\n"
