"""The files of a packed dataset as they grow: pixels in numbered shards, and the detail cells."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

from acutance.files.atomic import resource_error
from acutance.files.locks import claim

SHARD_BYTES = 256 << 20


class Shards:
    """Append bytes to ``shard-NNNNN.bin``, hashing as they go, and to ``detail.bin``.

    Use it in a ``with``: the folder is this process's alone until then. Errors of the disk are
    ``ResourceError``. What an earlier, unfinished packing left in the folder is overwritten.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[dict[str, Any]] = []
        self._files = contextlib.ExitStack()

    def __enter__(self) -> Shards:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / "detail.bin"
            self.detail = self._files.enter_context(open(path, "ab"))
            claim(self.detail, path)
            self.detail.truncate(0)
            self._open()
        except OSError as error:
            raise resource_error(error, self.folder) from error
        except BaseException:
            self._files.close()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        with contextlib.suppress(OSError):  # a write that failed has been reported; closing tries it again
            self._files.close()
        if isinstance(error, OSError) and error.filename is None:
            raise resource_error(error, self.folder) from error

    def _open(self) -> None:
        self.name = f"shard-{len(self.done):05d}.bin"
        self.file = self._files.enter_context(open(self.folder / self.name, "wb"))  # noqa: SIM115
        self.hash = hashlib.sha256()

    def _finish(self) -> None:
        size = self.file.tell()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.done.append({"name": self.name, "bytes": size, "sha256": self.hash.hexdigest()})

    def add(self, data: bytes) -> tuple[int, int]:
        """Append the pixels of one picture; returns its shard and offset."""
        if self.file.tell() and self.file.tell() + len(data) > SHARD_BYTES:
            self._finish()
            self._open()
        offset = self.file.tell()
        self.file.write(data)
        self.hash.update(data)
        return len(self.done), offset

    def add_detail(self, data: bytes) -> int:
        """Append the detail cells of one picture; returns their offset."""
        offset = self.detail.tell()
        self.detail.write(data)
        return offset

    def close(self) -> list[dict[str, Any]]:
        """Flush everything to the disk; returns name, size and SHA-256 of each shard."""
        self._finish()
        self.detail.flush()
        os.fsync(self.detail.fileno())
        for stale in sorted(self.folder.glob("shard-*.bin"))[len(self.done) :]:
            stale.unlink()
        return self.done
