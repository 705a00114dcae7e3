"""What we refuse before any work: too many pixels, sizes a format cannot hold, no room on disk."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from acutance.errors import DiskFull, OverLimit, UsageError

WIDE = 65_536  # pixels of a row from which on lines are counted
FULL = 4 << 20  # bytes free below which a failed write means a full disk
MAX_MEGAPIXELS = 300  # of an input; adjustable
MOST_ROWS = 1 << 30  # bytes of rows that the network sees at a time
RANDOM_ACCESS_MEGAPIXELS = 64  # above this, what cannot be read in order is unpacked to a disk file
FORMAT_SIDES = {"jpg": 65_535, "webp": 16_383, "avif": 16_384, "png": 2**31 - 1, "tif": 2**31 - 1}
HELD_WHOLE = {"avif": 50, "webp": 150}  # megapixels; their encoders hold all of it
FORMATS = tuple(FORMAT_SIDES)
SUFFIX_FORMATS = {
    ".jpg": "jpg", ".jpeg": "jpg", ".jpe": "jpg", ".jfif": "jpg", ".jif": "jpg", ".pjpeg": "jpg", ".pjp": "jpg",
    ".png": "png", ".webp": "webp",
    ".tif": "tif", ".tiff": "tif", ".avif": "avif",
}  # fmt: skip
RAW_SUFFIXES = {
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
UNREAD_SUFFIXES = {
    ".apng", ".dib", ".exr", ".gif", ".hdr", ".heic", ".heif", ".j2k", ".jp2", ".jxl", ".pbm", ".pgm", ".pnm", ".ppm",
    ".psd", ".svg", ".tga", *RAW_SUFFIXES,
}  # fmt: skip # pictures that are named rather than taken into a dataset
ON_REQUEST = {"rawpy": ("raw", RAW_SUFFIXES), "PIL": ("formats", {".bmp", ".dib"})}  # library: extra, suffixes


def check_input_pixels(path: Path, width: int, height: int, max_megapixels: float) -> None:
    """Refuse a header that promises more than the limit, before anything is decoded."""
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise OverLimit(
            f"{path}: {width}x{height} is {megapixels:,.4g} megapixels, over the limit of "
            f"{max_megapixels:g}; raise it with --max-megapixels if you trust the file"
        )


def check_rows(path: Path, size: int) -> None:
    """Refuse a picture whose rows are so long that those which the network sees at a time, ``size`` bytes, are many."""
    if size > MOST_ROWS:
        raise OverLimit(
            f"{path}: its rows are too long ({size / 1e9:.1f} GB for what must be in memory at a time, "
            f"{MOST_ROWS / 1e9:.1f} at most); turn it by 90 degrees, or cut it into parts"
        )


def check_output_size(path: Path, file_format: str, width: int, height: int) -> None:
    """Refuse a result its format cannot hold."""
    limit = FORMAT_SIDES[file_format]
    if max(width, height) > limit:
        raise OverLimit(
            f"{path}: the result would be {width}x{height}, but {file_format} ends at {limit:,} pixels "
            "a side; use --format tif or --format png"
        )
    most = HELD_WHOLE.get(file_format)
    if most is not None and width * height > most * 1e6:
        raise OverLimit(
            f"{path}: the result would be {width * height / 1e6:.0f} megapixels, and {file_format} encoders hold "
            f"all of it in memory; the most is {most}: use --format tif or --format png"
        )


def suffixes_on_request() -> tuple[set[str], dict[str, str]]:
    """What can be read here by its suffix beside what libvips reads; what cannot, each with the extra that it needs."""
    able, unable = set(), {}
    for library, (extra, names) in ON_REQUEST.items():
        if importlib.util.find_spec(library):
            able |= names
        else:
            unable |= dict.fromkeys(names, extra)
    return able, unable


def format_of(path: Path) -> str:
    """The format a file name asks for."""
    try:
        return SUFFIX_FORMATS[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without a suffix'}; use one of {' '.join(SUFFIX_FORMATS)}"
        ) from None


def check_room(folder: Path, needed: int, what: str, option: str = "-o") -> None:
    """Refuse when ``folder``'s disk has less than ``needed`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{folder}: {what} needs about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; "
            f"free some space or choose another folder with {option}"
        )
