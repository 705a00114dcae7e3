"""Small questions several tests ask."""

from __future__ import annotations

from pathlib import Path


def stray_files(folder: Path) -> list[str]:
    """Temporary files that should not be there."""
    return [p.name for p in folder.rglob("*") if ".part" in p.name]
