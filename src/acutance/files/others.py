"""What libvips does not read, by other libraries where they are installed: camera raw, BMP, rare TIFF and JPEG.

Each comes as a libvips image in memory, of 8 or 16 bits or floating point. ``check(width, height)`` refuses a size
before anything is decoded.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import AcutanceError, BadInput
from acutance.files import chunks, limits, tiff
from acutance.files.standard import NOTES, span
from acutance.files.vips import VipsImage

Check = Callable[[int, int], None]
RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # JPEG markers that begin a picture (ITU-T T.81, table B.1)
PLAIN = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # of these, what libvips decodes at 8 bits
PALETTE, CMYK, PROFILE = 3, 5, 34675


def is_raw(path: Path, directories: tiff.Tiff | None) -> bool:
    """Whether ``path`` is what a camera's sensor saw, or says so by its name."""
    with open(path, "rb") as file:
        head = file.read(16)
    named = path.suffix.lower() in limits.RAW_SUFFIXES
    if directories is not None:
        return directories.raw or named
    return head.startswith(RAW_STARTS) or head[4:12] == b"ftypcrx " or (named and head[:2] in (b"II", b"MM"))


def camera_raw(path: Path, check: Check) -> VipsImage:
    """Develop camera raw: the camera's white balance and matrix, turned upright, sRGB of 16 bits, exposure as it is."""
    rawpy = _library("rawpy", path, "is camera raw", "raw", "or develop it into a TIFF of 16 bits first")
    guarded = _guarded(path, "LibRaw cannot read it", "develop it into TIFF first")
    with open(path, "rb") as file, guarded, rawpy.imread(file) as camera:
        check(camera.sizes.width, camera.sizes.height)
        pixels = camera.postprocess(output_bps=16, use_camera_wb=True, no_auto_bright=True)
        note = "is camera raw, developed with the camera's white balance into sRGB of 16 bits; its metadata is not kept"
        return _image(pixels, "rawpy", [note])


def bitmap(path: Path, check: Check) -> VipsImage:
    """A BMP."""
    pillow = _library("PIL.Image", path, "is a BMP", "formats", "or save it as PNG")
    guarded = _guarded(path, "Pillow cannot read it", "save it as PNG first")
    with open(path, "rb") as file, guarded, pillow.open(file, formats=["BMP", "DIB"]) as picture:
        check(*picture.size)
        mode = {"1": "L", "P": "RGB"}.get(picture.mode, picture.mode)
        return _image(np.asarray(picture.convert(mode)), "bmp")


def rare_tiff(path: Path, place: tiff.Directory, check: Check, why: str) -> VipsImage:
    """A TIFF with samples or compression that libvips does not read; ``why``: its words."""
    reader = _library("tifffile", path, f"is a TIFF that libvips cannot read ({why})", "formats", "or save it plainly")
    check(place.number(tiff.WIDTH), place.number(tiff.HEIGHT))
    failure = f"libvips cannot read it ({why}), nor can tifffile"
    complete = importlib.util.find_spec("imagecodecs") is not None
    remedy = "" if complete else 'pip install "acutance[formats]", or '
    with _guarded(path, failure, f"{remedy}save it with 8 or 16 bits and deflate"), reader.TiffFile(path) as file:
        page = file.pages[place.page]
        page = page if place.sub < 0 else page.pages[place.sub]
        photometric, bits = int(page.photometric), page.bitspersample
        if photometric not in (0, 1, 2, CMYK) or page.axes not in ("YX", "YXS", "SYX"):
            raise ValueError(f"photometric interpretation {photometric}, axes {page.axes}")
        bits = bits if isinstance(bits, int) else max(bits)
        if page.compression == 1 and page.size * bits > 8 * path.stat().st_size:
            raise ValueError("its samples would lie behind its end")
        pixels = page.asarray()
        if pixels.shape != page.shape:
            raise ValueError(f"{pixels.shape} samples instead of {page.shape}")
        pixels = pixels.transpose(1, 2, 0) if page.axes == "SYX" else pixels
        pixels, notes = _fitting(pixels, bits)
        if photometric == 0 and pixels.dtype != np.float32:
            pixels = np.iinfo(pixels.dtype).max - pixels
        image = _image(pixels, "tifffile", notes, "cmyk" if photometric == CMYK else None)
        if profile := page.tags.get(PROFILE):
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(profile.value))
        return image


def rare_jpeg(path: Path, check: Check) -> VipsImage | None:
    """A JPEG of more than 8 bits, or without loss; ``None`` for the usual ones."""
    with open(path, "rb") as file:
        for part in chunks.jpeg_segments(file):
            marker, data = part.name[0], chunks.content(file, part, 8)
            if marker not in FRAMES or len(data) < 6 or (marker in PLAIN and data[0] == 8):
                continue
            bits, height, width = struct.unpack(">BHH", data[:5])
            kind = f"is a JPEG of {bits} bits" if bits != 8 else "is a rare kind of JPEG"
            codecs = _library("imagecodecs", path, kind, "formats", "or save it with 8 bits")
            check(width, height)
            with _guarded(path, f"{kind} that cannot be read", "save it with 8 bits"):
                pixels = (codecs.jpegls_decode if marker == 0xF7 else codecs.jpeg_decode)(path.read_bytes())
                pixels, notes = _fitting(pixels, bits)
                return _image(pixels, "imagecodecs", notes)
    return None


def _fitting(pixels: np.ndarray, bits: int) -> tuple[np.ndarray, list[str]]:
    """Samples as 8 or 16 bits or float32, and what that changes."""
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels.astype(np.uint8) * 255, []
    if kind == "f":
        with np.errstate(over="ignore"):  # what becomes infinite is refused when it is read
            return pixels.astype(np.float32), ["has floating point of 64 bits; the result has 32"] if bits > 32 else []
    if kind not in "iu":
        raise ValueError("complex samples")
    if pixels.dtype in (np.uint8, np.uint16) and bits == pixels.dtype.itemsize * 8:
        return pixels, []
    if kind == "u" and bits <= 16:
        low, high = 0, (1 << bits) - 1
    else:
        low, high = span(bits - 1 if bits <= 16 else 0, int(pixels.min()), int(pixels.max()))
    depth = np.uint8 if bits <= 8 else np.uint16
    peak = np.iinfo(depth).max
    scaled = np.rint((pixels.astype(np.float64) - low) * (peak / (high - low))).clip(0, peak).astype(depth)
    return scaled, [f"has {bits} bits a sample, {low} black and {high} white; the result has {peak.bit_length()}"]


def _image(pixels: np.ndarray, loader: str, notes: list[str] | None = None, space: str | None = None) -> VipsImage:
    """``(H, W)`` or ``(H, W, C)`` as libvips would have loaded it; ``notes`` go along as a field."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    formats = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
    image: VipsImage = pyvips.Image.new_from_memory(pixels.data, width, height, bands, formats[pixels.dtype.name])
    deep = pixels.dtype == np.uint16
    grey = "grey16" if deep else "b-w"
    image = image.copy(interpretation=space or (grey if bands <= 2 else "rgb16" if deep else "srgb"))
    image.set_type(pyvips.GValue.gstr_type, "vips-loader", loader)
    image.set_type(pyvips.GValue.gstr_type, NOTES, "\n".join(notes or []))
    return image


def _library(name: str, path: Path, kind: str, extra: str, otherwise: str) -> Any:
    """A library that is only installed on request. Raises ``BadInput`` that names the extra."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise BadInput(f'{path}: {kind}; to read it: pip install "acutance[{extra}]", {otherwise}') from None


@contextlib.contextmanager
def _guarded(path: Path, failure: str, remedy: str) -> Iterator[None]:
    """Whatever a library raises about a file becomes one line."""
    logging.getLogger("tifffile").disabled = True  # it would write to the terminal
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (AcutanceError, MemoryError):
        raise
    except Exception as error:
        if "Memory" in type(error).__name__:
            raise MemoryError(str(error)) from error
        if isinstance(error, OSError) and error.errno is not None:  # what the disk says
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: {failure} ({text}); {remedy}") from error
