"""The beginning of a file that is being fetched: hashed as it grows, kept over a stop, named when whole.

``NAME.part`` holds the bytes; ``NAME.part.json`` says of which remote version they are the beginning.
Both go when the file gets its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from acutance.files.atomic import resource_error, sync_folder
from acutance.files.locks import claim

BLOCK = 1 << 20


class Partial:
    """What is there so far of ``final``; ``position`` bytes, exclusively ours until closed.

    ``digest(name)`` is the hash of all of it, for each of ``algorithms``. Errors of the disk are
    ``ResourceError``; another process at the same file is one, too.
    """

    def __init__(self, final: Path, url: str, algorithms: tuple[str, ...] = (), option: str = "-o") -> None:
        self.final, self.url, self.algorithms, self.option = final, url, algorithms, option
        self.path = final.with_name(final.name + ".part")
        self.facts = final.with_name(final.name + ".part.json")
        self.position = 0
        self.version: dict[str, Any] = {}

    def __enter__(self) -> Partial:
        self._guard(self._open)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # a write that failed has been reported; closing tries it again
            if not self.position:
                self._discard()
            self.file.close()

    def _guard(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            raise resource_error(error, self.final, self.option) from error

    def _open(self) -> None:
        self.final.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self.file: IO[bytes] = open(self.path, "a+b")  # noqa: SIM115
            try:
                if claim(self.file, self.path, self.final):
                    break
            except BaseException:
                self.file.close()
                raise
            self.file.close()
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in self.algorithms}
        self.version = self._read_facts()
        if not self.version:
            self._restart()
        self.file.seek(0)
        while block := self.file.read(BLOCK):
            self._take(block)

    def _read_facts(self) -> dict[str, Any]:
        try:
            facts = json.loads(self.facts.read_bytes())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) and facts.get("url") == self.url else {}

    def _take(self, block: bytes) -> None:
        for each in self._hashes.values():
            each.update(block)
        self.position += len(block)

    def restart(self) -> None:
        """Drop all bytes."""
        self._guard(self._restart)

    def _restart(self) -> None:
        self.facts.unlink(missing_ok=True)
        self.file.truncate(0)
        self._hashes = {name: hashlib.new(name, usedforsecurity=False) for name in self.algorithms}
        self.position = 0
        self.version = {}

    def begin(self, version: dict[str, Any]) -> None:
        """Note of which remote version the bytes to come are; call it when there are none yet."""
        assert self.position == 0
        self.version = {"url": self.url, **version}
        self._guard(lambda: self.facts.write_text(json.dumps(self.version)))

    def append(self, block: bytes) -> None:
        """Add ``block`` to the bytes on disk."""
        self._guard(lambda: (self.file.write(block), self.file.flush()))
        self._take(block)

    def digest(self, algorithm: str) -> str:
        """The hash of all bytes so far, hexadecimal."""
        return self._hashes[algorithm].hexdigest()

    def finish(self) -> None:
        """Give the file its name; all its bytes are on the disk before."""
        self._guard(self._finish)

    def _finish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        os.replace(self.path, self.final)
        self.facts.unlink(missing_ok=True)
        sync_folder(self.final.parent)

    def discard(self) -> None:
        """Remove it from the disk."""
        self._guard(self._discard)

    def _discard(self) -> None:
        self.facts.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
