"""A zip as torch writes it: entries stored, one after another, each with its checksum; every byte is accounted for.

A reader that only looks for what it needs takes a file for whole whose entries were damaged, or one that is two things
at once. Here what is said twice must agree, nothing lies between or behind, and all checksums are compared.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import IO, NamedTuple

from acutance.errors import BadModel

LOCAL, CENTRAL = struct.Struct("<4s5HLLL2H"), struct.Struct("<4s6H3L5H2L")
ZIP64_END, ZIP64_PLACE, END = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL"), struct.Struct("<4s4H2LH")
ZIP64_VERSION = 45
DESCRIBED = 8  # flag: sizes and checksum follow the data
FULL = 0xFFFFFFFF  # in a field that is too small: see the zip64 record
MAX_ENTRIES = 100_000
Entries = dict[str, memoryview]


class _Entry(NamedTuple):
    info: zipfile.ZipInfo
    raw: bytes  # the name as it is written
    record: tuple  # of the central directory


def read_entries(file: IO[bytes], data: memoryview) -> Entries:
    """The entries of the zip ``file``, which holds ``data``: by name, as views of it.

    Raises ``BadModel``, without the file's name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise BadModel(f"has more than {MAX_ENTRIES:,} entries; refused")
            infos, directory = archive.infolist(), archive.start_dir
        if packed := next((info for info in infos if info.compress_type or info.flag_bits & 1), None):
            raise BadModel(f"its entry {packed.filename} is compressed or encrypted; unpack it and save it with torch")
        end, entries = _central(data, directory, infos)
        _ending(data, directory, end, len(infos))
        found, position = {}, 0
        for entry in sorted(entries, key=lambda each: each.info.header_offset):
            found[entry.info.filename], position = _stored(data, position, entry)
        _hold(position == directory and len(found) == len(infos))
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, EOFError, OSError, KeyError) as error:
        raise BadModel("is cut short or damaged; get it again") from error
    return found


def _hold(right: bool) -> None:
    if not right:
        raise ValueError


def _central(data: memoryview, position: int, infos: list[zipfile.ZipInfo]) -> tuple[int, list[_Entry]]:
    """Where the central directory ends, and its records."""
    entries = []
    for info in infos:
        record = CENTRAL.unpack_from(data, position)
        position += CENTRAL.size
        name, extra, comment = record[10:13]
        entries.append(_Entry(info, bytes(data[position : position + name]), record))
        position += name + extra
        _hold(comment == 0 and record[13] == 0)
    makers = {(entry.record[1], entry.record[15]) for entry in entries}  # one program wrote them in one go
    _hold(len(makers) <= 1 and all(entry.record[14] in (0, 1) for entry in entries))  # 1: it takes it for text
    return position, entries


def _ending(data: memoryview, directory: int, position: int, count: int) -> None:
    """The records behind the central directory say what it is, and the file ends with them."""
    size = position - directory
    if bytes(data[position : position + 4]) == b"PK\x06\x06":
        at = position
        _, length, _, version, disk, first, here, total, stated, start = ZIP64_END.unpack_from(data, position)
        _hold(
            version == ZIP64_VERSION
            and (length, disk, first, here, total, stated, start) == (44, 0, 0, count, count, size, directory)
        )
        position += ZIP64_END.size
        signature, disk, place, disks = ZIP64_PLACE.unpack_from(data, position)
        _hold((signature, disk, place, disks) == (b"PK\x06\x07", 0, at, 1))
        position += ZIP64_PLACE.size
    signature, disk, first, here, total, stated, start, comment = END.unpack_from(data, position)
    _hold((signature, disk, first, comment) == (b"PK\x05\x06", 0, 0, 0))
    _hold(here == total and total in (count, 0xFFFF) and stated in (size, FULL) and start in (directory, FULL))
    _hold(position + END.size == len(data))


def _stored(data: memoryview, position: int, entry: _Entry) -> tuple[memoryview, int]:
    """One entry's bytes, and where the next begins."""
    info, central = entry.info, entry.record
    signature, version, flags, method, clock, date, crc, packed, size, name, extra = LOCAL.unpack_from(data, position)
    _hold(info.header_offset == position and signature == b"PK\x03\x04")
    _hold((version, flags, method, clock, date) == central[2:7] and name == len(entry.raw))
    position += LOCAL.size
    _hold(bytes(data[position : position + name]) == entry.raw)
    _padding(bytes(data[position + name : position + name + extra]))
    position += name + extra
    later = {0} if flags & DESCRIBED else set()
    _hold(crc in {info.CRC} | later and {packed, size} <= {info.file_size, FULL} | later)
    content = data[position : position + info.file_size]
    _hold(len(content) == info.file_size == info.compress_size)
    if zlib.crc32(content) != info.CRC:
        raise BadModel(f"its entry {info.filename} does not match its checksum; the file is damaged, get it again")
    position += info.file_size
    return content, position + (_descriptor(data, position, info) if flags & DESCRIBED else 0)


def _padding(extra: bytes) -> None:
    """What stands before the data so that it begins at a round place: fields of one repeated character, or zip64's."""
    position = 0
    while position < len(extra):
        kind, length = struct.unpack_from("<2sH", extra, position)
        content = extra[position + 4 : position + 4 + length]
        _hold(len(content) == length and (kind != b"FB" or len(set(content)) <= 1))
        position += 4 + length


def _descriptor(data: memoryview, position: int, info: zipfile.ZipInfo) -> int:
    """How long the record behind the data is: checksum and sizes once more."""
    signature = b"PK\x07\x08" + struct.pack("<L", info.CRC)
    for sizes in ("<2L", "<2Q"):
        try:
            expected = signature + struct.pack(sizes, info.compress_size, info.file_size)
        except struct.error:  # too large for the short form
            continue
        if bytes(data[position : position + len(expected)]) == expected:
            return len(expected)
    raise ValueError
