"""Pack a folder of photographs into a dataset that a training worker reads by memory map.

A dataset is a directory: ``shard-NNNNN.bin`` holds pixels (uint8 RGB, row by row), ``detail.bin``
how busy each 32-pixel cell is, and ``manifest.json`` - written last - what lies where, with a
SHA-256 for every picture and shard. Validation pictures are held out by hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.atomic import atomic_path
from acutance.files.pixels import read_rgb8

FORMAT = 1
CELL = 32
SHARD_BYTES = 256 << 20
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".bmp"}
FLAT = 0.2  # mean neighbour difference, in grey levels, below which a picture counts as blank


@dataclass(frozen=True, kw_only=True)
class Item:
    """One picture in a pack: where its pixels and its detail cells lie."""

    name: str
    sha256: str
    width: int
    height: int
    shard: int
    offset: int
    detail_offset: int
    valid: bool


def detail_cells(rgb: np.ndarray) -> np.ndarray:
    """Mean neighbour difference of luma in each 32-pixel cell, uint8 ``(H // 32, W // 32)``."""
    luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
    luma = luma[: rows * CELL, : columns * CELL]
    change = np.zeros_like(luma)
    change[:, 1:] += np.abs(np.diff(luma, axis=1))
    change[1:] += np.abs(np.diff(luma, axis=0))
    cells = change.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))
    return np.clip(cells * 2, 0, 255).astype(np.uint8)


def find_pictures(sources: Iterable[Path]) -> list[Path]:
    """Every picture file below ``sources``, sorted; a source that does not exist is an error."""
    found: set[Path] = set()
    for source in sources:
        if source.is_file():
            found.add(source)
        elif source.is_dir():
            found.update(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            raise UsageError(f"{source}: no such file or folder")
    return sorted(found)


def prepare(
    sources: Iterable[Path],
    destination: Path,
    *,
    minimum: int = 128,
    valid_share: float = 0.04,
    on_event: Callable[[dict], None] = lambda event: None,
) -> dict:
    """Scan, check and pack; returns the manifest.

    ``minimum``: shortest side kept, pixels. ``valid_share``: share of pictures held out for
    validation, chosen by their hash so that it does not change when pictures are added. Unreadable,
    small, blank and duplicate files are left out, counted and named in the manifest.
    """
    if (destination / "manifest.json").exists():
        raise UsageError(f"{destination}: already holds a dataset; remove it or choose another folder")
    paths = find_pictures(sources)
    if not paths:
        raise BadInput("no pictures found; accepted are " + " ".join(sorted(SUFFIXES)))
    destination.mkdir(parents=True, exist_ok=True)
    skipped: list[dict] = []
    items: list[Item] = []
    writer = _Shards(destination)
    for rgb, path, digest in _sound(paths, minimum, skipped, on_event):
        shard, offset = writer.add(rgb.tobytes())
        valid = int(digest[:8], 16) / 2**32 < valid_share
        items.append(
            Item(name=path.name, sha256=digest, width=rgb.shape[1], height=rgb.shape[0], shard=shard,
                 offset=offset, detail_offset=writer.add_detail(detail_cells(rgb).tobytes()), valid=valid)
        )  # fmt: skip
    if not items:
        raise BadInput(f"none of {len(paths)} files can be used; first: {skipped[0]['reason']}")
    manifest = {
        "format": FORMAT, "cell": CELL, "shards": writer.close(), "skipped": skipped,
        "items": [asdict(item) for item in items],
    }  # fmt: skip
    with atomic_path(destination / "manifest.json") as temporary:
        temporary.write_text(json.dumps(manifest, indent=1))
    return manifest


def _sound(
    paths: list[Path], minimum: int, skipped: list[dict], on_event: Callable[[dict], None]
) -> Iterator[tuple[np.ndarray, Path, str]]:
    seen: dict[str, Path] = {}
    for done, path in enumerate(paths):
        on_event({"event": "progress", "done": done, "total": len(paths), "name": path.name})
        try:
            rgb = read_rgb8(path)
        except (BadInput, OSError) as error:
            skipped.append({"name": str(path), "reason": str(error)})
            continue
        digest = hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()
        reason = None
        if min(rgb.shape[:2]) < minimum:
            reason = f"{rgb.shape[1]}x{rgb.shape[0]} is smaller than {minimum}"
        elif digest in seen:
            reason = f"same pixels as {seen[digest].name}"
        elif detail_cells(rgb).mean() < 2 * FLAT:
            reason = "nearly blank"
        if reason:
            skipped.append({"name": str(path), "reason": reason})
            continue
        seen[digest] = path
        yield rgb, path, digest


class _Shards:
    """Append bytes to numbered files, hashing as they go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[dict] = []
        self.detail = open(folder / "detail.bin", "wb")  # noqa: SIM115
        self._open()

    def _open(self) -> None:
        self.name = f"shard-{len(self.done):05d}.bin"
        self.file = open(self.folder / self.name, "wb")  # noqa: SIM115
        self.hash = hashlib.sha256()

    def _finish(self) -> None:
        size = self.file.tell()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.done.append({"name": self.name, "bytes": size, "sha256": self.hash.hexdigest()})

    def add(self, data: bytes) -> tuple[int, int]:
        if self.file.tell() and self.file.tell() + len(data) > SHARD_BYTES:
            self._finish()
            self._open()
        offset = self.file.tell()
        self.file.write(data)
        self.hash.update(data)
        return len(self.done), offset

    def add_detail(self, data: bytes) -> int:
        offset = self.detail.tell()
        self.detail.write(data)
        return offset

    def close(self) -> list[dict]:
        self._finish()
        self.detail.flush()
        os.fsync(self.detail.fileno())
        self.detail.close()
        return self.done
