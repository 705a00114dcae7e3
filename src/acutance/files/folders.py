"""Where a user's own models and weights lie, and what may be forgotten."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, name: str) -> Path:
    """The environment's ``variable``, else ``~/.local/share/acutance/NAME``; ``$XDG_DATA_HOME`` is honoured."""
    named = os.environ.get(variable)
    if named:
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "acutance" / name


def cache_folder() -> Path:
    """``$ACUTANCE_CACHE``, else ``~/.cache/acutance``; ``$XDG_CACHE_HOME`` is honoured. It may be deleted."""
    named = os.environ.get("ACUTANCE_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "acutance"
