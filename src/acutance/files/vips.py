"""libvips, opened safely: untrusted loaders blocked, cache off, errors as one line."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import logging
import os
import re
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from acutance.files import lean

pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)

WIDE_ROW = 1 << 20  # bytes
_READING = threading.Lock()
GAIN_MAP = "acutance-gain-map"  # set on pictures that had one
ONE_WARNING = "read gave 1 warnings"
MOST_COMPLAINTS = 100  # kept of one picture
HARMLESS = re.compile(
    r"Unknown field with tag|tags are not sorted|null byte in value|does not end in null byte|subfile type"
    r"|Nonstandard tile|old-style|Old-style|doesn't match SamplesPerPixel|is missing required|subsampling"
    r"|(Incorrect|Wrong|incorrect|Incompatible|Cannot handle|Sanity check|IO error)[^\"]*\"(?!"
    r"(Image|Bits|Samples|Rows|Strip|Tile|Planar|Color|Compr|Photom|Fill|Group|Predict|Extra|Sample|JPEG|YCbCr|Ink|Ref))"
    r"|^[a-z](?!RNS)[A-Za-z]{3}: |iCCP|cHRM|sRGB|gAMA|profile|colorspace|metadata|exif|xmp"
    r"|Invalid SOS parameters|JFIF revision|Adobe color|ICC marker|Warning: unknown"
    r"|text chunk|chunk cache|invalid time|^$"
)
"""What decoders say of healthy pictures: of tags and chunks that are not samples, of old or careless encoders."""


def _text(pointer: Any) -> str:
    """What libvips says as text. It quotes bytes of files, which need not be UTF-8, and pyvips would fail on those."""
    given = "NULL" if pointer == pyvips.ffi.NULL else pyvips.ffi.string(pointer)
    return given.decode(errors="replace") if isinstance(given, bytes) else given


for _module in (pyvips, pyvips.error, pyvips.gvalue):
    vars(_module)["_to_string"] = _text

VipsImage = Any  # pyvips.Image: what it declares of its methods' types is partly wrong


def load(path: Path, access: str = "sequential", place: dict[str, int] | None = None) -> VipsImage:
    """Open ``path`` (header only) by descriptor: a name is never read as options, nor decoded as text.

    ``access``: "sequential" for rows in order, "random" for any. ``place``: ``page`` and ``subifd`` of a TIFF.
    Damage is an error, never grey pixels; where it is in a tile of a TIFF, only ``Ledger`` tells.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        source = _source(descriptor)
        image: VipsImage = pyvips.Image.new_from_source(source, "", access=access, fail_on="error", **place or {})
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


@contextlib.contextmanager
def few_lines(row_bytes: int) -> Iterator[None]:
    """Let libvips keep few lines at a time meanwhile, where a row has ``WIDE_ROW`` bytes or more.

    It keeps 128 of them, several times over. The setting is one of its command line, which is all the way there is.
    """
    if row_bytes < WIDE_ROW:
        yield
        return
    _set_lines(8, 4)
    try:
        yield
    finally:
        _set_lines(128, 16)


def _set_lines(tile: int, strip: int) -> None:
    """Set the heights of libvips' tiles and strips; where it does not let itself be called so, nothing changes."""
    try:
        library = ctypes.CDLL(importlib.import_module("_libvips").__file__)
        library.g_option_context_new.restype = library.g_option_group_new.restype = ctypes.c_void_p
        context = ctypes.c_void_p(library.g_option_context_new(None))
        group = ctypes.c_void_p(library.g_option_group_new(b"vips", b"vips", b"vips", None, None))
        library.vips_add_option_entries(group)
        library.g_option_context_set_main_group(context, group)
        words = [b"vips", b"--vips-tile-height=%d" % tile, b"--vips-fatstrip-height=%d" % strip]
        count, given = ctypes.c_int(len(words)), (ctypes.c_char_p * (len(words) + 1))(*words, None)
        library.g_option_context_parse(context, ctypes.byref(count), ctypes.byref(ctypes.pointer(given)), None)
        library.g_option_context_free(context)
    except (ImportError, OSError, AttributeError, TypeError):
        return


class Ledger(logging.Handler):
    """What decoders complain of while they go on: a picture of which they could decode something nevertheless.

    Some of it libvips only logs (JPEG), some it leaves in its buffer of errors (tiles of a TIFF). ``found``: one line
    each. ``summary``: what was found by looking into the file.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []
        self.summary = ""
        self.excused = False  # whether the first complaint of a JPEG was harmless; libvips counts it nevertheless

    def emit(self, record: logging.LogRecord) -> None:
        """Keep all but what is said of healthy pictures."""
        self._keep(" ".join(record.getMessage().removeprefix("VIPS: ").split()))

    def _keep(self, said: str) -> None:
        if HARMLESS.search(said):
            self.excused |= said.startswith("VipsJpeg: ")
            if self.excused and ONE_WARNING in self.found:
                self.found.remove(ONE_WARNING)
        elif not (self.excused and said == ONE_WARNING) and len(self.found) < MOST_COMPLAINTS:
            self.found.append(said)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Collect what is logged meanwhile, in any thread of this process."""
        logger = logging.getLogger("pyvips")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Collect what a decoder leaves in the buffer of errors meanwhile; one at a time, for all share that buffer."""
        with _READING:
            pyvips.vips_lib.vips_error_clear()
            yield
            text = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode(errors="replace")
            pyvips.vips_lib.vips_error_clear()
        for line in text.splitlines():
            if line.startswith(("tiff2vips: ", "VipsJpeg: ")):
                self._keep(line)


def reason(error: Exception) -> str:
    """The telling part of a libvips error message, on one line."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", text).splitlines() if line.strip()]
    return lines[-1] if lines else "unknown reason"


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
