"""A whole picture as 8-bit RGB: the small door for training data and test sets.

Upscaling uses ``files.images``, which keeps depth, profile and metadata and reads in strips. This
one falls back to Pillow, so that a bare training machine needs no libvips.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadInput, OverLimit, UsageError
from acutance.files import tiff
from acutance.files.atomic import atomic_path
from acutance.files.limits import MAX_MEGAPIXELS, RAW_SUFFIXES

try:
    from acutance.files import vips, whole
except ImportError:  # libvips is not installed
    vips = None  # type: ignore[assignment]

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP")  # what Pillow may try
TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def read_rgb8(path: Path) -> np.ndarray:
    """Decode ``path`` upright to uint8 ``(H, W, 3)``; alpha is dropped. Raises ``BadInput``.

    16-bit samples keep their upper eight bits. Where Pillow reads, CMYK is converted without a profile.
    """
    if vips is not None:
        return whole.read_rgb8(path)
    from PIL import ImageOps  # type: ignore[import-not-found,unused-ignore]

    with _pillow(path) as picture:
        if picture.mode.startswith("I"):
            grey = np.asarray(ImageOps.exif_transpose(picture))
            if grey.min(initial=0) < 0 or grey.max(initial=0) > 65_535:
                raise BadInput(f"{path}: has samples of more than 16 bits; save it with 16 or 8")
            return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)
        if picture.mode == "F":
            raise BadInput(f"{path}: has floating-point samples; save it with 16 or 8 bits")
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in ("LA", "PA", "RGBa") or "transparency" in upright.info:
            upright = upright.convert("RGBA")  # straight to RGB, Pillow would mix some of these with black
        return np.array(upright.convert("RGB"))


def read_size(path: Path) -> tuple[int, int]:
    """``(width, height)`` of ``path`` when upright, from its header alone. Raises ``BadInput``."""
    if vips is not None:
        width, height = whole.read_size(path)
    else:
        with _pillow(path) as picture:
            width, height = picture.size
            if picture.getexif().get(0x0112) in TURNED:
                width, height = height, width
    if width * height > MAX_MEGAPIXELS * 1e6:
        raise OverLimit(f"{path}: {width}x{height} is more than {MAX_MEGAPIXELS} megapixels; cut it into parts")
    return width, height


def is_grey(path: Path) -> bool:
    """Whether ``path`` holds grey samples, not RGB. Raises ``BadInput``."""
    if vips is not None:
        return whole.is_grey(path)
    with _pillow(path) as picture:
        return picture.mode in ("1", "L", "LA", "I", "I;16", "F")


def encode_png(rgb: np.ndarray) -> bytes:
    """uint8 ``(H, W, 3)`` as the bytes of a PNG."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UsageError(f"a picture is uint8 (H, W, 3), not {rgb.dtype} {rgb.shape}")
    if vips is not None:
        return vips.png(np.ascontiguousarray(rgb))
    from PIL import Image  # type: ignore[import-not-found,unused-ignore]

    memory = io.BytesIO()
    Image.fromarray(rgb).save(memory, "PNG")
    return memory.getvalue()


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write uint8 ``(H, W, 3)`` to ``path``, whole or not at all. Raises ``ResourceError``."""
    data = encode_png(rgb)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def _pillow(path: Path) -> Iterator[Any]:
    """Open ``path`` with Pillow; whatever it raises becomes ``BadInput``, except what the disk says."""
    try:
        from PIL import Image, UnidentifiedImageError  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise BadInput(f"{path}: reading it needs Pillow; install it with: pip install pillow") from None

    found = tiff.read(path)
    if path.suffix.lower() in RAW_SUFFIXES or (found and (found.raw or found.picture != found.directories[0])):
        raise BadInput(f"{path}: is camera raw, or begins with a thumbnail; reading it needs pyvips")
    with open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=FORMATS) as picture:
                yield picture
        except BadInput:
            raise
        except UnidentifiedImageError:
            raise BadInput(f"{path}: cannot be read (not a picture in a known format)") from None
        except Exception as error:
            raise BadInput(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
