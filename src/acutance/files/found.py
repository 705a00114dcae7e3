"""What is found in a picture file beside its pixels, bounded in size, with words for what does not come along."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import BinaryIO

from acutance.files import xmp
from acutance.files.chunks import Part, content
from acutance.files.tiff_directories import Directory

LARGEST = 16 << 20  # bytes of all that is kept of one file
XMP_HEAD, EXTENDED_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_HEAD, GAIN_MAP_HEAD = b"Photoshop 3.0\0", b"urn:iso:std:iso:ts:21496:-1\0"
PNG_XMP, PNG_TEXT = b"XML:com.adobe.xmp\0", (b"tEXt", b"zTXt", b"iTXt")
CREDENTIALS = "carries content credentials (C2PA), which no longer hold for the result; they are left out"
MOVED = "the camera's own notes (MakerNote) are moved within their block; some programs may not read them"
FILM, GAIN_MAP = "is a motion photo; its film is not kept", "carries an HDR gain map, which is not kept"
DEPTH, THERMAL = "carries a depth map, which is not kept", "carries thermal data (FLIR), which is not kept"


@dataclass
class Found:
    """What a file holds: an EXIF block without prefix, XMP, Photoshop's resources, PNG chunks (name, content), comments
    and the georeference, each empty if there is none; in ``lost`` what is not kept, in words; ``room`` in bytes."""

    exif: bytes = b""
    xmp: bytes = b""
    resources: bytes = b""
    texts: list[tuple[bytes, bytes]] = field(default_factory=list)
    colours: list[tuple[bytes, bytes]] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    georeference: Directory = field(default_factory=dict)
    order: str = "<"
    lost: list[str] = field(default_factory=list)
    room: int = LARGEST

    def take(self, file: BinaryIO, part: Part, what: str, behind: int = 0) -> bytes:
        """The content of ``part`` after its first bytes; empty, and said, if there is no room for it."""
        if part.size > self.room:
            self.lose(f"carries more {what} than {LARGEST >> 20} MB, which is not kept")
            return b""
        data = content(file, part, part.size)
        self.room -= len(data)
        return data[behind:]

    def lose(self, what: str) -> None:
        """Say ``what``, once."""
        if what not in self.lost:
            self.lost.append(what)

    def packet(self, data: bytes) -> None:
        """Take XMP that can be understood; say so of other."""
        if self.xmp or not data.strip(b"\0 \r\n\t"):
            return
        try:
            self.xmp = xmp.understood(data)
        except xmp.NotUnderstood as error:
            self.lose(f"carries XMP that cannot be read ({error}), which is not kept")

    def unknown(self, kind: str, names: list[str]) -> None:
        """Say what nothing is known of."""
        if names:
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            self.lose(f"carries {kind} of its own ({', '.join(names[:4])}{more}), not kept")


def printable(head: bytes) -> str:
    """The letters, digits and points that a part begins with."""
    match = re.match(rb"[\w./: -]{0,24}", head)
    return match[0].decode("ascii").strip() if match else ""
