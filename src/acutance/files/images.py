"""The door through which pictures come in: header first, then rows in order.

A picture is handed out upright as 1 to 4 bands (grey or RGB, with or without one band more) of uint8,
uint16 or float32, in its own colour space: an RGB or grey ICC profile is kept beside the samples
and goes back into the result unchanged, so nothing is rounded or clipped on the way. CMYK and Lab
become sRGB, which is said.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import BadInput, DiskFull
from acutance.files import limits, metadata
from acutance.files import standard as standards
from acutance.files.atomic import resource_error, temporary_beside
from acutance.files.opening import (
    Source,
    as_input_errors,
    is_unsupported,
    open_source,
    tiff_notes,
    unseen_damage,
    unsupported,
)
from acutance.files.vips import Ledger, VipsImage, load

BLOCK = 64 << 20  # bytes of rows decoded at a time
LARGEST = 1e19  # of a floating-point sample: squares stay finite, and terrain marks what is missing by 1e30 and more


@dataclass
class Picture:
    """An open picture, upright: sizes in pixels, ``bands`` 1 to 4, ``depth`` the sample type.

    ``data_band``: the last band of two or four is data of another kind, not opacity. ``fields``: metadata to
    hand to the result. ``notes``: what the user should know. ``held``: bytes that the whole of it takes in memory,
    where it cannot be read in order. ``damage``: what decoders complained of, complete when the
    picture is closed. Of most pictures nothing but the header is read until the first call of ``rows``.
    """

    path: Path
    width: int
    height: int
    bands: int
    data_band: bool
    depth: type[np.generic]
    fields: metadata.Metadata
    notes: list[str]
    held: int
    _decode: Callable[[], VipsImage] = field(repr=False)
    _load: Callable[[], VipsImage] = field(repr=False)
    _ledger: Ledger = field(repr=False)
    _no_data: float | None = None
    _region: Any = field(default=None, repr=False)

    @property
    def damage(self) -> str:
        """What is wrong, in a few words, or nothing."""
        return self._ledger.summary or (
            self._ledger.found[-1].removeprefix("tiff2vips: ").removeprefix("VipsJpeg: ") if self._ledger.found else ""
        )

    def highest(self) -> float:
        """The highest sample of a floating-point picture, by a pass of its own; 1 for integers.

        Raises ``BadInput`` when samples are NaN, infinite, or stand for missing ones, as in maps of terrain.
        """
        if self.depth != np.float32:
            return 1.0
        with as_input_errors(self.path), self._ledger.reading():
            image = self._load()
            statistics = image.stats().numpy()
            marked = self._no_data is not None and bool((self._load() == self._no_data).max())
        least, most = float(statistics[0, 0]), float(statistics[0, 1])
        if not np.isfinite(statistics).all():
            raise BadInput(f"{self.path}: holds NaN or infinite samples; repair the file before enlarging it")
        if marked or max(-least, most) > LARGEST:
            value = self._no_data if marked else least if -least > most else most
            raise BadInput(f"{self.path}: marks missing samples by {value:g}; fill those holes before enlarging it")
        if least < -max(1.0, most):
            self.notes.append(f"has samples down to {least:g}; if those mark missing ones, fill the holes first")
        return most

    def close(self) -> None:
        """Let go of the decoder and its file, also while an exception still holds the picture."""
        self._region, self._decode = None, _closed

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Decode rows ``[top, bottom)``, ``(rows, width, bands)``; ask for them in order, once."""
        block = max(1, BLOCK // (self.width * self.bands * np.dtype(self.depth).itemsize))
        if bottom - top <= block:
            return self._read(top, bottom)
        rows = np.empty((bottom - top, self.width, self.bands), self.depth)
        for start in range(top, bottom, block):
            stop = min(start + block, bottom)
            rows[start - top : stop - top] = self._read(start, stop)
        return rows

    def _read(self, top: int, bottom: int) -> np.ndarray:
        with as_input_errors(self.path), self._ledger.reading():
            if self._region is None:
                image = self._decode()
                self._region = pyvips.Region.new(image)
                self._decode = lambda: image  # a region alone does not hold what reads the file
            data = self._region.fetch(0, top, self.width, bottom - top)
        if wrong := next((line for line in self._ledger.found if is_unsupported(line)), ""):
            raise unsupported(self.path, wrong)
        return np.frombuffer(data, self.depth).reshape(bottom - top, self.width, self.bands)


def _closed() -> VipsImage:
    raise ValueError("the picture is closed")


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_all(paths: Iterable[Path]) -> str:
    """One hash of several files' bytes, in order."""
    return hashlib.sha256("".join(map(sha256, paths)).encode()).hexdigest()


@contextlib.contextmanager
def open_picture(
    path: Path, *, scratch: Path, max_megapixels: float = limits.MAX_MEGAPIXELS, shrink: float = 1.0
) -> Iterator[Picture]:
    """Open ``path`` for reading in order. ``scratch``: the file beside which a large picture that
    cannot be read in order is unpacked; the unpacked copy is removed on every exit. ``shrink``: hand it
    out this many times smaller, antialiased.

    Raises ``BadInput`` (unreadable, unknown) or ``OverLimit`` (too many pixels).
    """
    ledger = Ledger()
    with ledger.listening(), contextlib.ExitStack() as stack:
        with as_input_errors(path):
            picture = _opened(path, scratch, max_megapixels, shrink, stack, ledger)
        try:
            yield picture
        finally:
            picture.close()


def _opened(
    path: Path, scratch: Path, max_megapixels: float, shrink: float, stack: contextlib.ExitStack, ledger: Ledger
) -> Picture:
    file = open_source(path, lambda width, height: limits.check_input_pixels(path, width, height, max_megapixels))
    header = file.header
    limits.check_input_pixels(path, header.width, header.height, max_megapixels)
    fields = metadata.of(path, header)
    orientation = fields.orientation
    if header.interpretation in standards.FOREIGN:
        fields = fields.without_profile()  # it belongs to the colours as they were
    in_order = _reads_in_order(header) and orientation in (1, 2)
    with ledger.reading():
        levels = standards.measured(header)

    def decode() -> VipsImage:
        ledger.summary = unseen_damage(path, file)
        image = file.load() if in_order else stack.enter_context(_unpacked(path, file, scratch))
        return standards.shrunk(standards.standard(image, orientation, levels), shrink)

    coming = standards.shrunk(standards.standard(header, orientation, levels), shrink)
    return Picture(
        path=path, width=coming.width, height=coming.height, bands=coming.bands,
        data_band=coming.bands in (2, 4) and not standards.has_opacity(coming),
        depth=standards.DEPTHS[coming.format], fields=fields, held=0 if in_order else _memory(header),
        notes=metadata.notes(header, fields) + standards.notes(header, levels) + tiff_notes(file), _decode=decode,
        _load=file.load, _ledger=ledger, _no_data=file.place.no_data if file.place else None,
    )  # fmt: skip


def _reads_in_order(image: VipsImage) -> bool:
    """Baseline JPEG, plain PNG and TIFF come row by row; the other decoders hold the whole picture."""
    loader = image.get("vips-loader")
    if "jpeg" in loader:
        return not image.get_typeof("jpeg-multiscan")
    if "png" in loader:
        return not (image.get_typeof("interlaced") and image.get("interlaced"))
    return "tiff" in loader


@contextlib.contextmanager
def _unpacked(path: Path, file: Source, scratch: Path) -> Iterator[VipsImage]:
    """The decoded picture in memory, or above 64 megapixels in a tiled file beside the result."""
    decoded, header = file.load(), file.header
    if header.width * header.height <= limits.RANDOM_ACCESS_MEGAPIXELS * 1e6:
        held = decoded.copy_memory()
        del decoded  # now it tells what it has to complain of
        yield held
        return
    sample_bytes = {"uchar": 1, "ushort": 2}.get(header.format, 4)
    limits.check_room(
        scratch.parent, header.width * header.height * header.bands * sample_bytes, f"unpacking {path.name}"
    )
    copy = temporary_beside(scratch.with_suffix(".tif"))
    try:
        _unpack(decoded, copy)
        yield load(copy, "random")
    finally:
        copy.unlink(missing_ok=True)


def _memory(header: VipsImage) -> int:
    """Bytes that an unpacked picture takes in memory."""
    pixels = header.width * header.height
    return pixels * header.bands * 4 if pixels <= limits.RANDOM_ACCESS_MEGAPIXELS * 1e6 else 0


def _unpack(decoded: VipsImage, copy: Path) -> None:
    """Write every pixel to ``copy``. Raises ``DiskFull`` or another ``AcutanceError``."""
    try:
        with open(copy, "xb+") as file:
            target = pyvips.Target.new_to_descriptor(file.fileno())
            tall = 16 if decoded.width > limits.WIDE else 256
            decoded.tiffsave_target(target, bigtiff=True, tile=True, tile_width=256, tile_height=tall, keep="icc")
    except OSError as error:
        raise resource_error(error, copy) from error
    except pyvips.Error as error:
        if shutil.disk_usage(copy.parent).free < limits.FULL:
            raise DiskFull(
                f"{copy.parent}: the disk is full; free some space and run the same command again"
            ) from error
        raise
