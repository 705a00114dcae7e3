"""The door through which pictures come in: header first, then rows in order.

A picture is handed out upright as 1 to 4 bands (grey or RGB, with or without alpha) of uint8,
uint16 or float32, in its own colour space: an RGB or grey ICC profile is kept beside the samples
and goes back into the result unchanged, so nothing is rounded or clipped on the way. CMYK and Lab
become sRGB, which is said.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import BadInput, DiskFull, ResourceError
from acutance.files import limits, metadata
from acutance.files import standard as standards
from acutance.files.atomic import resource_error, temporary_beside
from acutance.files.vips import VipsImage, load, reason

LOADERS = ("jpeg", "png", "webp", "tiff", "heif", "gif")
UNREAD_TIFF = {6: "YCbCr", 9: "ICC Lab", 10: "ITU Lab"}  # photometric interpretations whose samples come as they are
UNKNOWN = "not a picture we read (JPEG, PNG, WebP, TIFF, AVIF, GIF; films: acutance remaster)"


@dataclass
class Picture:
    """An open picture, upright: sizes in pixels, ``bands`` 1 to 4, ``depth`` the sample type.

    ``fields``: metadata to hand to the result. ``notes``: what the user should know. Nothing but the
    header is read until the first call of ``rows``.
    """

    path: Path
    width: int
    height: int
    bands: int
    depth: type[np.generic]
    fields: metadata.Metadata
    notes: list[str]
    _decode: Callable[[], VipsImage] = field(repr=False)
    _region: Any = field(default=None, repr=False)

    def highest(self) -> float:
        """The highest sample of a floating-point picture, by a pass of its own; 1 for integers.

        Raises ``BadInput`` when a sample is NaN or infinite.
        """
        if self.depth != np.float32:
            return 1.0
        with _as_input_errors(self.path):
            statistics = load(self.path).stats().numpy()
        if not np.isfinite(statistics).all():
            raise BadInput(f"{self.path}: holds NaN or infinite samples; repair the file before enlarging it")
        return float(statistics[0, 1])

    def close(self) -> None:
        """Let go of the decoder and its file, also while an exception still holds the picture."""
        self._region, self._decode = None, _closed

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Decode rows ``[top, bottom)``, ``(rows, width, bands)``; ask for them in order, once."""
        with _as_input_errors(self.path):
            if self._region is None:
                image = self._decode()
                self._region = pyvips.Region.new(image)
                self._decode = lambda: image  # a region alone does not hold what reads the file
            data = self._region.fetch(0, top, self.width, bottom - top)
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
    with contextlib.ExitStack() as stack:
        with _as_input_errors(path):
            picture = _opened(path, scratch, max_megapixels, shrink, stack)
        try:
            yield picture
        finally:
            picture.close()


def _opened(path: Path, scratch: Path, max_megapixels: float, shrink: float, stack: contextlib.ExitStack) -> Picture:
    header = _header(path)
    limits.check_input_pixels(path, header.width, header.height, max_megapixels)
    fields = metadata.of(path, header)
    orientation = fields.orientation
    if header.interpretation in standards.FOREIGN:
        fields = fields.without_profile()  # it belongs to the colours as they were
    in_order = _reads_in_order(header) and orientation in (1, 2)

    def decode() -> VipsImage:
        image = load(path) if in_order else stack.enter_context(_unpacked(path, header, scratch))
        return standards.shrunk(standards.standard(image, orientation), shrink)

    coming = standards.shrunk(standards.standard(header, orientation), shrink)
    return Picture(
        path=path, width=coming.width, height=coming.height, bands=coming.bands,
        depth=standards.DEPTHS[coming.format], fields=fields,
        notes=metadata.notes(header, fields) + standards.notes(header), _decode=decode,
    )  # fmt: skip


@contextlib.contextmanager
def _as_input_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except pyvips.Error as error:
        raise _unreadable(path, error) from error
    except OSError as error:
        text = f"{path}: cannot be read ({error.strerror or error})"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE):
            raise ResourceError(f"{text}; give yourself permission, or check its disk") from error
        raise BadInput(text) from error


def _unreadable(path: Path, error: pyvips.Error) -> BadInput:
    text = reason(error)
    if "HEVC" in error.detail:
        return BadInput(f"{path}: is HEIC, which this libvips cannot decode; convert it to JPEG or PNG first")
    if "labq" in error.detail:
        return BadInput(f"{path}: is Lab of 8 bits, which this libvips cannot read; convert it to RGB or 16-bit Lab")
    if any(
        word in error.detail.lower() for word in ("truncated", "premature", "out of data", "ended", "eof", "end of")
    ):
        return BadInput(f"{path}: the file ends before the picture does ({text}); get the file again")
    return BadInput(f"{path}: is damaged or not a picture ({text}); get the file again")


def _header(path: Path) -> VipsImage:
    information = path.stat()
    if not stat.S_ISREG(information.st_mode):
        raise BadInput(f"{path}: is not a regular file")
    if information.st_size == 0:
        raise BadInput(f"{path}: is empty (0 bytes)")
    try:
        image = load(path)
    except pyvips.Error as error:
        if "not in a known format" in error.detail:
            raise BadInput(f"{path}: is {UNKNOWN}") from error
        raise
    if not any(name in image.get("vips-loader") for name in LOADERS):
        raise BadInput(f"{path}: is {UNKNOWN}")
    if "tiff" in image.get("vips-loader"):
        tags = metadata.tiff_tags(path)
        if (kind := UNREAD_TIFF.get(tags.get(262, 0))) and tags.get(259) not in (6, 7):  # libtiff decodes JPEG to RGB
            raise BadInput(f"{path}: is a TIFF in {kind}, which libvips takes for RGB; convert it to RGB first")
    return image


def _reads_in_order(image: VipsImage) -> bool:
    """Baseline JPEG, plain PNG and TIFF come row by row; the other decoders hold the whole picture."""
    loader = image.get("vips-loader")
    if "jpeg" in loader:
        return not image.get_typeof("jpeg-multiscan")
    if "png" in loader:
        return not (image.get_typeof("interlaced") and image.get("interlaced"))
    return "tiff" in loader


@contextlib.contextmanager
def _unpacked(path: Path, header: VipsImage, scratch: Path) -> Iterator[VipsImage]:
    """The decoded picture in memory, or above 64 megapixels in a tiled file beside the result."""
    decoded = load(path)
    if header.width * header.height <= limits.RANDOM_ACCESS_MEGAPIXELS * 1e6:
        yield decoded.copy_memory()
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


def _unpack(decoded: VipsImage, copy: Path) -> None:
    """Write every pixel to ``copy``. Raises ``DiskFull`` or another ``AcutanceError``."""
    try:
        with open(copy, "xb+") as file:
            target = pyvips.Target.new_to_descriptor(file.fileno())
            decoded.tiffsave_target(target, bigtiff=True, tile=True, tile_width=256, tile_height=256, keep="icc")
    except OSError as error:
        raise resource_error(error, copy) from error
    except pyvips.Error as error:
        if shutil.disk_usage(copy.parent).free < limits.FULL:
            raise DiskFull(
                f"{copy.parent}: the disk is full; free some space and run the same command again"
            ) from error
        raise
