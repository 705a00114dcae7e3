"""Whether a film's file is whole, by the lengths and numbers that its container gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

TS_PACKETS = {
    188: 0,
    192: 4,
    204: 0,
}  # bytes: of a transport stream, on a disc, with error correction; where one begins
TS_SYNC = 0x47
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # the object that names the file's size
OGG_HEAD, OGG_MOST, OGG_END = 27, 1 << 17, 4  # bytes of a page's head, more than a page has, the last one's flag
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
HEAD = 8192  # bytes


def cut_off(path: Path, container: str) -> str:
    """What is missing of ``path`` as far as ``container`` (libavformat's name) tells by its own lengths and numbers;
    empty if nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(0)
        if container == "ogg":
            return _pages(file, size)
        if container == "mpegts":
            missing = next((_part(file, size, n, at) for n, at in TS_PACKETS.items() if {*head[at::n]} == {TS_SYNC}), 0)
            return f"the file was cut short: its last {missing} bytes are no packet" if missing else ""
        missing = _promised(file, head, container) - size
        return f"the file was cut short: its last {missing} bytes are missing" if missing > 0 else ""


def _promised(file: IO[bytes], head: bytes, container: str) -> int:
    """How long the file should be; 0 if it does not say."""
    if container.startswith("mov"):
        return max((place + length for _, place, length in boxes(file)), default=0)
    if head[:4] == b"RIFF":
        return _riff(file)
    if head[:4] == EBML:
        return _segment(head)
    if head.startswith(ASF) and (at := head.find(ASF_FILE)) >= 0:
        return int.from_bytes(head[at + 40 : at + 48], "little")
    return 0


def _pages(file: IO[bytes], size: int) -> str:
    """Ogg numbers its pages, and marks the last one of each stream."""
    following: dict[bytes, int] = {}
    lost, ended = 0, False
    while len(head := file.read(OGG_HEAD)) == OGG_HEAD:
        if head[:4] != b"OggS":
            rest = head + file.read(OGG_MOST)
            lost, at = lost + 1, rest.find(b"OggS", 1)
            if at < 0:
                break
            file.seek(at - len(rest), 1)
            continue
        serial, number = head[14:18], int.from_bytes(head[18:22], "little")
        lost += number != following.get(serial, number)
        following[serial], ended = number + 1, ended or bool(head[5] & OGG_END)
        file.seek(sum(file.read(head[26])), 1)
    if file.tell() > size or not ended:
        return "the file was cut short: its last page is missing"
    return f"pages of the file are missing in {lost} places" if lost else ""


def _part(file: IO[bytes], size: int, packet: int, start: int) -> int:
    """Bytes at the end of a transport stream that are no whole packet."""
    if size % packet:
        return size % packet
    file.seek(size - packet + start)
    return 0 if file.read(1) == bytes([TS_SYNC]) else packet


def boxes(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes of an MP4 or MOV: their names, where they begin, and their lengths."""
    place = 0
    while len(head := file.read(16)) >= 8 and head[4:8].isascii() and head[4:8].isalnum():
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        yield head[4:8], place, size
        if size < 8:  # 0: to the end of the file
            return
        place += size
        file.seek(place)


def _riff(file: IO[bytes]) -> int:
    """Where the last RIFF of an AVI should end; large ones have several."""
    place = end = 0
    while (head := file.read(8))[:4] == b"RIFF":
        size = int.from_bytes(head[4:], "little")
        if size in (0, 0xFFFFFFFF):  # never filled in
            return 0
        end = place + 8 + size
        place = end + size % 2
        file.seek(place)
    return end


def _segment(head: bytes) -> int:
    """Where a Matroska file's segment should end; 0 if it was written without knowing."""
    length, after = _number(head, 4)
    place = after + length
    if head[place : place + 4] != SEGMENT:
        return 0
    size, after = _number(head, place + 4)
    return after + size if size else 0


def _number(head: bytes, place: int) -> tuple[int, int]:
    """An EBML number at ``place`` (0 if it is unknown) and where it ends."""
    first = head[place] if place < len(head) else 0
    width = 9 - first.bit_length() if first else 8
    value = int.from_bytes(head[place : place + width], "big") & ((1 << 7 * width) - 1)
    return (0 if value == (1 << 7 * width) - 1 else value), place + width
