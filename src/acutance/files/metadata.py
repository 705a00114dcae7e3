"""What a picture file says beside its pixels: what goes into the result, and what is said about the rest.

What each format of a result takes of it; the rest is said on a note:

====================  =======================  =============================  =============  ==========  ===========
of any input          jpg                      png                            tif            webp        avif
====================  =======================  =============================  =============  ==========  ===========
EXIF                  block, byte for byte     block, byte for byte           tags           block       block
maker notes           yes                      yes                            moved (said)   yes         yes
XMP                   yes, also over 64 kB     yes                            yes            yes         yes
IPTC, 8BIM            yes                      raw profile                    yes            no          no
comments              yes                      text                           no             no          no
PNG text              no                       chunks, byte for byte          no             no          no
georeference          no                       no                             scaled         no          no
ICC profile           yes                      yes                            yes            not grey    not grey
colours without one   no                       of PNG                         no             no          no
====================  =======================  =============================  =============  ==========  ===========

Orientation: TIFF's own tag, else EXIF's, else XMP's; it is applied once and all of them then say upright. AVIF's is the
container's, which the decoder applies. What speaks of the old file alone (sizes, thumbnails, further pictures, films,
content credentials) is corrected or taken out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from acutance.files import exif, georeference, photoshop, tiff_metadata, xmp
from acutance.files.colour_tags import unlike_srgb
from acutance.files.found import CREDENTIALS, DEPTH, FILM, GAIN_MAP, MOVED, Found
from acutance.files.metadata_sources import READERS
from acutance.files.vips import GAIN_MAP as HAD_GAIN_MAP
from acutance.files.vips import VipsImage

LARGEST_SEGMENT = 65_533  # bytes of content in a JPEG
MENTIONS = {b"GainMap": GAIN_MAP, b"MotionPhoto": FILM, b"Depth": DEPTH, b"DepthMap": DEPTH}
"""What an XMP directory of further pictures may name."""
SPACES = {
    xmp.GAIN_MAP: GAIN_MAP, "http://ns.apple.com/HDRGainMap/1.0/": GAIN_MAP,
    "http://ns.google.com/photos/dd/1.0/device/": DEPTH, "http://purl.org/dc/terms/": CREDENTIALS,
}  # fmt: skip


@dataclass(frozen=True)
class Metadata:
    """What a picture brings for its result: see ``found.Found``; ``profile``: ICC; ``width`` and ``height`` when
    upright; ``resolution`` in pixels per millimetre, 1 where nothing is known; ``colours_told``: in words."""

    found: Found = field(default_factory=Found)
    profile: bytes = b""
    width: int = 1
    height: int = 1
    orientation: int = 1
    resolution: tuple[float, float] = (1.0, 1.0)
    resolution_unit: str = ""
    colours_told: str = ""

    def without_profile(self) -> Metadata:
        """For a picture whose colours become others."""
        return replace(self, profile=b"")


def of(path: Path, image: VipsImage) -> Metadata:
    """What the file at ``path`` says beside its pixels; ``image``: its header."""
    loader = image.get("vips-loader")
    kind = next((kind for kind in READERS if kind in loader), "")
    found = Found()
    if kind:
        with open(path, "rb") as file:
            found = READERS[kind](file)
    if found.exif and exif.read(found.exif) is None:
        found.lose("carries EXIF that cannot be read, which is not kept")
        found.exif = b""
    turns = _orientation(kind, found, image)
    if image.get_typeof(HAD_GAIN_MAP):
        found.lose(GAIN_MAP)
    _mentioned(found, turns != 1)
    profile = bytes(image.get("icc-profile-data")) if image.get_typeof("icc-profile-data") else b""
    width, height = (image.height, image.width) if turns >= 5 else (image.width, image.height)
    unit = image.get("resolution-unit") if image.get_typeof("resolution-unit") else ""
    told = "" if profile else unlike_srgb(path, loader, dict(found.colours))
    return Metadata(found, profile, width, height, turns, (image.xres, image.yres), unit, told)


def _orientation(kind: str, found: Found, image: VipsImage) -> int:
    """1 to 8, to be applied to the pixels."""
    if kind == "heif":
        return 1
    if kind == "tiff" and image.get_typeof("orientation"):
        return image.get("orientation")
    return exif.orientation(found.exif) or (xmp.orientation(found.xmp) if found.xmp else 0) or 1


def _mentioned(found: Found, turned: bool) -> None:
    """Say what XMP speaks of that does not come along, and what cannot be turned with the picture."""
    for space, name, value in xmp.says(found.xmp) if found.xmp else ():
        if space in SPACES or (space == xmp.ITEM and name == "Semantic" and value in MENTIONS):
            found.lose(SPACES.get(space) or MENTIONS[value])
        elif space == xmp.CAMERA and value not in (b"0", b""):
            found.lose(FILM)
        elif turned and space in xmp.UNTURNED:
            found.lose(f"is turned upright; {xmp.UNTURNED[space]} in its XMP not kept")
    if turned and photoshop.has_paths(found.resources):
        found.lose("is turned upright; Photoshop's paths are not kept")
    if turned and found.georeference:
        found.lose("is turned upright; its georeference is not kept")
        found.georeference = {}


def notes(image: VipsImage, fields: Metadata) -> list[str]:
    """What the user should know of this file, each a phrase that follows its name."""
    said = []
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1:
        said.append(f"holds {pages} pages or frames; only the first is used")
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 8
    if bits < 8 and not image.get_typeof("palette"):
        said.append(f"has {bits} bits a sample; dithered pictures come out darker, smooth ones are fine")
    return said + fields.found.lost


def losses(file_format: str, grey: bool, fields: Metadata) -> list[str]:
    """What ``file_format`` will not hold of ``fields``, in words."""
    found, said = fields.found, []
    if file_format == "tif" and not exif.maker_note_stays(found.exif):
        said.append(MOVED)
    if file_format == "jpg" and not exif_fits(found.exif):
        said.append("jpg holds no EXIF of that size; it is not kept")
    if file_format in ("webp", "avif") and found.resources:
        said.append(f"{file_format} is written without captions and keywords in IPTC form")
    if file_format != "png" and found.texts:
        said.append(f"{file_format} holds no PNG text; it is not kept")
    if file_format not in ("png", "jpg") and found.comments:
        said.append(f"{file_format} holds no comments; they are not kept")
    if file_format != "tif" and found.georeference:
        said.append(f"{file_format} holds no georeference; it is not kept (TIFF keeps it)")
    if fields.colours_told and not (file_format == "png" and found.colours):
        said.append(
            f"tells its colours without a profile ({fields.colours_told}), which is not kept; they will look different"
        )
    if file_format in ("webp", "avif") and grey and fields.profile:
        said.append(f"{file_format} has no grey; the grey profile is not kept")
    return said


def exif_fits(block: bytes) -> bool:
    """Whether a JPEG holds this block."""
    return len(exif.PREFIX) + len(block) <= LARGEST_SEGMENT


def finished(fields: Metadata, width: int, height: int) -> Metadata:
    """``fields`` for an upright result of this size."""
    found, turned = fields.found, fields.orientation != 1
    across, down = width / fields.width, height / fields.height
    placed = georeference.scaled(found.georeference, found.order, across, down)
    ready = replace(
        found,
        exif=exif.patched(found.exif, width, height),
        xmp=xmp.corrected(found.xmp, width, height, across, turned) if found.xmp else b"",
        resources=photoshop.current(found.resources, turned),
        georeference={entry.tag: entry for entry in placed},
    )
    return replace(fields, found=ready)


def tiff_tags(path: Path) -> dict[int, int]:
    """The tags of a TIFF's first directory, with their values where they are one short number; empty where it cannot
    be read."""
    try:
        return tiff_metadata.numbers(path)
    except OSError:
        return {}
