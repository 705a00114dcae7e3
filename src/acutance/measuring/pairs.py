"""Test pictures: an original, and the small picture a method has to bring back to its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import Border, downscale, modcrop

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Pair:
    """A test picture: its name, the low-resolution input and the original, uint8 ``(H, W, 3)``.

    ``notes``: what was done to make the two fit.
    """

    name: str
    lr: np.ndarray
    hr: np.ndarray
    notes: tuple[str, ...] = ()


def pictures(folder: Path) -> list[Path]:
    """The picture files of a folder, by name. Raises ``UsageError`` without the folder, ``BadInput`` if it is empty."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise BadInput(f"{folder}: holds no pictures")
    return found


def set_name(bench: Path) -> str:
    """What a test set is called: as its folder, or the one above an ``HR``.

    >>> set_name(Path("sets/Set5/HR")), set_name(Path("sets/Set5"))
    ('Set5', 'Set5')
    """
    whole = bench.resolve()
    return whole.parent.name if whole.name == "HR" else whole.name


def one_each(paths: list[Path], stem: Callable[[Path], str]) -> dict[str, Path]:
    """Pictures by what they are called without ending. Raises ``BadInput`` for two of one name."""
    found: dict[str, Path] = {}
    for path in paths:
        if (other := found.setdefault(stem(path), path)) != path:
            raise BadInput(f"{path}: is called as {other.name} is; a set has one picture of each name")
    return found


def find_pairs(bench: Path, scale: int) -> list[tuple[Path, Path | None]]:
    """Originals in ``bench/HR`` (or ``bench``), each with its partner in ``bench/LRxS`` if that exists."""
    originals = pictures(bench / "HR" if (bench / "HR").is_dir() else bench)
    names = one_each(originals, lambda path: path.stem)
    lr_folder = bench / f"LRx{scale}"
    if not lr_folder.is_dir():
        return [(path, None) for path in originals]
    partners = one_each(
        pictures(lr_folder), lambda path: path.stem if path.stem in names else path.stem.removesuffix(f"x{scale}")
    )
    missing = [path.name for path in originals if path.stem not in partners]
    if missing:
        raise BadInput(
            f"{lr_folder}: no partner for {', '.join(missing[:5])} ({len(missing)} in all); "
            "add them, or remove the folder to have all made by bicubic"
        )
    return [(path, partners[path.stem]) for path in originals]


def load_pair(original: Path, partner: Path | None, scale: int, border: Border = "symmetric") -> Pair:
    """Read a pair; without a partner the input is made by the pinned MATLAB bicubic.

    A partner that is one pixel off (rounded up where the protocol rounds down) is cut to fit, or the original
    is; anything else raises ``BadInput``.
    """
    whole = read_rgb8(original)
    hr = modcrop(whole, scale)
    if not hr.size:
        raise BadInput(f"{original}: is {whole.shape[1]}x{whole.shape[0]}, too small to be reduced by {scale}")
    if partner is None:
        return Pair(original.stem, downscale(hr, scale, border=border), hr)
    lr = read_rgb8(partner)
    given, want = lr.shape[:2], (hr.shape[0] // scale, hr.shape[1] // scale)
    if given == want:
        return Pair(original.stem, lr, hr)
    if max(abs(g - w) for g, w in zip(given, want, strict=True)) > 1:
        raise BadInput(f"{partner}: is {given[1]}x{given[0]}, expected {want[1]}x{want[0]} for {original.name}")
    height, width = (min(g, w) for g, w in zip(given, want, strict=True))
    note = f"{partner.name} is {given[1]}x{given[0]}, expected {want[1]}x{want[0]}; both cut to fit"
    return Pair(original.stem, lr[:height, :width], hr[: height * scale, : width * scale], (note,))


def fit(result: np.ndarray, pair: Pair, scale: int, what: str) -> tuple[np.ndarray, Pair]:
    """``result`` and the pair cut to one size, when they differ by less than one input pixel a side.

    ``what`` names the result in ``BadInput``, raised when they differ by more.
    """
    given, want = result.shape[:2], pair.hr.shape[:2]
    if given == want:
        return result, pair
    if max(abs(g - w) for g, w in zip(given, want, strict=True)) > scale:
        raise BadInput(
            f"{what}: is {given[1]}x{given[0]}, the original {want[1]}x{want[0]}; is it of another scale or picture?"
        )
    rows, columns = (min(g, w) // scale for g, w in zip(given, want, strict=True))
    note = f"{what} is {given[1]}x{given[0]}, the original {want[1]}x{want[0]}; both cut to fit"
    hr = pair.hr[: rows * scale, : columns * scale]
    cut = Pair(pair.name, pair.lr[:rows, :columns], hr, (*pair.notes, note))
    return result[: rows * scale, : columns * scale], cut
