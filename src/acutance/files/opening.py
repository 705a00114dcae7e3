"""Which library opens a picture, which directory of a TIFF holds it, and what is said where none can."""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyvips

from acutance.errors import AcutanceError, BadInput, ResourceError
from acutance.files import chunks, gif, others, tiff
from acutance.files import standard as standards
from acutance.files.memory import TOO_LITTLE, out_of_memory, was_claimed
from acutance.files.vips import VipsImage, load, reason

LOADERS = ("jpeg", "png", "webp", "tiff", "heif", "gif")
UNREAD_TIFF = {6: "YCbCr", 9: "ICC Lab", 10: "ITU Lab"}  # photometric interpretations whose samples come as they are
UNKNOWN = "not a picture we read (JPEG, PNG, WebP, TIFF, AVIF, GIF, BMP, camera raw; films: acutance remaster)"
UNSUPPORTED = (
    "not supported", "not configured", "unsupported", "not implemented", "built without", "samples out of range",
    "whole number of bytes", "cannot handle", "can not handle",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """An input as its decoder knows it: ``header`` and how to ``load`` it again; of a TIFF, its directory."""

    header: VipsImage
    load: Callable[[], VipsImage]
    place: tiff.Directory | None = None
    pages: int = 1


def open_source(path: Path, check: others.Check) -> Source:
    """Open ``path`` by the library that reads it."""
    information = path.stat()
    if not stat.S_ISREG(information.st_mode):
        raise BadInput(f"{path}: is not a regular file")
    if information.st_size == 0:
        raise BadInput(f"{path}: is empty (0 bytes)")
    directories = tiff.read(path)
    if others.is_raw(path, directories):
        return _whole(others.camera_raw(path, check))
    with open(path, "rb") as file:
        start = file.read(2)
    if start == b"BM":
        return _whole(others.bitmap(path, check))
    if start == b"\xff\xd8" and (rare := others.rare_jpeg(path, check)) is not None:
        return _whole(rare)
    if directories is not None:
        return _tiff(path, directories, check)
    try:
        header = load(path)
    except pyvips.Error as error:
        if "not in a known format" in error.detail:
            raise BadInput(f"{path}: is {UNKNOWN}") from error
        raise
    if not any(name in header.get("vips-loader") for name in LOADERS):
        raise BadInput(f"{path}: is {UNKNOWN}")
    return Source(header, lambda: load(path))


def _whole(image: VipsImage) -> Source:
    return Source(image, lambda: image)


def _tiff(path: Path, directories: tiff.Tiff, check: others.Check) -> Source:
    """A TIFF, by the directory that holds its picture."""
    place, pages = directories.picture, directories.pages
    where = {"page": place.page} | ({"subifd": place.sub} if place.sub >= 0 else {})
    where = where if place.page or place.sub >= 0 else {}

    def opened() -> VipsImage:
        image = standards.called_data(load(path, place=where), place.opaque)
        if image.bands == 4 and place.number(tiff.SAMPLES, 1) == 3:
            image = image[:3]  # libtiff's own idea of opacity
        if image.get_typeof("n-pages") and image.get("n-pages") != pages:
            image = image.copy()
            image.set_type(pyvips.GValue.gint_type, "n-pages", pages)
        return image

    if why := place.beyond_libvips:
        return Source(image := others.rare_tiff(path, place, check, why), lambda: image, place, pages)
    try:
        header = opened()
    except pyvips.Error as error:
        if not is_unsupported(error.detail):
            raise
        return Source(image := others.rare_tiff(path, place, check, reason(error)), lambda: image, place, pages)
    if (kind := UNREAD_TIFF.get(place.number(tiff.PHOTOMETRIC))) and place.number(
        tiff.COMPRESSION
    ) != 7:  # libtiff decodes JPEG to RGB
        raise BadInput(f"{path}: is a TIFF in {kind}, which libvips takes for RGB; convert it to RGB first")
    return Source(header, opened, place, pages)


def tiff_notes(file: Source) -> list[str]:
    """What the directories of a TIFF say that the user should know."""
    place, said = file.place, []
    if place is None:
        return said
    if place.reduced:
        said.append("calls itself a reduced copy of another picture; look whether there is a larger one")
    if place.no_data is not None and place.number(tiff.SAMPLE_FORMAT, 1) != 3:
        said.append(f"marks missing samples by {place.no_data:g}; around them the result has other values")
    return said


def unseen_damage(path: Path, file: Source) -> str:
    """Damage that decoders pass over: broken tiles of a TIFF, missing pixels of a GIF, a JPEG without its end."""
    loader = file.header.get("vips-loader")
    if file.place is not None:
        return tiff.damage(path, file.place)
    if "jpeg" in loader:
        with open(path, "rb") as data:
            return "" if chunks.jpeg_is_ended(data) else "its end marker is missing"
    return gif.damage(path) if "gif" in loader else ""


@contextlib.contextmanager
def as_input_errors(path: Path) -> Iterator[None]:
    """Whatever libvips or the disk says of ``path`` meanwhile becomes an ``AcutanceError``."""
    try:
        yield
    except pyvips.Error as error:
        raise _unreadable(path, error) from error
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise ResourceError(f"{path}: {TOO_LITTLE}") from error
        text = f"{path}: cannot be read ({error.strerror or error})"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE):
            raise ResourceError(f"{text}; give yourself permission, or check its disk") from error
        raise BadInput(text) from error


def _unreadable(path: Path, error: pyvips.Error) -> AcutanceError:
    text, said = reason(error), error.detail.lower()
    if out_of_memory(said) and not was_claimed(said, path.stat().st_size):
        return ResourceError(f"{path}: {TOO_LITTLE}")
    if "hevc" in said:
        return BadInput(f"{path}: is HEIC, which this libvips cannot decode; convert it to JPEG or PNG first")
    if "labq" in said:
        return BadInput(f"{path}: is Lab of 8 bits, which this libvips cannot read; convert it to RGB or 16-bit Lab")
    if is_unsupported(said):
        return unsupported(path, text)
    if any(word in said for word in ("truncated", "premature", "out of data", "ended", "eof", "end of")):
        return BadInput(f"{path}: the file ends before the picture does ({text}); get the file again")
    return BadInput(f"{path}: is damaged or not a picture ({text}); get the file again")


def is_unsupported(said: str) -> bool:
    """Whether a decoder speaks of what it cannot do, not of what is wrong with the file."""
    said = said.lower()
    return any(word in said for word in UNSUPPORTED) and "unsupported marker" not in said


def unsupported(path: Path, text: str) -> BadInput:
    return BadInput(
        f"{path}: is of a kind that libvips does not support ({text}); convert it to PNG or plain TIFF first"
    )
