"""libvips, opened safely: untrusted loaders blocked, cache off, errors as one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyvips

from acutance.errors import BadInput

pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)

FORMATS = {
    np.dtype(np.uint8): "uchar",
    np.dtype(np.uint16): "ushort",
    np.dtype(np.float32): "float",
}


def reason(error: Exception) -> str:
    """The telling part of a libvips error message, on one line."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", text).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"


def read_rgb8(path: Path) -> np.ndarray:
    """Decode ``path`` upright to uint8 RGB ``(H, W, 3)``."""
    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="truncated")
        if image.get_typeof("orientation") and image.get("orientation") > 1:
            image = image.copy_memory().autorot()
        image = image.colourspace("srgb")
        if image.hasalpha():
            image = image.flatten()
        image = image[0].bandjoin([image[0], image[0]]) if image.bands == 1 else image[:3]
        return image.cast("uchar").numpy()
    except pyvips.Error as error:
        raise BadInput(f"{path}: cannot be read ({reason(error)})") from error
