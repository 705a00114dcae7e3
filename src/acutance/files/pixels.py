"""A whole picture as 8-bit RGB: the small door for training data and test sets.

Upscaling uses ``files.images``, which keeps depth, profile and metadata and reads in strips. This
one falls back to Pillow, so that a bare training machine needs no libvips.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from acutance.errors import BadInput

try:
    from acutance.files import vips
except ImportError:  # libvips is not installed
    vips = None  # type: ignore[assignment]


def read_rgb8(path: Path) -> np.ndarray:
    """Decode ``path`` upright to uint8 ``(H, W, 3)``; alpha is dropped. Raises ``BadInput``."""
    if vips is not None:
        return vips.read_rgb8(path)
    from PIL import Image, ImageOps  # type: ignore[import-not-found,unused-ignore]

    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except Exception as error:
        raise BadInput(f"{path}: cannot be read ({error})") from error
