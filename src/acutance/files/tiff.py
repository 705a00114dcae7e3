"""What the directories of a TIFF say: which holds the picture, what its bands mean, where its samples lie.

Libraries decode; this only reads the tables, in bounded time and memory, and never trusts them.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS, TILE_BYTES, SUB_DIRECTORIES = 273, 279, 324, 325, 330
SAMPLES, PLANES, EXTRA_SAMPLES, SAMPLE_FORMAT, NO_DATA, DNG_VERSION = 277, 284, 338, 339, 42113, 50706
READ = {
    SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, STRIP_BYTES, TILE_OFFSETS,
    TILE_BYTES, SUB_DIRECTORIES, SAMPLES, PLANES, EXTRA_SAMPLES, SAMPLE_FORMAT, NO_DATA, DNG_VERSION,
}  # fmt: skip
FORMS = {1: "B", 2: "s", 3: "H", 4: "I", 7: "s", 13: "I", 16: "Q", 18: "Q"}  # of values, by TIFF type
SENSOR = (32803, 34892)  # photometric: colour filter array, linear raw
DEFLATE = (8, 32946)
DECODED = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50001}  # compressions that every libvips reads
COMPRESSIONS = {6: "old-style JPEG", 33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34925: "LZMA",
                34887: "LERC", 34892: "lossy JPEG", 50000: "Zstandard", 50002: "JPEG XL", 52546: "JPEG XL"}  # fmt: skip
BLOCK = 1 << 16  # bytes inflated at a time
MOST_DIRECTORIES, MOST_ENTRIES, MOST_VALUES = 1000, 4096, 1 << 22
Values = tuple[int, ...] | bytes


@dataclass(frozen=True)
class Directory:
    """One directory: ``page`` in the chain, ``sub`` below it (-1: itself), ``places`` of tags' values in the file."""

    page: int
    sub: int
    tags: dict[int, Values]
    places: dict[int, int]

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def reduced(self) -> bool:
        """Whether it says that it is a smaller copy of another picture."""
        return bool(self.number(SUBFILE) & 1) or self.number(OLD_SUBFILE) == 2

    @property
    def mask(self) -> bool:
        """Whether it says that it is the transparency of another picture."""
        return bool(self.number(SUBFILE) & 4)

    @property
    def whole(self) -> bool:
        """Whether it is a picture of its own."""
        return not self.reduced and not self.mask

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.number(WIDTH) * self.number(HEIGHT)

    @property
    def opaque(self) -> bool:
        """Whether no band is opacity: its extra bands are data of another kind."""
        extra = self.tags.get(EXTRA_SAMPLES) or ()
        return not any(kind in (1, 2) for kind in extra)

    @property
    def jpeg(self) -> bool:
        """Whether JPEG holds its samples, which libtiff decodes to RGB itself."""
        return self.number(COMPRESSION) == 7

    @property
    def beyond_libvips(self) -> str:
        """What libvips cannot do with it, and finds out late or never; else nothing."""
        compression = self.number(COMPRESSION, 1)
        if compression not in DECODED:
            return f"compression {COMPRESSIONS.get(compression, compression)}"
        return "tiles of separate planes" if self.number(PLANES) == 2 and TILE_OFFSETS in self.tags else ""

    @property
    def no_data(self) -> float | None:
        """The value that stands for missing samples in maps (GDAL)."""
        try:
            return float(bytes(self.tags.get(NO_DATA, b"")).split(b"\0")[0])
        except ValueError:
            return None


@dataclass(frozen=True)
class Tiff:
    """All directories of a file, those of the chain first, and whether a camera's raw samples are among them."""

    directories: tuple[Directory, ...]
    raw: bool

    @property
    def pages(self) -> int:
        """Pictures of their own in the chain."""
        return sum(each.whole for each in self.directories if each.sub < 0)

    @property
    def picture(self) -> Directory:
        """The directory that holds the picture: the first whole one; the largest where all are reduced."""
        whole = [each for each in self.directories if each.whole]
        return whole[0] if whole else max(self.directories, key=lambda each: each.pixels)


def read(path: Path) -> Tiff | None:
    """The directories of ``path``; ``None`` for what is no TIFF or has none that can be read. Raises ``OSError``."""
    with open(path, "rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16 or struct.unpack(order + "H", head[2:4])[0] not in (42, 43):
            return None
        reader = _Reader(file, order, struct.unpack(order + "H", head[2:4])[0] == 43)
        try:
            chain = list(reader.chain(head))
            below = [each for directory in chain for each in reader.below(directory)]
        except (struct.error, OverflowError):
            return None
    every = (*chain, *below)
    sensor = any(each.number(PHOTOMETRIC) in SENSOR or DNG_VERSION in each.tags for each in every)
    return Tiff(every, sensor or head[8:10] == b"CR") if every else None


class _Reader:
    """Reads directories at offsets, each once."""

    def __init__(self, file: BinaryIO, order: str, big: bool) -> None:
        self.file, self.order, self.big = file, order, big
        self.size = os.fstat(file.fileno()).st_size
        self.seen: set[int] = set()

    def chain(self, head: bytes) -> Iterator[Directory]:
        """The directories one after another; a chain that breaks or closes ends."""
        at = struct.unpack(self.order + ("Q" if self.big else "I"), head[8:16] if self.big else head[4:8])[0]
        for page in range(MOST_DIRECTORIES):
            if not at or (found := self._directory(at, page, -1)) is None:
                return
            directory, at = found
            yield directory

    def below(self, directory: Directory) -> Iterator[Directory]:
        """The sub-directories of one."""
        for sub, at in enumerate((directory.tags.get(SUB_DIRECTORIES) or ())[:MOST_DIRECTORIES]):
            if found := self._directory(at, directory.page, sub):
                yield found[0]

    def _directory(self, at: int, page: int, sub: int) -> tuple[Directory, int] | None:
        """The directory at an offset, and the offset of the next."""
        if at in self.seen or not 8 <= at < self.size or len(self.seen) > MOST_DIRECTORIES:
            return None
        self.seen.add(at)
        self.file.seek(at)
        (count,) = self._unpack("Q" if self.big else "H")
        width, form = (20, "HHQ8s") if self.big else (12, "HHI4s")
        data = self.file.read(width * min(count, MOST_ENTRIES))
        try:
            (following,) = self._unpack("Q" if self.big else "I")
        except struct.error:
            following = 0
        start = at + (8 if self.big else 2)
        tags, places = {}, {}
        for place in range(0, len(data) - width + 1, width):
            tag, kind, number, value = struct.unpack_from(self.order + form, data, place)
            if tag in READ and (found := self._values(kind, number, value, start + place + width - len(value))):
                tags[tag], places[tag] = found
        return Directory(page, sub, tags, places), following

    def _values(self, kind: int, count: int, value: bytes, place: int) -> tuple[Values, int] | None:
        form = FORMS.get(kind)
        if form is None or not 0 < count <= MOST_VALUES:
            return None
        size = struct.calcsize(form) * count
        if size > len(value):
            (place,) = struct.unpack(self.order + ("Q" if self.big else "I"), value)
            if place + size > self.size:
                return None
            self.file.seek(place)
            value = self.file.read(size)
        if form == "s":
            return value[:count], place
        return struct.unpack_from(f"{self.order}{count}{form}", value), place

    def _unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(self.order + form, self.file.read(struct.calcsize(self.order + form)))


def damage(path: Path, directory: Directory) -> str:
    """What is wrong with where the samples lie or with their checksums, which decoders pass over; else nothing."""
    name = "tile" if TILE_OFFSETS in directory.tags else "strip"
    offsets = directory.tags.get(TILE_OFFSETS) or directory.tags.get(STRIP_OFFSETS) or ()
    sizes = directory.tags.get(TILE_BYTES) or directory.tags.get(STRIP_BYTES) or ()
    length, bad = path.stat().st_size, 0
    deflated = directory.number(COMPRESSION) in DEFLATE
    with open(path, "rb") as file:
        for offset, size in zip(offsets, sizes, strict=False):
            if offset + size > length:
                bad += 1
            elif deflated and size:
                file.seek(offset)
                bad += not _inflates(file, size)
    return f"{bad} of {len(offsets)} {name}s are broken" if bad else ""


def _inflates(file: BinaryIO, size: int) -> bool:
    """Whether the next ``size`` bytes are deflated data whose checksum, where they get to it, holds."""
    inflate, left = zlib.decompressobj(), size
    try:
        while left > 0 and not inflate.eof and (block := file.read(min(left, BLOCK))):
            left -= len(block)
            while block and not inflate.eof:
                inflate.decompress(block, BLOCK)
                block = inflate.unconsumed_tail
    except zlib.error:
        return False
    return True


def call_extra_band_data(path: Path) -> None:
    """Say in the finished TIFF at ``path`` that its extra band is not opacity, which libvips always says it is."""
    found = read(path)
    if found is None or EXTRA_SAMPLES not in found.picture.places:
        return
    with open(path, "r+b") as file:
        file.seek(found.picture.places[EXTRA_SAMPLES])
        file.write(b"\0\0")
