"""The journal of finished work: one JSON line per committed unit, flushed to disk, beside the results.

It answers one question: is this output there because of this very plan? A line cut off by a crash is
ignored; the unit is then simply done again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from acutance.files.atomic import resource_error, sync_folder

NAME = ".acutance-journal.jsonl"


class Journal:
    """The journal of one folder of results."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._entries: dict[str, dict] = {}
        if self.path.is_file():
            for line in self.path.read_text(errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                    self._entries[entry["output"]] = entry
                except (ValueError, KeyError, TypeError):
                    continue

    def holds(self, output: Path, plan_sha256: str) -> bool:
        """Whether ``output`` stands finished on disk as made by this plan."""
        entry = self._entries.get(output.name)
        return (
            entry is not None
            and entry.get("plan") == plan_sha256
            and output.is_file()
            and output.stat().st_size == entry.get("bytes")
        )

    def commit(self, output: Path, plan_sha256: str) -> None:
        """Record that ``output`` is complete; call it after the file has its final name."""
        entry = {"output": output.name, "plan": plan_sha256, "bytes": output.stat().st_size}
        new = not self.path.exists()
        line = json.dumps(entry) + "\n"
        if not new and not self._ends_clean():
            line = "\n" + line
        try:
            with open(self.path, "a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise resource_error(error, self.path) from error
        self._entries[output.name] = entry

    def _ends_clean(self) -> bool:
        with open(self.path, "rb") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
