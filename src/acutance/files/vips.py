"""libvips, opened safely: untrusted loaders blocked, cache off, errors as one line."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.errors import BadInput
from acutance.files import lean

pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)

GAIN_MAP = "acutance-gain-map"  # set on pictures that had one


def _text(pointer: Any) -> str:
    """What libvips says as text. It quotes bytes of files, which need not be UTF-8, and pyvips would fail on those."""
    given = "NULL" if pointer == pyvips.ffi.NULL else pyvips.ffi.string(pointer)
    return given.decode(errors="replace") if isinstance(given, bytes) else given


for _module in (pyvips, pyvips.error, pyvips.gvalue):
    vars(_module)["_to_string"] = _text

VipsImage = Any  # pyvips.Image: what it declares of its methods' types is partly wrong


def load(path: Path, access: str = "sequential") -> VipsImage:
    """Open ``path`` (header only) by descriptor: a name is never read as options, nor decoded as text.

    ``access``: "sequential" for rows in order, "random" for any. Damage is an error, never grey pixels.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        source = _source(descriptor)
        image: VipsImage = pyvips.Image.new_from_source(source, "", access=access, fail_on="error")
        if "uhdr" in image.get("vips-loader"):  # a JPEG with a gain map: its base picture
            image = pyvips.Image.jpegload_source(source, access=access, fail_on="error").copy()
            image.set_type(pyvips.GValue.gint_type, GAIN_MAP, 1)
        return image
    finally:
        os.close(descriptor)


def _source(descriptor: int) -> VipsImage:
    """The file as libvips reads it; without its metadata where that is too large."""
    changes = lean.edits(os.fdopen(descriptor, "rb", closefd=False))
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not changes:
        return pyvips.Source.new_from_descriptor(descriptor)
    own = os.dup(descriptor)
    view, source = lean.Lean(os.fdopen(own, "rb", closefd=False), changes), pyvips.SourceCustom()
    weakref.finalize(view, os.close, own)
    source.on_read(view.read)
    source.on_seek(view.seek)
    return source


class _Damage(logging.Handler):
    """What decoders warn of and libvips only logs: a picture they could decode nevertheless."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what speaks of damage: always a count, often followed by what it was."""
        self.found += re.findall(r"Corrupt .*|read gave \d+ warnings", record.getMessage())


@contextlib.contextmanager
def watching_for_damage() -> Iterator[list[str]]:
    """Collect what decoders say of damaged pictures meanwhile, in any thread of this process."""
    handler, logger = _Damage(), logging.getLogger("pyvips")
    logger.addHandler(handler)
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)


def reason(error: Exception) -> str:
    """The telling part of a libvips error message, on one line."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", text).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"


def read_rgb8(path: Path) -> np.ndarray:
    """Decode ``path`` upright to uint8 RGB ``(H, W, 3)``."""
    try:
        image = load(path)
        if image.get_typeof("orientation") and image.get("orientation") > 1:
            image = image.copy_memory().autorot()
        if image.format in ("float", "double"):
            raise BadInput(f"{path}: holds floating-point samples, whose white is not known; save it with 16 or 8 bits")
        image = image.colourspace("srgb")
        image = image[0].bandjoin([image[0], image[0]]) if image.bands < 3 else image[:3]
        return image.cast("uchar").numpy()
    except pyvips.Error as error:
        raise BadInput(f"{path}: cannot be read ({reason(error)})") from error


def read_size(path: Path) -> tuple[int, int]:
    """``(width, height)`` of ``path`` when upright, from its header alone."""
    try:
        image = load(path)
        turned = image.get_typeof("orientation") and image.get("orientation") in (5, 6, 7, 8)
        return (image.height, image.width) if turned else (image.width, image.height)
    except pyvips.Error as error:
        raise BadInput(f"{path}: cannot be read ({reason(error)})") from error


def is_grey(path: Path) -> bool:
    """Whether ``path`` holds one band, or one and transparency."""
    try:
        return load(path).bands < 3
    except pyvips.Error as error:
        raise BadInput(f"{path}: cannot be read ({reason(error)})") from error


def png(rgb: np.ndarray) -> bytes:
    """uint8 RGB ``(H, W, 3)`` as the bytes of a PNG."""
    height, width, _ = rgb.shape
    image: VipsImage = pyvips.Image.new_from_memory(rgb.data, width, height, 3, "uchar")
    return image.copy(interpretation="srgb").pngsave_buffer()


def jpeg(rgb: np.ndarray, quality: int = 90) -> bytes:
    """uint8 RGB ``(H, W, 3)`` as the bytes of a JPEG, colour at full resolution."""
    height, width, _ = rgb.shape
    image: VipsImage = pyvips.Image.new_from_memory(np.ascontiguousarray(rgb).data, width, height, 3, "uchar")
    return image.copy(interpretation="srgb").jpegsave_buffer(Q=quality, subsample_mode="off")
