"""The journal of finished work: one JSON line per committed unit, flushed to disk, beside the results.

It answers one question: is this output there because of this very plan? A line cut off by a crash is
ignored; the unit is then simply done again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from acutance.errors import ResourceError
from acutance.files.atomic import resource_error, sync_folder

NAME = ".acutance-journal.jsonl"
TAKEN = "is there already, made in another way; name another with -o, or replace it with --overwrite"


class Journal:
    """The journal of one folder of results."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._entries = self._read()

    def _read(self) -> dict[str, dict]:
        entries: dict[str, dict] = {}
        try:
            text = self.path.read_text(errors="replace")
        except FileNotFoundError:
            return entries
        except OSError as error:
            raise ResourceError(f"{self.path}: the journal cannot be read ({error.strerror})") from error
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                entries[entry["output"]] = entry
            except (ValueError, KeyError, TypeError):
                continue
        return entries

    def holds(self, output: Path, unit: str) -> bool:
        """Whether ``output`` stands finished on disk as made by this unit of a plan."""
        if self._entries.get(output.name, {}).get("unit") != unit:
            self._entries = self._read()  # another process may have been here
        entry = self._entries.get(output.name)
        return (
            entry is not None
            and entry.get("unit") == unit
            and output.is_file()
            and output.stat().st_size == entry.get("bytes")
        )

    def check_writable(self) -> None:
        """Raise ``ResourceError`` before the work rather than after it, where another user's journal lies."""
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise ResourceError(
                f"{self.path}: cannot be written (it belongs to another user, or is read-only); "
                "give yourself permission, or choose another folder with -o"
            )

    def source(self, output: Path) -> str:
        """The name of the file beside it that ``output`` was made of, if it stands as it was made; else nothing."""
        entry = self._entries.get(output.name, {})
        return entry.get("source", "") if output.stat().st_size == entry.get("bytes") else ""

    def facts(self, output: Path) -> dict[str, Any]:
        """What was recorded of ``output`` beside its unit and size."""
        return dict(self._entries.get(output.name, {}))

    def commit(self, output: str, unit: str, size: int, **facts: Any) -> None:
        """Record that the file called ``output`` is this unit's, ``size`` bytes long, and ``facts`` of it.

        Call it when all bytes are on disk and before the file gets its name: whatever is cut off
        then, a file that is there with its journal line is whole and known.
        """
        entry = {**facts, "output": output, "unit": unit, "bytes": size}
        line = json.dumps(entry) + "\n"
        try:
            new = not self.path.exists()
            if not new and not self._ends_clean():
                line = "\n" + line
            with open(self.path, "a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise resource_error(error, self.path) from error
        self._entries[output] = entry

    def _ends_clean(self) -> bool:
        with open(self.path, "rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
