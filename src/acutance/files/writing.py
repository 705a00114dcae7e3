"""The door through which pictures go out: strips in order, metadata restored, atomically."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import BadInput, DiskFull, ResourceError
from acutance.files import embedding, limits, metadata
from acutance.files.atomic import atomic_path
from acutance.files.memory import TOO_LITTLE, out_of_memory
from acutance.files.standard import called_data, reduced
from acutance.files.strips import StripSource
from acutance.files.tiff import call_extra_band_data
from acutance.files.vips import VipsImage, reason

DATA_BAND = ("tif", "raw")  # formats that hold one
EIGHT_BIT = ("jpg", "webp", "avif")
Write = Callable[[np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to write: the strips' own size and type, the size wanted in the end, and how to encode.

    ``peak``: the value of white. ``data_band``: the last of two or four bands is not opacity.
    ``file_format`` "raw" is an unpacked scratch file, written in place.

    ``quality`` 1..100 for jpg, webp and avif (100 is lossless for webp). ``fields``: metadata of the picture that
    was read.
    """

    path: Path
    file_format: str
    width: int
    height: int
    bands: int
    depth: np.dtype
    peak: float
    final_width: int
    final_height: int
    quality: int
    fields: metadata.Metadata
    data_band: bool = False

    @property
    def opacity(self) -> bool:
        """Whether the last band is opacity."""
        return self.bands in (2, 4) and not self.data_band


def losses(
    file_format: str, bands: int, depth: np.dtype, fields: metadata.Metadata, peak: float = 1.0, data_band: bool = False
) -> list[str]:
    """What ``file_format`` cannot hold of such a picture, in words; ``peak``: the value of its white."""
    notes = metadata.losses(file_format, bands <= 2, fields)
    if file_format in EIGHT_BIT and depth != np.uint8:
        notes.append(f"{file_format} is written with 8 bits; a result named .tif or .png keeps the depth")
    elif file_format == "png" and depth == np.float32:
        notes.append("png holds no floating point; written with 16 bits (a result named .tif keeps it)")
    if depth == np.float32 and peak > 1 and file_format != "tif":
        notes.append(f"{peak:.3g}, its brightest sample, is written as white, everything {1 / peak:.0%} as bright")
    if data_band and file_format not in DATA_BAND:
        notes.append(f"{file_format} holds no band beside colours and transparency; it is not kept (a .tif keeps it)")
    elif file_format == "jpg" and bands in (2, 4):
        notes.append("jpg holds no transparency; laid on white")
    return notes


@contextlib.contextmanager
def picture_writer(target: Target, on_complete: Callable[[int], None] | None = None) -> Iterator[Write]:
    """Yield ``write(strip)``; strips are ``(rows, width, bands)`` from top to bottom.

    The encoder runs in its own thread; ``write`` returns when it has read the strip. The file gets its name when all of
    it is on disk; ``on_complete(bytes)`` is called just before. Raises ``ResourceError`` when encoding or
    writing fails.
    """
    source = StripSource(target.width, target.height, target.bands, target.depth)
    failure: list[Exception] = []
    done = threading.Event()
    raw = target.file_format == "raw"
    with contextlib.nullcontext(target.path) if raw else atomic_path(target.path, on_complete) as temporary:
        file = open(temporary, "xb+")  # noqa: SIM115 - found before any work

        def save() -> None:
            try:
                with file:
                    fields = metadata.finished(target.fields, target.final_width, target.final_height)
                    before = embedding.ahead(target.file_format, fields)
                    file.seek(len(before))
                    out = pyvips.Target.new_to_descriptor(file.fileno())
                    _save(_encoded(source.image(), target, fields), out, target, fields)
                    embedding.put(file, target.file_format, before, fields)
                if target.data_band and target.file_format in DATA_BAND:
                    call_extra_band_data(temporary)
                done.set()
            except Exception as error:
                failure.append(error.with_traceback(None))  # the traceback would keep the file open

        saver = threading.Thread(target=save, name="encoder")
        saver.start()
        finished = False

        def write(strip: np.ndarray) -> None:
            if strip.dtype.kind == "f" and not np.isfinite(strip).all():
                raise BadInput(f"{target.path}: samples became NaN or infinite; bring those of the picture nearer to 1")
            if not source.put(strip, saver.is_alive):
                raise _failed(target.path, failure)

        try:
            yield write
            finished = True
        finally:
            source.put(None, saver.is_alive)
            saver.join()
        if finished and not done.is_set():
            raise _failed(target.path, failure)


def _failed(path: Path, failure: list[Exception]) -> ResourceError:
    text = reason(failure[0]) if failure else "the encoder stopped"
    if failure and (isinstance(failure[0], MemoryError) or out_of_memory(f"{failure[0]} {text}")):
        return ResourceError(f"{path}: {TOO_LITTLE}")
    if shutil.disk_usage(path.parent).free < limits.FULL:
        return DiskFull(f"{path}: the disk is full ({text}); free some space and run the same command again")
    return ResourceError(f"{path}: cannot be written ({text}); try another --format or folder")


def _encoded(image: VipsImage, target: Target, fields: metadata.Metadata) -> VipsImage:
    """The strips' image with final size, the depth the format holds, and the metadata."""
    image = called_data(image, target.data_band)
    if target.data_band and target.file_format not in DATA_BAND:
        image = image[: image.bands - 1]
    if (target.final_width, target.final_height) != (image.width, image.height):
        image = reduced(image, target.final_width, target.final_height)
    image = _fitting_depth(image, target)
    if target.file_format == "jpg" and target.opacity:
        image = image.flatten(background=255)
    image = image.copy(xres=fields.resolution[0], yres=fields.resolution[1])
    if fields.resolution_unit:
        image.set_type(pyvips.GValue.gstr_type, "resolution-unit", fields.resolution_unit)
    blobs = {"icc-profile-data": fields.profile, "xmp-data": fields.found.xmp if target.file_format == "avif" else b""}
    for name, blob in blobs.items():
        if blob:
            image.set_type(pyvips.GValue.blob_type, name, blob)
    return image


def _fitting_depth(image: VipsImage, target: Target) -> VipsImage:
    grey = image.bands <= 2
    whites = [target.peak] * image.bands
    if image.format == "float" and target.opacity:
        whites[-1] = 1.0  # opaque, however bright the colours are
    if target.file_format in EIGHT_BIT and image.format != "uchar":
        return (
            (image * [255 / white for white in whites])
            .rint()
            .cast("uchar")
            .copy(interpretation="b-w" if grey else "srgb")
        )
    if target.file_format == "png" and image.format == "float":
        return (
            (image * [65535 / white for white in whites])
            .rint()
            .cast("ushort")
            .copy(interpretation="grey16" if grey else "rgb16")
        )
    if image.format == "ushort":
        return image.copy(interpretation="grey16" if grey else "rgb16")
    return image


def _save(image: VipsImage, out: Any, target: Target, fields: metadata.Metadata) -> None:
    quality, keep = target.quality, embedding.kept_by_libvips(target.file_format, fields)
    if target.file_format == "jpg":
        image.jpegsave_target(out, Q=quality, keep=keep)
    elif target.file_format == "png":
        image.pngsave_target(
            out, compression=2, keep=keep, filter="up"
        )  # far smaller files than level 1, little slower
    elif target.file_format == "webp":
        image.webpsave_target(out, Q=quality, keep=keep, lossless=quality == 100, effort=2)
    elif target.file_format == "avif":
        image.heifsave_target(out, compression="av1", keep=keep, Q=quality, effort=2, bitdepth=8)
    elif target.file_format == "raw":
        image.tiffsave_target(out, bigtiff=True, keep="none")
    else:
        size = image.width * image.height * image.bands * (1 if image.format == "uchar" else 4)
        predictor = "float" if image.format == "float" else "horizontal"
        image.tiffsave_target(out, compression="deflate", keep=keep, level=1, predictor=predictor, bigtiff=size > 2**31)
