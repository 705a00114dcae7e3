"""Hand strips of pixels from Python to libvips' savers, in order and in bounded memory.

libvips reads the strips through a custom source that speaks uncompressed BigTIFF: the header lists
where every block of rows lies, and libtiff then asks for the blocks in order. No checksum, no
deflate, any sample type: copying memory is all it costs.
"""

from __future__ import annotations

import queue
import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyvips

from acutance.files.vips import VipsImage

BLOCK_BYTES = 1 << 20  # rows are read in TIFF blocks of about this size
SAMPLE_FORMATS = {"u": 1, "f": 3}


def tiff_header(width: int, height: int, bands: int, depth: np.dtype) -> bytes:
    """A little-endian BigTIFF header for blocks of rows that follow it without a gap."""
    row_bytes = width * bands * depth.itemsize
    rows = max(1, min(height, BLOCK_BYTES // row_bytes))
    count = -(-height // rows)
    alpha = bands in (2, 4)
    tags = [
        (256, "I", [width]), (257, "I", [height]), (258, "H", [8 * depth.itemsize] * bands), (259, "H", [1]),
        (262, "H", [1 if bands <= 2 else 2]), (273, "Q", [0] * count), (277, "H", [bands]), (278, "I", [rows]),
        (279, "Q", [min(rows, height - i * rows) * row_bytes for i in range(count)]), (284, "H", [1]),
        *([(338, "H", [2])] if alpha else []), (339, "H", [SAMPLE_FORMATS[depth.kind]] * bands),
    ]  # fmt: skip
    codes = {"H": 3, "I": 4, "Q": 16}
    outside = 16 + 8 + 20 * len(tags) + 8
    size = outside + sum(len(v) * struct.calcsize(f) for _, f, v in tags if len(v) * struct.calcsize(f) > 8)
    offsets = [size + i * rows * row_bytes for i in range(count)]
    entries, values = b"", b""
    for tag, form, numbers in tags:
        data = struct.pack(f"<{len(numbers)}{form}", *(offsets if tag == 273 else numbers))
        if len(data) > 8:
            data, values = struct.pack("<Q", outside + len(values)), values + data
        entries += struct.pack("<HHQ", tag, codes[form], len(numbers)) + data.ljust(8, b"\0")
    head = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags))
    return head + entries + struct.pack("<Q", 0) + values


class StripSource:
    """The reading end of a queue of strips, as a libvips image; the writing end is ``put``."""

    def __init__(self, width: int, height: int, bands: int, depth: np.dtype) -> None:
        self._header = tiff_header(width, height, bands, depth)
        self._end = len(self._header) + width * height * bands * depth.itemsize
        self._strips: queue.Queue[memoryview | None] = queue.Queue()
        self._read_up = threading.Semaphore(0)
        self._position, self._strip, self._strip_start = 0, memoryview(b""), len(self._header)
        self._source: Any = pyvips.SourceCustom()
        self._source.on_read(self._read)
        self._source.on_seek(self._seek)

    def image(self) -> VipsImage:
        """The picture the strips add up to, to be read in order."""
        return pyvips.Image.new_from_source(self._source, "", access="sequential", fail_on="error")

    def put(self, strip: np.ndarray | None, alive: Callable[[], bool]) -> bool:
        """Hand over a strip and wait until it is read up, so that only one is in memory (None: no more
        will come); False when the reader is no longer ``alive``."""
        if strip is None:
            self._strips.put(None)
            return True
        self._strips.put(np.ascontiguousarray(strip).data.cast("B"))
        while not self._read_up.acquire(timeout=0.1):
            if not alive():
                return self._read_up.acquire(blocking=False)
        return True

    def _read(self, size: int) -> bytes:
        if self._position < len(self._header):
            data = self._header[self._position : self._position + size]
            self._position += len(data)
            return data
        while self._position >= self._strip_start + len(self._strip):
            if self._position >= self._end:
                return b""
            following = self._strips.get()
            if following is None:
                self._end = self._strip_start
                return b""
            self._strip = following
        offset = self._position - self._strip_start
        if offset < 0:
            return b""
        data = bytes(self._strip[offset : offset + size])
        self._position += len(data)
        if offset + len(data) == len(self._strip):
            self._strip_start += len(self._strip)
            self._strip = memoryview(b"")
            self._read_up.release()
        return data

    def _seek(self, offset: int, whence: int) -> int:
        self._position = offset + (0, self._position, self._end)[whence]
        return self._position
