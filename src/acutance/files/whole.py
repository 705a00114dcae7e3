"""A whole picture as 8-bit RGB in memory, opened as for upscaling; damage of any kind refuses it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, OverLimit
from acutance.files import limits, metadata, standard
from acutance.files.opening import Source, as_input_errors, open_source, unseen_damage
from acutance.files.vips import Ledger

TURNED = (5, 6, 7, 8)  # orientations that swap width and height


def read_rgb8(path: Path) -> np.ndarray:
    """Decode ``path`` upright to uint8 RGB ``(H, W, 3)``. Raises ``BadInput``, also for what is damaged."""
    ledger = Ledger()
    with _reading(path), ledger.reading():
        source = _opened(path)
        levels = standard.measured(source.header)
        image, orientation = source.load(), _orientation(path, source)
        if image.format in ("float", "double"):
            raise BadInput(f"{path}: holds floating-point samples, whose white is not known; save it with 16 or 8 bits")
        upright = image.copy_memory() if orientation > 1 else image
        image = standard.fitted(upright, orientation, levels)
        image = (image >> 8 if image.format == "ushort" else image).cast("uchar")
        image = image[0].bandjoin([image[0], image[0]]) if image.bands < 3 else image[:3]
        pixels = image.numpy()
    if damage := unseen_damage(path, source) or "".join(ledger.found[:1]):
        raise BadInput(f"{path}: is damaged ({damage}); get the file again")
    return pixels


def read_size(path: Path) -> tuple[int, int]:
    """``(width, height)`` of ``path`` when upright, from its header alone."""
    with _reading(path):
        source = _opened(path)
    size = source.header.width, source.header.height
    return size[::-1] if _orientation(path, source) in TURNED else size


def is_grey(path: Path) -> bool:
    """Whether ``path`` holds one band, or one and transparency."""
    with _reading(path):
        return _opened(path).header.bands < 3


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever cannot be read is ``BadInput`` that says so."""
    try:
        with as_input_errors(path):
            yield
    except OverLimit:
        raise
    except BadInput as error:
        raise BadInput(f"{path}: cannot be read ({str(error).removeprefix(f'{path}: ')})") from error


def _opened(path: Path) -> Source:
    most = limits.MAX_MEGAPIXELS
    return open_source(path, lambda width, height: limits.check_input_pixels(path, width, height, most))


def _orientation(path: Path, source: Source) -> int:
    return metadata.of(path, source.header).orientation
