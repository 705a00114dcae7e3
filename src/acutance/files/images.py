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
from acutance.files import limits, metadata
from acutance.files.atomic import temporary_beside
from acutance.files.vips import VipsImage, load, reason

DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
LOADERS = ("jpeg", "png", "webp", "tiff", "heif", "gif")
UNKNOWN = "not a picture we read (JPEG, PNG, WebP, TIFF, AVIF, HEIC, GIF)"
WIDE = {"short": ("signed 16-bit", 32767), "int": ("signed 32-bit", 2**31 - 1), "uint": ("32-bit", 2**32 - 1)}
BLEED_SIGMA = 4.0  # pixels that colour creeps under transparent ones


@dataclass
class Picture:
    """An open picture, upright: sizes in pixels, ``bands`` 1 to 4, ``depth`` the sample type.

    ``fields``: metadata to hand to the result. ``notes``: what the user should know. ``highest``: the
    highest sample of a floating-point picture, else 1.
    """

    path: Path
    width: int
    height: int
    bands: int
    depth: type[np.generic]
    fields: dict[str, tuple[Any, Any]]
    notes: list[str]
    highest: float
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
    fields = metadata.of(image)
    notes = metadata.notes(path, image)
    orientation = metadata.take_orientation(fields)
    if _reads_in_order(image) and orientation in (1, 2):
        image = load(path)
    else:
        image = stack.enter_context(_unpacked(path, image, scratch))
    converted = len(notes)
    image = _standard(_upright(image, orientation), notes)
    if image.interpretation in ("srgb", "rgb16") and any("sRGB" in note for note in notes[converted:]):
        fields.pop("icc-profile-data", None)  # it belongs to the colours as they were
    highest = _highest(path) if image.format == "float" else 1.0
    if image.hasalpha():
        image = _bled(image)
    return Picture(
        path=path, width=image.width, height=image.height, bands=image.bands, depth=DEPTHS[image.format],
        fields=fields, notes=notes, highest=highest, image=image,
    )  # fmt: skip


def _highest(path: Path) -> float:
    """The highest sample of a floating-point picture, by a pass of its own; all must be finite."""
    statistics = load(path).stats().numpy()
    if not np.isfinite(statistics).all():
        raise BadInput(f"{path}: holds NaN or infinite samples; repair the file before enlarging it")
    return float(statistics[0, 1])


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
        with open(copy, "xb+") as file:
            target = pyvips.Target.new_to_descriptor(file.fileno())
            decoded.tiffsave_target(target, bigtiff=True, tile=True, tile_width=256, tile_height=256, keep="none")
        yield load(copy, "random")
    finally:
        copy.unlink(missing_ok=True)


def _upright(image: VipsImage, orientation: int) -> VipsImage:
    """Apply EXIF orientation 2..8, once."""
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
    if image.format in WIDE:
        notes.append(f"has {WIDE[image.format][0]} samples; the result has 16 bits")
        image = (image / WIDE[image.format][1] * 65535).rint().cast("ushort")
        image = image.copy(interpretation="grey16" if image.bands <= 2 else "rgb16")
    elif image.format not in DEPTHS:
        image = image.cast("float" if image.format == "double" else "uchar")
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
