"""Measure a model on a test set by the field's protocol; the table of measures is in ``metrics``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.pixels import read_rgb8, write_png
from acutance.imaging.bicubic import Border, downscale, modcrop, upscale
from acutance.measuring.metrics import USUAL, score

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
Upscale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pair:
    """A test picture: its name, the low-resolution input and the original, uint8 ``(H, W, 3)``."""

    name: str
    lr: np.ndarray
    hr: np.ndarray


def find_pairs(bench: Path, scale: int) -> list[tuple[Path, Path | None]]:
    """Originals in ``bench/HR`` (or ``bench``), each with its partner in ``bench/LRxS`` if that exists."""
    hr_folder = bench / "HR" if (bench / "HR").is_dir() else bench
    if not hr_folder.is_dir():
        raise UsageError(f"{bench}: no such folder")
    lr_folder = bench / f"LRx{scale}"
    originals = sorted(p for p in hr_folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not originals:
        raise BadInput(f"{hr_folder}: holds no pictures")
    if not lr_folder.is_dir():
        return [(path, None) for path in originals]
    partners = {p.stem.removesuffix(f"x{scale}"): p for p in lr_folder.iterdir()}
    missing = [p.name for p in originals if p.stem not in partners]
    if missing:
        raise BadInput(f"{lr_folder}: no partner for {', '.join(missing[:5])} ({len(missing)} in all)")
    return [(path, partners[path.stem]) for path in originals]


def load_pair(original: Path, partner: Path | None, scale: int, border: Border = "symmetric") -> Pair:
    """Read a pair; without a partner the input is made by the pinned MATLAB bicubic."""
    hr = modcrop(read_rgb8(original), scale)
    lr = downscale(hr, scale, border=border) if partner is None else read_rgb8(partner)
    want = (hr.shape[0] // scale, hr.shape[1] // scale)
    if lr.shape[:2] != want:
        raise BadInput(f"{partner}: is {lr.shape[1]}x{lr.shape[0]}, expected {want[1]}x{want[0]}")
    return Pair(original.stem, lr, hr)


def bicubic(scale: int) -> Upscale:
    """The base line, as a model."""
    return lambda lr: upscale(lr, scale)


def evaluate(
    run: Upscale,
    bench: Path,
    scale: int,
    *,
    metrics: Sequence[str] = USUAL,
    pictures: Path | None = None,
    on_event: Callable[[dict], None] = lambda event: None,
) -> dict:
    """Scores of every picture of ``bench`` and their means, JSON-safe (infinite becomes "inf").

    ``pictures``: a folder for every result beside its input, its original and bicubic, as PNG.
    """
    paths = find_pairs(bench, scale)
    rows: list[dict] = []
    for number, (original, partner) in enumerate(paths):
        pair = load_pair(original, partner, scale)
        result = run(pair.lr)
        scores = {name: score(name, result, original=pair.hr, lr=pair.lr, scale=scale) for name in metrics}
        rows.append({"image": pair.name, **scores})
        if pictures is not None:
            save_pictures(pictures / bench.name, pair, result)
        on_event({"event": "image", "set": bench.name, "done": number + 1, "total": len(paths),
                  "image": pair.name, **{k: json_safe(v) for k, v in scores.items()}})  # fmt: skip
    means = {name: json_safe(fmean(row[name] for row in rows)) for name in metrics}
    return {
        "set": bench.name, "images": len(rows), "scale": scale,
        "lr": "given" if paths[0][1] else "bicubic", "mean": means,
        "per_image": [{k: json_safe(v) for k, v in row.items()} for row in rows],
    }  # fmt: skip


def save_pictures(folder: Path, pair: Pair, result: np.ndarray) -> None:
    """``NAME-generated.png``, ``-lr``, ``-hr`` and ``-bicubic`` (tensorlayer's evaluate mode)."""
    folder.mkdir(parents=True, exist_ok=True)
    scale = pair.hr.shape[0] // pair.lr.shape[0]
    kinds = {"generated": result, "lr": pair.lr, "hr": pair.hr, "bicubic": upscale(pair.lr, scale)}
    for kind, picture in kinds.items():
        write_png(folder / f"{pair.name}-{kind}.png", picture)


def json_safe(value: float | str) -> float | str:
    """A rounded number, or "inf" where JSON has none.

    >>> json_safe(math.inf), json_safe(28.421234)
    ('inf', 28.4212)
    """
    if isinstance(value, str):
        return value
    return round(value, 4) if math.isfinite(value) else str(value)
