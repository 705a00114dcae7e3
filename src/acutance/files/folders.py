"""Where a user's own models and weights lie."""

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
