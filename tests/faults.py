"""Faults for tests: a process that dies at the n-th file operation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
_armed: dict[str, Any] = {}


class Killed(BaseException):
    """Stands for kill -9: nothing that handles errors may handle it."""


def _hook(event: str, arguments: tuple) -> None:
    if not _armed or event not in EVENTS or not str(arguments[0]).startswith(_armed["folder"]):
        return
    _armed["left"] -= 1
    if _armed["left"] == 0:
        _armed["fired"].append(f"{event} {arguments[0]}")
        _armed.clear()
        raise Killed


sys.addaudithook(_hook)


@contextmanager
def killing_at(operation: int, folder: Path) -> Iterator[list[str]]:
    """Raise ``Killed`` at file operation number ``operation`` below ``folder``; yields what it struck."""
    fired: list[str] = []
    _armed.update(left=operation, folder=str(folder), fired=fired)
    try:
        yield fired
    finally:
        _armed.clear()
