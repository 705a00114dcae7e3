"""Make a study: find every picture of every version, check that all fit, and copy them.

A version of picture ``NAME`` is a file called NAME, NAME_x4, NAMEx4 or NAME-generated (any suffix we
read). Its size is that of the original, or that of the original cropped to a multiple of the scale,
as test protocols do; then all versions of the picture are cropped alike, which is noted.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.atomic import resource_error
from acutance.files.images import sha256
from acutance.files.limits import SUFFIX_FORMATS
from acutance.files.pixels import read_rgb8, read_size, write_png
from acutance.imaging.bicubic import downscale, modcrop, upscale
from acutance.measuring.study import ORIGINAL, Example, Kind, Shown, Study, load, save
from acutance.measuring.study_order import items

MOST_EXAMPLES = 20  # of the SRGAN paper's calibration (Ledig 2017, sec. 3.3)
MADE = ("nearest", "bicubic")  # versions we make ourselves from the original
READABLE = {*SUFFIX_FORMATS, ".bmp"}
NAMED = 5  # missing files a message lists


@dataclass(frozen=True, kw_only=True)
class Method:
    """A version to be judged: pictures in ``folder``, or None for one we make. ``sets``: None for all."""

    name: str
    folder: Path | None
    sets: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``make`` is asked for. ``references``: test set -> folder of originals. ``calibration``: a
    folder of other originals. ``original``: the untouched picture is judged too, as a version."""

    references: dict[str, Path]
    methods: Sequence[Method]
    title: str = "Picture quality"
    kind: Kind = "scores"
    sessions: int = 1
    repeats: int = 0
    calibration: Path | None = None
    original: bool = True
    scale: int = 4
    seed: int = 0


@dataclass(frozen=True)
class _Sources:
    """One picture before it is copied: its original and the file of each version (None: we make it)."""

    set: str
    name: str
    original: Path
    files: dict[str, Path | None]


def make(folder: Path, plan: Plan, on_event: Callable[[dict], None] = lambda event: None) -> tuple[Study, list[str]]:
    """Write a study to ``folder``; returns it with notes for the user.

    Run again after a stop, it goes on: copies are named by their content, the plan is written last.
    Raises ``UsageError`` or ``BadInput`` naming what is missing or does not fit, before anything is copied.
    """
    versions = _versions(plan)
    _refuse_used(folder)
    sources = [source for name, path in plan.references.items() for source in _collect(name, path, plan)]
    examples = _examples(plan)
    sizes = [_size(source, plan.scale) for source in sources]
    cropped = sum(size != read_size(source.original) for source, size in zip(sources, sizes, strict=True))
    notes = [f"{cropped} pictures are cropped to a multiple of {plan.scale}, as their versions are"] if cropped else []
    copies = _Copies(folder / "pictures", len(sources) + len(examples), on_event)
    shown = tuple(copies.shown(source, size, plan) for source, size in zip(sources, sizes, strict=True))
    calibration = tuple(copies.example(path, plan.scale) for path in examples)
    if {example.high for example in calibration} & {name for picture in shown for name in picture.files.values()}:
        notes.append("a calibration picture is also judged; take others, so that no rater knows one beforehand")
    study = Study(
        folder=folder, title=plan.title, kind=plan.kind, versions=versions, pictures=shown, examples=calibration,
        hashes=copies.hashes, sessions=plan.sessions, repeats=plan.repeats, seed=plan.seed,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    _check_counts(study)
    save(study)
    return load(folder), notes


def _versions(plan: Plan) -> tuple[str, ...]:
    names = [method.name for method in plan.methods] + [ORIGINAL] * plan.original
    for method in plan.methods:
        if names.count(method.name) > 1:
            raise UsageError(f"--method {method.name}: is there twice (or means the original); name each once")
        if unknown := sorted(set(method.sets or ()) - set(plan.references)):
            known = ", ".join(plan.references)
            raise UsageError(f"--method {method.name}: no --reference is called {unknown[0]}; there are {known}")
    if len(names) < 2:
        raise UsageError("a study compares at least two versions; give more with --method NAME=DIR")
    return tuple(names)


def _refuse_used(folder: Path) -> None:
    if (folder / "study.json").exists():
        raise UsageError(f"{folder}: is a study already and stays as it is; choose another folder")
    ours = {"pictures", "secret"}
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - ours):
        raise UsageError(f"{folder}: exists and holds other things; choose a new folder")


def _collect(set_name: str, folder: Path, plan: Plan) -> list[_Sources]:
    """The pictures of one test set with all their versions. Raises ``BadInput`` naming what is missing."""
    if not folder.is_dir():
        raise UsageError(f"--reference {folder}: no such folder")
    originals = _pictures(folder)
    if not originals:
        raise BadInput(f"{folder}: holds no pictures")
    stems = [path.stem for path in originals]
    if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise BadInput(f"{folder}: two pictures are called {twice}; rename one of them")
    files: dict[str, dict[str, Path | None]] = {stem: {} for stem in stems}
    for method in plan.methods:
        if method.sets is None or set_name in method.sets:
            found = _found(method, set_name, stems, plan)
            for stem in stems:
                files[stem][method.name] = found[stem]
    if plan.original:
        for path in originals:
            files[path.stem][ORIGINAL] = path
    return [_Sources(set_name, path.stem, path, files[path.stem]) for path in originals]


def _found(method: Method, set_name: str, stems: list[str], plan: Plan) -> dict[str, Path | None]:
    if method.folder is None:
        return dict.fromkeys(stems)
    inner = method.folder / set_name
    folder = inner if inner.is_dir() else method.folder
    if not folder.is_dir():
        raise UsageError(f"--method {method.name}: {folder}: no such folder")
    if folder == method.folder and len(plan.references) > 1 and len(method.sets or plan.references) > 1:
        raise UsageError(f"--method {method.name}: {inner}: no such folder; each test set has its own there")
    there: dict[str, list[Path]] = {}
    for path in _pictures(folder):
        there.setdefault(path.stem, []).append(path)
    endings = ("", f"_x{plan.scale}", f"x{plan.scale}", "-generated")
    found = {stem: [path for ending in endings for path in there.get(stem + ending, [])] for stem in stems}
    if missing := [stem for stem in stems if not found[stem]]:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise BadInput(
            f"{folder}: method {method.name} lacks {', '.join(missing[:NAMED])}{more} of {set_name}; add them, "
            f"or limit it to other sets with --method {method.name}@SET=DIR"
        )
    for stem, paths in found.items():
        if len(paths) > 1:
            raise BadInput(f"{folder}: {paths[0].name} and {paths[1].name} could both be {stem}; keep one")
    return {stem: paths[0] for stem, paths in found.items()}


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in READABLE and not p.name.startswith("."))


def _size(source: _Sources, scale: int) -> tuple[int, int]:
    """Width and height in which all versions of a picture are shown. Raises ``BadInput`` if they differ."""
    whole = read_size(source.original)
    cropped = (whole[0] // scale * scale, whole[1] // scale * scale)
    sizes = {name: read_size(path) if path else cropped for name, path in source.files.items()}
    for name, size in sizes.items():
        if size not in (whole, cropped) or 0 in size:
            raise BadInput(
                f"{source.files[name] or source.original}: is {size[0]}x{size[1]}, its original is "
                f"{whole[0]}x{whole[1]}; all versions of a picture need one size"
            )
    return whole if all(size == whole for size in sizes.values()) else cropped


def _examples(plan: Plan) -> list[Path]:
    if plan.calibration is None:
        return []
    if plan.kind == "pairs":
        raise UsageError("--calibration: shows what a 1 and a 5 are; --pairs has no scores, leave one of them out")
    if not plan.calibration.is_dir() or not (paths := _pictures(plan.calibration)):
        raise UsageError(f"--calibration {plan.calibration}: no such folder, or no pictures in it")
    drawn = sorted(paths, key=lambda path: hashlib.sha256(f"{plan.seed}/{path.name}".encode()).digest())
    return drawn[:MOST_EXAMPLES]


def _check_counts(study: Study) -> None:
    count = len(items(study))
    if not 0 <= study.repeats <= count // 2:
        raise UsageError(f"--repeats {study.repeats}: of {count} items at most half, {count // 2}, can be repeated")
    if not 1 <= study.sessions <= count:
        raise UsageError(f"--sessions {study.sessions}: there are {count} items; choose 1 to {count}")


class _Copies:
    """Writes pictures under the hash of their samples, and remembers the hash of each file."""

    def __init__(self, folder: Path, total: int, on_event: Callable[[dict], None]) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise resource_error(error, folder) from error
        self.folder, self.total, self.done = folder, total, 0
        self.hashes: dict[str, str] = {}
        self.on_event = on_event

    def shown(self, source: _Sources, size: tuple[int, int], plan: Plan) -> Shown:
        original = read_rgb8(source.original)
        files = {}
        for name, path in source.files.items():
            rgb = _made(name, original, plan.scale) if path is None else read_rgb8(path)
            files[name] = self._copy(rgb[: size[1], : size[0]])
        self._step(source.name)
        return Shown(set=source.set, name=source.name, width=size[0], height=size[1], files=files)

    def example(self, path: Path, scale: int) -> Example:
        high = modcrop(read_rgb8(path), scale)
        if not high.size:
            raise BadInput(f"{path}: is smaller than {scale}x{scale}; take another picture for calibration")
        low = self._copy(_made("nearest", high, scale))
        self._step(path.stem)
        return Example(name=path.stem, width=high.shape[1], height=high.shape[0], low=low, high=self._copy(high))

    def _copy(self, rgb: np.ndarray) -> str:
        rgb = np.ascontiguousarray(rgb)
        name = hashlib.sha256(f"{rgb.shape}".encode() + rgb.tobytes()).hexdigest() + ".png"
        if name not in self.hashes:
            path = self.folder / name
            if not path.exists():
                write_png(path, rgb)
            self.hashes[name] = sha256(path)
        return name

    def _step(self, name: str) -> None:
        self.done += 1
        self.on_event({"event": "copied", "done": self.done, "total": self.total, "picture": name})


def _made(name: str, original: np.ndarray, scale: int) -> np.ndarray:
    """``nearest`` or ``bicubic`` of the original reduced by MATLAB's bicubic, uint8 ``(H, W, 3)``."""
    small = downscale(modcrop(original, scale), scale)
    if name == "bicubic":
        return upscale(small, scale)
    return small.repeat(scale, axis=0).repeat(scale, axis=1)
