"""XMP packets: read by expat in one pass, then edited in place; what is not touched stays byte for byte.

No entity is ever resolved: a packet with a document type is refused, as is one that is not well-formed XML, since what
it says could be neither understood nor corrected.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

LARGEST = 8 << 20  # bytes of a packet that is understood
DEEPEST = 500  # elements within elements
MOST = 100_000  # attributes in a packet
RDF, NOTE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://ns.adobe.com/xmp/note/"
TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
GOOGLE = "http://ns.google.com/photos/1.0/"
CAMERA, CONTAINER, ITEM = GOOGLE + "camera/", GOOGLE + "container/", GOOGLE + "container/item/"
PANORAMA, GAIN_MAP = GOOGLE + "panorama/", "http://ns.adobe.com/hdr-gain-map/1.0/"
USUAL = {
    "rdf": RDF, "xmpNote": NOTE, "tiff": TIFF, "exif": EXIF, "GCamera": CAMERA, "Camera": CAMERA,
    "Container": CONTAINER, "Item": ITEM, "GPano": PANORAMA, "hdrgm": GAIN_MAP,
}  # fmt: skip # prefixes of packets that declare none
GONE = {  # whole namespaces that speak of pictures, films and depth behind the picture
    CONTAINER, ITEM, GAIN_MAP, "http://ns.apple.com/HDRGainMap/1.0/", "http://ns.apple.com/pixeldatainfo/1.0/",
    "http://ns.google.com/photos/dd/1.0/device/", "http://ns.google.com/photos/dd/1.0/item/",
    "http://ns.google.com/photos/dd/1.0/container/",
}  # fmt: skip
GONE_NAMES = {
    "http://purl.org/dc/terms/": re.compile("provenance"),  # where the content credentials lie
    "http://ns.adobe.com/xap/1.0/": re.compile("Thumbnails"),
    "http://ns.xiaomi.com/photos/1.0/camera/": re.compile("XMPMeta"),
    "http://ns.oplus.com/photos/1.0/camera/": re.compile("MotionPhoto|VideoLength"),
    CAMERA: re.compile("Micro_?Video|MotionPhoto"), NOTE: re.compile("HasExtendedXMP"),
}  # fmt: skip
UNTURNED = {  # what is told in places on the picture as it lay
    "http://www.metadataworkinggroup.com/schemas/regions/": "marked regions",
    "http://ns.microsoft.com/photo/1.2/": "marked regions", PANORAMA: "the place in a panorama",
}  # fmt: skip
SCALED = re.compile("(CroppedArea|FullPano|LargestValidInteriorRect).*(Pixels|Width|Height|Left|Top)")
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="' + RDF.encode() + b'">'
    b'<rdf:Description rdf:about="" xmlns:xmpNote="' + NOTE.encode() + b'" xmpNote:HasExtendedXMP="%s"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
ATTRIBUTE = re.compile(rb"""\s+([^\s=<>/"']+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
NAME = re.compile(rb"<[^\s/>]+")


class NotUnderstood(ValueError):
    """A packet that is not well-formed, has a document type, or is too large or deep."""


@dataclass(frozen=True)
class Property:
    """An attribute or element: namespace, name, where it lies and where its value; ``value`` as it is written."""

    space: str
    name: str
    begin: int
    end: int
    value_begin: int
    value_end: int
    value: bytes


@dataclass
class _Reader:
    """What one pass finds: properties, namespaces declared, and the descriptions with what they inherit."""

    xmp: bytes
    found: list[Property] = field(default_factory=list)
    declared: list[Property] = field(default_factory=list)
    descriptions: list[tuple[int, int, dict[str, bytes]]] = field(default_factory=list)
    scopes: dict[str, list[str]] = field(default_factory=dict)
    open: list[tuple[int, int, str, str, list[str], bool]] = field(default_factory=list)
    inherited: dict[str, bytes] = field(default_factory=dict)
    rdf_end: int = -1

    def read(self) -> _Reader:
        """Do the pass. Raises ``NotUnderstood``."""
        parser = self.parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartDoctypeDeclHandler = _refuse
        try:
            parser.Parse(self.xmp, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise NotUnderstood(str(error)) from error
        return self

    def _space(self, name: str) -> tuple[str, str]:
        prefix, _, local = name.rpartition(":")
        scope = self.scopes.get(prefix)
        return (scope[-1] if scope else USUAL.get(prefix, "")), local

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        begin = self.parser.CurrentByteIndex
        if len(self.open) >= DEEPEST:
            raise NotUnderstood("elements lie too deep")
        prefixes = [key[6:] for key in attributes if key == "xmlns" or key.startswith("xmlns:")]
        for prefix in prefixes:
            self.scopes.setdefault(prefix, []).append(attributes["xmlns:" + prefix if prefix else "xmlns"])
        space, local = self._space(name)
        end = _behind_name(self.xmp, begin)
        for match in _attributes(self.xmp, end):
            self._attribute(match, inherits=(space, local) != (RDF, "Description"))
            end = match.end()
        close = self.xmp.find(b">", end)
        self.open.append((begin, close + 1, space, local, prefixes, self.xmp[close - 1 : close] == b"/"))

    def _attribute(self, match: re.Match[bytes], inherits: bool) -> None:
        name, group = match[1].decode(errors="replace"), 2 if match[2] is not None else 3
        where = (match.start(), match.end(), match.start(group), match.end(group), match[group])
        if name == "xmlns" or name.startswith("xmlns:"):
            self.declared.append(Property(match[group].decode(errors="replace"), name[6:], *where))
            if inherits and len(self.open) < 2:
                self.inherited[name] = match[0]
            return
        space, local = self._space(name)
        if ":" in name and _matters(space, local):
            self._keep(Property(space, local, *where))

    def _keep(self, found: Property) -> None:
        self.found.append(found)
        if len(self.found) > MOST:
            raise NotUnderstood("it is too large")

    def _end(self, name: str) -> None:
        begin, inner, space, local, prefixes, empty = self.open.pop()
        close = self.parser.CurrentByteIndex
        end = inner if empty else self.xmp.find(b">", close) + 1
        if _matters(space, local):
            close = inner if empty else close
            value = self.xmp[inner:close] if close - inner < 64 else b""
            self._keep(Property(space, local, begin, end, inner, close, value))
        if space == RDF and local == "RDF" and not empty:
            self.rdf_end = close
        if space == RDF and local == "Description" and self.open and self.open[-1][2:4] == (RDF, "RDF"):
            self.descriptions.append((begin, end, self.inherited))
        for prefix in prefixes:
            self.scopes[prefix].pop()


def _behind_name(xmp: bytes, begin: int) -> int:
    """Where the name ends of the tag that begins there."""
    match = NAME.match(xmp, begin)
    return match.end() if match else begin


def _attributes(xmp: bytes, at: int) -> Iterator[re.Match[bytes]]:
    """The attributes of the tag whose name ends there."""
    while match := ATTRIBUTE.match(xmp, at):
        yield match
        at = match.end()


def _refuse(*_: object) -> None:
    raise NotUnderstood("it declares a document type")


def _matters(space: str, name: str) -> bool:
    return (
        space in GONE or space in UNTURNED or (space in GONE_NAMES and bool(GONE_NAMES[space].match(name)))
        or (space in (TIFF, EXIF) and name in SIZES) or (space == TIFF and name == "Orientation")
    )  # fmt: skip


SIZES = {"ImageWidth": 0, "ImageLength": 1, "PixelXDimension": 0, "PixelYDimension": 1}


def understood(packet: bytes) -> bytes:
    """``packet`` in UTF-8 and without what follows its last element. Raises ``NotUnderstood``."""
    if len(packet) > LARGEST or packet.count(b"=") > MOST:
        raise NotUnderstood("it is too large")
    for mark, code in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if packet.startswith(mark):
            try:
                packet = packet.decode(code).encode()
            except UnicodeError as error:
                raise NotUnderstood(str(error)) from error
    packet = packet.removeprefix(b"\xef\xbb\xbf").strip(b"\0 \t\r\n")
    _Reader(packet).read()
    return packet


def says(packet: bytes) -> set[tuple[str, str, bytes]]:
    """Namespaces, names and short values of what may not hold for the next file. Raises ``NotUnderstood``."""
    return {(p.space, p.name, p.value.strip()) for p in _Reader(packet).read().found}


def value(packet: bytes, space: str, name: str) -> bytes:
    """What a packet says of ``name``, if that matters here; empty if nothing. Raises ``NotUnderstood``."""
    return next((p.value.strip() for p in _Reader(packet).read().found if (p.space, p.name) == (space, name)), b"")


def orientation(packet: bytes) -> int:
    """1 to 8 as the packet says; 0 if it does not. Raises ``NotUnderstood``."""
    said = value(packet, TIFF, "Orientation")
    return int(said) if said in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8") else 0


def corrected(packet: bytes, width: int, height: int, ratio: float, turned: bool) -> bytes:
    """``packet`` for an upright picture of this size, ``ratio`` times the old one, that stands alone.

    >>> corrected(b'<r tiff:Orientation="6" tiff:ImageWidth="9" hdrgm:Version="1"/>', 36, 20, 4.0, False)
    b'<r tiff:Orientation="1" tiff:ImageWidth="36"/>'

    Raises ``NotUnderstood``.
    """
    reader = _Reader(packet).read()
    edits: list[tuple[int, int, bytes]] = []
    for p in reader.found:
        if p.space in (TIFF, EXIF):
            new = b"1" if p.name == "Orientation" else b"%d" % (width, height)[SIZES[p.name]]
            edits.append((p.value_begin, p.value_end, new))
        elif p.space not in UNTURNED or turned:
            edits.append((p.begin, p.end, b""))
        elif p.space == PANORAMA and SCALED.fullmatch(p.name) and p.value.strip().isdigit():
            edits.append((p.value_begin, p.value_end, b"%d" % round(int(p.value) * ratio)))
    edits += [(d.begin, d.end, b"") for d in reader.declared if d.space in GONE]
    return _edited(packet, edits)


def _edited(packet: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """``packet`` with spans replaced; what lies within a replaced span goes with it."""
    out, at = [], 0
    for begin, end, new in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if begin >= at:
            out += [packet[at:begin], new]
            at = end
    return b"".join([*out, packet[at:]])


def joined(packet: bytes, extended: bytes) -> bytes:
    """One packet of two: ``extended`` holds more descriptions of the same picture. Raises ``NotUnderstood``."""
    first, second = _Reader(packet).read(), _Reader(extended).read()
    if first.rdf_end < 0:
        raise NotUnderstood("it has no RDF")
    more = []
    for begin, end, inherited in second.descriptions:
        name = NAME.match(extended, begin)
        at = name.end() if name else begin
        tag = extended[at : extended.find(b">", at)]
        new = [
            text for key, text in inherited.items() if not re.search(rb"\s" + re.escape(key.encode()) + rb"\s*=", tag)
        ]
        more += [extended[begin:at], *new, extended[at:end]]
    edits = [(p.begin, p.end, b"") for p in first.found if p.space == NOTE]
    return _edited(packet, [*edits, (first.rdf_end, first.rdf_end, b"".join(more))])


def in_parts(packet: bytes, room: int) -> tuple[bytes, bytes, bytes]:
    """A packet of at most ``room`` bytes, the rest as an extended packet, and its name (GUID); the latter empty if not
    needed. As Adobe's XMP specification part 3 asks: the first names the rest."""
    if len(packet) <= room:
        return packet, b"", b""
    guid = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
    return PACKET % guid, packet, guid
