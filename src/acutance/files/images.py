"""The door through which pictures come in: header first, then rows in order.

A picture is handed out upright as 1 to 4 bands (grey or RGB, with or without alpha) of uint8,
uint16 or float32, in its own colour space: an RGB or grey ICC profile is kept beside the samples
and goes back into the result unchanged, so nothing is rounded or clipped on the way. CMYK and Lab
become sRGB, which is said.
"""

from __future__ import annotations

import contextlib
import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import BadInput
from acutance.files import limits
from acutance.files.atomic import temporary_beside
from acutance.files.vips import VipsImage, load, reason

DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
LOADERS = ("jpeg", "png", "webp", "tiff", "heif", "gif")
UNKNOWN = "not a picture we read (JPEG, PNG, WebP, TIFF, AVIF, HEIC, GIF)"
BLEED_SIGMA = 4.0  # pixels that colour creeps under transparent ones


@dataclass
class Picture:
    """An open picture, upright: sizes in pixels, ``bands`` 1 to 4, ``depth`` the sample type.

    ``fields``: metadata to hand to the result. ``notes``: what the user should know.
    """

    path: Path
    width: int
    height: int
    bands: int
    depth: type[np.generic]
    file_format: str
    fields: dict[str, tuple[Any, Any]]
    notes: list[str]
    image: VipsImage = field(repr=False)
    _region: Any = field(default=None, repr=False)

    @property
    def alpha(self) -> bool:
        """Whether the last band is opacity."""
        return self.bands in (2, 4)

    @property
    def grey(self) -> bool:
        """Whether there is one colour band only."""
        return self.bands <= 2

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Decode rows ``[top, bottom)``, ``(rows, width, bands)``; ask for them in order, once."""
        try:
            if self._region is None:
                self._region = pyvips.Region.new(self.image)
            data = self._region.fetch(0, top, self.width, bottom - top)
        except pyvips.Error as error:
            raise _unreadable(self.path, error) from error
        return np.frombuffer(data, self.depth).reshape(bottom - top, self.width, self.bands)


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def open_picture(path: Path, *, scratch: Path, max_megapixels: float = limits.MAX_MEGAPIXELS) -> Iterator[Picture]:
    """Open ``path`` for reading in order. ``scratch``: the file beside which a large picture that
    cannot be read in order is unpacked; the unpacked copy is removed on every exit.

    Raises ``BadInput`` (unreadable, unknown), ``OverLimit`` (too many pixels) or ``ResourceError``.
    """
    with contextlib.ExitStack() as stack:
        with _as_input_errors(path):
            picture = _opened(path, scratch, max_megapixels, stack)
        yield picture


def _opened(path: Path, scratch: Path, max_megapixels: float, stack: contextlib.ExitStack) -> Picture:
    image = _header(path)
    limits.check_input_pixels(path, image.width, image.height, max_megapixels)
    notes = _animation_notes(image)
    fields = _metadata(image)
    orientation = _take_orientation(fields)
    if _reads_in_order(image) and orientation in (1, 2):
        image = load(path)
    else:
        image = stack.enter_context(_unpacked(path, image, scratch))
    image = _standard(_upright(image, orientation), notes)
    if image.hasalpha():
        image = _bled(image)
    return Picture(
        path=path, width=image.width, height=image.height, bands=image.bands, depth=DEPTHS[image.format],
        file_format=_format_name(fields.pop("vips-loader")[1]), fields=fields, notes=notes, image=image,
    )  # fmt: skip


@contextlib.contextmanager
def _as_input_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except pyvips.Error as error:
        raise _unreadable(path, error) from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from error


def _unreadable(path: Path, error: pyvips.Error) -> BadInput:
    text = reason(error)
    if any(word in error.detail.lower() for word in ("truncated", "premature", "out of data", "ended", "eof")):
        return BadInput(f"{path}: the file ends before the picture does ({text}); get the file again")
    return BadInput(f"{path}: is damaged or not a picture ({text})")


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
    return image


def _animation_notes(image: VipsImage) -> list[str]:
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    return [f"holds {pages} pages or frames; only the first is used"] if pages > 1 else []


STRUCTURE = {
    "width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset", "filename",
    "n-pages", "page-height", "n-subifds", "delay", "loop", "gif-delay", "gif-loop", "background",
    "bits-per-sample", "palette", "palette-bit-depth", "interlaced", "jpeg-multiscan", "jpeg-chroma-subsample",
    "jpeg-thumbnail-data", "heif-primary", "heif-bitdepth", "heif-compression", "thumbnail-data",
    "gif-palette", "tiff-photometric-interpretation", "png-filter", "vips-sequential",
}  # fmt: skip


def _metadata(image: VipsImage) -> dict[str, tuple[Any, Any]]:
    return {name: (image.get_typeof(name), image.get(name)) for name in image.get_fields() if name not in STRUCTURE}


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
        with open(copy, "xb+") as file:
            target = pyvips.Target.new_to_descriptor(file.fileno())
            decoded.tiffsave_target(target, bigtiff=True, tile=True, tile_width=256, tile_height=256, keep="none")
        yield load(copy, "random")
    finally:
        copy.unlink(missing_ok=True)


def _take_orientation(fields: dict[str, tuple[Any, Any]]) -> int:
    """The EXIF orientation; the result's metadata will say 1, upright."""
    if "orientation" not in fields:
        return 1
    kind, value = fields["orientation"]
    fields["orientation"] = (kind, 1)
    fields.pop("exif-ifd0-Orientation", None)
    return int(value)


def _upright(image: VipsImage, orientation: int) -> VipsImage:
    """Apply EXIF orientation 2..8, once."""
    if image.get_typeof("orientation"):
        image = image.copy()
        image.remove("orientation")
    turns = {3: "d180", 4: "d180", 5: "d90", 6: "d90", 7: "d270", 8: "d270"}
    if orientation in turns:
        image = image.rot(turns[orientation])
    return image.fliphor() if orientation in (2, 4, 5, 7) else image


def _standard(image: VipsImage, notes: list[str]) -> VipsImage:
    """Grey or RGB, with or without alpha, of 8 bits, 16 bits or float."""
    kind = image.interpretation
    if kind in ("cmyk", "lab", "labs", "labq", "xyz", "lch"):
        if kind == "cmyk":
            image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", intent="relative")
        else:
            image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        notes.append(f"is {kind.upper()}; the result is sRGB")
    if image.format not in DEPTHS:
        wide = image.format in ("short", "int", "uint", "double")
        notes.append(f"has {image.format} samples; processed as float") if wide else None
        image = image.cast("float") if wide else image.cast("uchar")
    if image.bands > 4:
        notes.append(f"has {image.bands} bands; the first three are used")
        image = image[:3]
    return image


def _bled(image: VipsImage) -> VipsImage:
    """Let colour creep under fully transparent pixels, so that no dark fringe appears at edges."""
    colour, alpha = image[: image.bands - 1], image[image.bands - 1]
    weight = (alpha > 0).ifthenelse(1.0, 0.0).cast("float")
    spread = weight.gaussblur(BLEED_SIGMA, precision="float")
    near = (colour * weight).gaussblur(BLEED_SIGMA, precision="float") / (spread > 1e-6).ifthenelse(spread, 1)
    filled = (alpha == 0).ifthenelse((spread > 1e-6).ifthenelse(near, colour), colour)
    filled = filled.rint() if image.format != "float" else filled
    return filled.cast(image.format).bandjoin(alpha).copy(interpretation=image.interpretation)


def _format_name(loader: str) -> str:
    for name, found in (("jpeg", "jpg"), ("png", "png"), ("webp", "webp"), ("tiff", "tif")):
        if name in loader:
            return found
    return "avif" if "heif" in loader else "png"
