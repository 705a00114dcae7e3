"""Pack a folder of photographs into a dataset that a training worker reads by memory map.

A dataset is a directory: ``shard-NNNNN.bin`` holds pixels (uint8 RGB, row by row), ``detail.bin``
how busy each 32-pixel cell is, and ``manifest.json`` - written last - what lies where, with a
SHA-256 for every picture and shard. Validation pictures are held out by hash.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput, Interrupted, ResourceError, UsageError
from acutance.files.atomic import atomic_path
from acutance.files.limits import SUFFIX_FORMATS, UNREAD_SUFFIXES, check_room
from acutance.files.pixels import read_rgb8, read_size
from acutance.training.pairs import Pairs, match
from acutance.training.shards import Shards

FORMAT = 1
CELL = 32
SUFFIXES = {*SUFFIX_FORMATS, ".bmp"}
FLAT = 0.2  # mean neighbour difference, in grey levels, below which a picture counts as blank
Events = Callable[[dict[str, Any]], None]
Piece = tuple[str, np.ndarray, np.ndarray | None]  # name, pixels, those of its partner


@dataclass(frozen=True, kw_only=True)
class Item:
    """One picture in a pack: where its pixels and its detail cells lie.

    ``lr``: where its ready-made low-resolution partner lies, if it has one: ``scale``, ``shard``,
    ``offset``, ``width``, ``height``; the picture is exactly ``scale`` times as large.
    """

    name: str
    sha256: str
    width: int
    height: int
    shard: int
    offset: int
    detail_offset: int
    valid: bool
    lr: dict[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to pack.

    ``minimum``: shortest side kept, pixels. ``valid_share``: share of pictures held out for validation,
    chosen by their hash so that it does not change when pictures are added. ``crop``: store squares of
    this side, one every ``step`` pixels, the last ones at the edge; 0 stores pictures whole. ``lr``: a
    folder of partners, ``scale`` times smaller; ``skip_unpaired`` leaves out pictures without a fitting
    one, where otherwise the whole set is refused.
    """

    minimum: int = 128
    valid_share: float = 0.04
    crop: int = 0
    step: int = 0
    lr: Path | None = None
    scale: int = 0
    skip_unpaired: bool = False

    def __post_init__(self) -> None:
        for name, value in (("crop", self.crop), ("step", self.step)):
            if self.scale > 1 and value % self.scale:
                raise UsageError(
                    f"--{name} {value}: must be a multiple of --scale {self.scale}, so that pairs stay true"
                )
        if self.crop and self.crop < CELL:
            raise UsageError(f"--crop {self.crop}: must be at least {CELL} pixels")
        if self.step and not 0 < self.step <= self.crop:
            given = f"not larger than --crop {self.crop}" if self.crop else "used with --crop"
            raise UsageError(f"--step {self.step}: must be positive and {given}")
        if (self.lr is None) != (self.scale == 0):
            raise UsageError("--lr FOLDER and --scale S belong together: give both or neither")
        if self.lr is not None and not 2 <= self.scale <= 16:
            raise UsageError(f"--scale {self.scale}: must be from 2 to 16")

    @property
    def smallest(self) -> int:
        """The shortest side a picture must have."""
        return self.crop or self.minimum


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


def starts(length: int, crop: int, step: int) -> list[int]:
    """Where squares of side ``crop`` begin along ``length`` pixels: every ``step``, the last at the edge.

    >>> starts(1000, 400, 250), starts(400, 400, 400)
    ([0, 250, 500, 600], [0])
    """
    regular = list(range(0, length - crop + 1, step))
    return regular if regular[-1] == length - crop else [*regular, length - crop]


def find_pictures(sources: Iterable[Path], suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """Every file below ``sources`` with one of ``suffixes``, sorted; a source that does not exist is an error."""
    found: set[Path] = set()
    for source in sources:
        if source.is_file():
            found.add(source)
        elif source.is_dir():
            found.update(p for p in source.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        else:
            raise UsageError(f"{source}: no such file or folder")
    return sorted(found)


def prepare(
    sources: Iterable[Path],
    destination: Path,
    *,
    minimum: int = 128,
    valid_share: float = 0.04,
    crop: int = 0,
    step: int = 0,
    lr: Path | None = None,
    scale: int = 0,
    skip_unpaired: bool = False,
    on_event: Events = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Scan, check and pack as ``Options`` says; returns the manifest.

    First every header is read (event ``scan``), then pictures are decoded and packed (``progress``).
    Unreadable, small, blank and duplicate files are left out, named in the manifest's ``skipped`` and
    counted by kind in its ``counts``. Pairs that do not fit are events ``unpaired``, and refuse the set.
    """
    options = Options(minimum=minimum, valid_share=valid_share, crop=crop, step=step or crop, lr=lr, scale=scale,
                      skip_unpaired=skip_unpaired)  # fmt: skip
    if (destination / "manifest.json").exists():
        raise UsageError(f"{destination}: already holds a dataset; remove it or choose another folder")
    sources = list(sources)
    paths = find_pictures(sources)
    low = [] if options.lr is None else find_pictures([options.lr])
    if paths and not (paths := sorted(set(paths) - set(low))):
        raise UsageError(f"{lr}: these are the pictures themselves; --lr is for the folder of the smaller ones")
    if not paths:
        raise BadInput("no pictures found; accepted are " + " ".join(sorted(SUFFIXES)))
    packing = _Packing(options, on_event, cancelled)
    for path in find_pictures([source for source in sources if source.is_dir()], UNREAD_SUFFIXES):
        packing.skip(path, "other format", f"{path.suffix} is not read; save it as PNG or TIFF")
    sizes = packing.scan(paths)
    pairs = packing.pair(sizes, low)
    with Shards(destination) as shards:
        _check_room(destination, sizes, options)
        items = packing.items(shards, sizes, pairs)
        if not items:
            raise BadInput(f"none of {len(paths)} files can be used; first: {packing.skipped[0]['reason']}")
        manifest = {
            "format": FORMAT, "cell": CELL, "shards": shards.close(), "skipped": packing.skipped,
            "counts": dict(Counter(skip["kind"] for skip in packing.skipped)), "spare_lr": pairs.spare,
            "crop": options.crop, "step": options.step, "scale": options.scale, "items": items,
        }  # fmt: skip
        with atomic_path(destination / "manifest.json") as temporary:
            temporary.write_text(json.dumps(manifest, indent=1))
    return manifest


def _check_room(destination: Path, sizes: dict[Path, tuple[int, int]], options: Options) -> None:
    def stored(side: int) -> int:
        return len(starts(side, options.crop, options.step)) * options.crop if options.crop else side

    pixels = sum(stored(width) * stored(height) for width, height in sizes.values())
    partners = 1 / options.scale**2 if options.scale else 0
    check_room(destination, round(pixels * 3 * (1 + partners)) + (16 << 20), "the dataset")


def _digest(rgb: np.ndarray) -> str:
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


class _Packing:
    """One packing: what is left out on the way, and why."""

    def __init__(self, options: Options, on_event: Events, cancelled: Callable[[], bool]) -> None:
        self.options, self.on_event, self.cancelled = options, on_event, cancelled
        self.skipped: list[dict[str, str]] = []

    def _at(self, kind: str, done: int, paths: list[Path]) -> None:
        if self.cancelled():
            raise Interrupted(f"stopped at picture {done} of {len(paths)}; the same command begins anew")
        self.on_event({"event": kind, "done": done, "total": len(paths), "name": paths[done].name})

    def skip(self, name: object, kind: str, reason: str) -> None:
        self.skipped.append({"name": str(name), "kind": kind, "reason": reason})

    def scan(self, paths: list[Path]) -> dict[Path, tuple[int, int]]:
        """Width and height of every picture that can be opened and is large enough."""
        sizes = {}
        for done, path in enumerate(paths):
            self._at("scan", done, paths)
            try:
                width, height = read_size(path)
            except (BadInput, ResourceError, OSError, MemoryError) as error:
                self.skip(path, "unreadable", str(error))
                continue
            if min(width, height) < self.options.smallest:
                self.skip(path, "too small", f"{width}x{height} is smaller than {self.options.smallest}")
            else:
                sizes[path] = (width, height)
        return sizes

    def pair(self, sizes: dict[Path, tuple[int, int]], low: list[Path]) -> Pairs:
        """The partner of each picture; one that is missing or does not fit refuses the set."""
        if self.options.lr is None:
            return Pairs({}, {}, 0)
        pairs = match(sizes, low, self.options.scale)
        for path, problem in pairs.problems.items():
            self.on_event({"event": "unpaired", "name": str(path), "reason": problem})
            self.skip(path, "unpaired", problem)
            del sizes[path]
        if pairs.problems and not self.options.skip_unpaired:
            path, problem = next(iter(pairs.problems.items()))
            raise UsageError(
                f"{len(pairs.problems)} of {len(pairs.problems) + len(pairs.partners)} pairs do not fit; first: {path} "
                f"{problem}. Repair them, or leave them out with --skip-unpaired"
            )
        return pairs

    def items(self, shards: Shards, sizes: dict[Path, tuple[int, int]], pairs: Pairs) -> list[dict[str, Any]]:
        """Decode, judge and store every picture; what the manifest says of each."""
        items = []
        for rgb, lr, path, digest in self._sound(list(sizes), pairs):
            valid = int(digest[:8], 16) / 2**32 < self.options.valid_share
            for name, piece, partner in self._pieces(rgb, lr, path):
                shard, offset = shards.add(piece.tobytes())
                item = Item(
                    name=name, sha256=_digest(piece), width=piece.shape[1], height=piece.shape[0], shard=shard,
                    offset=offset, detail_offset=shards.add_detail(detail_cells(piece).tobytes()), valid=valid,
                    lr=self._store(shards, partner),
                )  # fmt: skip
                items.append({key: value for key, value in asdict(item).items() if value is not None})
        return items

    def _store(self, shards: Shards, lr: np.ndarray | None) -> dict[str, int] | None:
        if lr is None:
            return None
        shard, offset = shards.add(lr.tobytes())
        return {"scale": self.options.scale, "shard": shard, "offset": offset,
                "width": lr.shape[1], "height": lr.shape[0]}  # fmt: skip

    def _sound(self, paths: list[Path], pairs: Pairs) -> Iterator[tuple[np.ndarray, np.ndarray | None, Path, str]]:
        """Pictures that decode, are new and not blank, cropped to a multiple of the scale of their partner."""
        seen: dict[str, Path] = {}
        for done, path in enumerate(paths):
            self._at("progress", done, paths)
            try:
                rgb = read_rgb8(path)
                lr = read_rgb8(pairs.partners[path]) if path in pairs.partners else None
            except (BadInput, ResourceError, OSError, MemoryError) as error:
                self.skip(path, "unreadable", str(error))
                continue
            digest = _digest(rgb)
            if digest in seen:
                self.skip(path, "duplicate", f"same pixels as {seen[digest].name}")
            elif detail_cells(rgb).mean() < 2 * FLAT:
                self.skip(path, "blank", "nearly blank")
            else:
                seen[digest] = path
                scale = self.options.scale or 1
                yield rgb[: rgb.shape[0] // scale * scale, : rgb.shape[1] // scale * scale], lr, path, digest

    def _pieces(self, rgb: np.ndarray, lr: np.ndarray | None, path: Path) -> Iterator[Piece]:
        """The picture whole, or its squares; blank squares are left out. Names end in +x+y of the corner."""
        crop, scale = self.options.crop, self.options.scale or 1
        if not crop:
            yield path.name, rgb, lr
            return
        step, small = self.options.step, crop // scale
        for top in starts(rgb.shape[0], crop, step):
            for left in starts(rgb.shape[1], crop, step):
                piece = np.ascontiguousarray(rgb[top : top + crop, left : left + crop])
                name = f"{path.stem}+{left}+{top}{path.suffix}"
                if detail_cells(piece).mean() < 2 * FLAT:
                    self.skip(path.with_name(name), "blank crop", "nearly blank")
                    continue
                y, x = top // scale, left // scale
                yield name, piece, None if lr is None else np.ascontiguousarray(lr[y : y + small, x : x + small])
