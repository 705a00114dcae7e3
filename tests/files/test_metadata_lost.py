"""What no longer holds is corrected or taken out; what does not come along is named."""

from __future__ import annotations

import struct
from pathlib import Path

import metadata_files as made
import numpy as np
import pytest
from PIL import Image

from acutance.files import georeference, xmp
from acutance.files.metadata_sources import READERS
from acutance.files.tiff_directories import Layout
from acutance.models import store
from acutance.pipelines.upscale import Upscaler


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(store.load())


def through(upscaler: Upscaler, folder: Path, name: str, data: bytes, suffix: str = ".jpg") -> tuple[Path, list[str]]:
    (folder / name).write_bytes(data)
    target = folder / f"out{suffix}"
    target.unlink(missing_ok=True)
    return target, upscaler.file(folder / name, target)["notes"]


def packet_of(path: Path) -> bytes:
    with open(path, "rb") as file:
        return READERS["jpeg"](file).xmp


FILM = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + struct.pack(">I", 1000) + b"mdat" + bytes(992)
MPF = b"MPF\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0xB001, 4, 1, 2) + bytes(4)
HEAD = made.XMP_HEAD


def with_xmp(attributes: str = "", inside: str = "", behind: bytes = b"") -> bytes:
    return made.jpeg((0xE1, HEAD + made.xmp(attributes, inside)), behind=behind)


LOST = {
    "film in elements": (with_xmp(inside="<GCamera:MotionPhoto>1</GCamera:MotionPhoto>"
                                  + made.DIRECTORY % ("MotionPhoto", "video/mp4"), behind=FILM), ["motion photo"]),
    "film in attributes": (with_xmp('GCamera:MicroVideo="1" GCamera:MicroVideoOffset="9"', behind=FILM), ["motion"]),
    "film of Samsung": (made.jpeg(behind=b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + FILM), ["motion photo"]),
    "film alone": (made.jpeg(behind=FILM), ["motion photo"]),
    "gain map": (with_xmp('hdrgm:Version="1.0"', made.DIRECTORY % ("GainMap", "image/jpeg"),
                          made.encoded("jpeg")), ["gain map", "further pictures"]),
    "gain map of ISO": (made.jpeg((0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0")), ["gain map"]),
    "depth": (with_xmp(inside=made.DIRECTORY % ("Depth", "image/jpeg"), behind=made.encoded("jpeg")),
              ["depth map", "further pictures"]),
    "two pictures": (made.jpeg((0xE2, MPF), behind=made.encoded("jpeg")), ["2 pictures"]),
    "credentials": (made.jpeg((0xEB, b"JP\0\1\0\0\0\1\0\0\0\x3cjumb\0\0\0\x2cjumdc2pa" + bytes(40))), ["C2PA"]),
    "thermal": (made.jpeg((0xE1, b"FLIR\0\1\0\1" + bytes(60))), ["thermal"]),
    "camera's data": (made.jpeg((0xE4, b"QVCI\0" + bytes(60)), (0xE7, b"secret")), ["APP4 QVCI, APP7 secret"]),
    "something behind": (made.jpeg(behind=b"some program's bytes"), ["20 bytes behind"]),
    "padding behind": (made.jpeg(behind=bytes(3000)), []),
    "chunks": (made.png((b"oFFs", bytes(9)), (b"prVt", b"x")), ["oFFs, prVt"]),
    "credentials in png": (made.png((b"caBX", bytes(9))), ["C2PA"]),
    "credentials in webp": (made.webp((b"C2PA", bytes(10)), (b"JUNK", b"ab")), ["C2PA", "JUNK"]),
    "layers": (made.tiff("<", {37724: made.field("<", 7, b"Adobe Photoshop Document Data Block")}), ["layers"]),
    "broken xmp": (made.jpeg((0xE1, HEAD + b"<x:xmpmeta><r>")), ["XMP that cannot be read"]),
    "broken exif": (made.jpeg((0xE1, b"Exif\0\0no block")), ["EXIF that cannot be read"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST)
def test_what_does_not_come_along_is_named(upscaler, tmp_path: Path, case: str) -> None:
    data, words = LOST[case]
    target, notes = through(upscaler, tmp_path, "a", data)
    assert len(notes) == len(words) and all(any(word in note for note in notes) for word in words), notes
    written = target.read_bytes()
    for word in (b"MotionPhoto", b"MicroVideo", b"hdrgm", b"Container", b"c2pa", b"ftyp", b"MPF\0", b"FLIR"):
        assert word not in written
    if b'"' in packet_of(target):
        xmp.understood(packet_of(target))


def test_an_empty_motion_flag_is_no_film(upscaler, tmp_path: Path) -> None:
    target, notes = through(upscaler, tmp_path, "a.jpg", with_xmp('GCamera:MotionPhoto="0" GCamera:BurstID="7"'))
    assert notes == [] and b'GCamera:BurstID="7"' in packet_of(target) and b"MotionPhoto" not in packet_of(target)


def test_the_end_of_a_progressive_jpeg_is_found(upscaler, tmp_path: Path) -> None:
    data = made.encoded("jpeg", (160, 120), progressive=True)
    assert through(upscaler, tmp_path, "a.jpg", data)[1] == []
    assert len(through(upscaler, tmp_path, "a.jpg", data + b"rest")[1]) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["attribute", "element"])
def test_orientation_in_xmp_alone_turns_once(upscaler, tmp_path: Path, orientation: int, form: str) -> None:
    packet = (made.xmp(f'tiff:Orientation="{orientation}"') if form == "attribute"
              else made.xmp(inside=f"<tiff:Orientation> {orientation} </tiff:Orientation>"))  # fmt: skip
    (tmp_path / "a.png").write_bytes(made.png(made.png_xmp(packet)))
    upscaler.file(tmp_path / "a.png", tmp_path / "b.png")
    pixels = np.asarray(made.picture())
    turn = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}[orientation]
    pixels = np.rot90(pixels, turn)
    pixels = pixels[:, ::-1] if orientation in (2, 4, 5, 7) else pixels
    with Image.open(tmp_path / "b.png") as result:
        np.testing.assert_array_equal(np.asarray(result), upscaler.array(np.ascontiguousarray(pixels)))
    with open(tmp_path / "b.png", "rb") as file:
        assert xmp.orientation(READERS["png"](file).xmp) == 1


@pytest.mark.parametrize(("inside", "turned"), [(6, True), (1, False), (0, True), (9, True)])
def test_exif_wins_over_xmp_if_it_says_anything(upscaler, tmp_path: Path, inside: int, turned: bool) -> None:
    block = made.exif_block(orientation=inside, thumbnail=False)
    data = made.png((b"eXIf", block), made.png_xmp(made.xmp('tiff:Orientation="8"')))
    target, _ = through(upscaler, tmp_path, "a.png", data, ".png")
    with Image.open(target) as result, open(target, "rb") as file:
        assert result.size == ((96, 160) if turned else (160, 96))
        assert xmp.orientation(READERS["png"](file).xmp) == 1 and result.getexif()[0x0112] == 1


def test_sizes_and_a_panoramas_places_in_xmp_follow_the_picture(upscaler, tmp_path: Path) -> None:
    data = with_xmp(
        'tiff:ImageWidth="40" exif:PixelYDimension="24" '
        'GPano:FullPanoWidthPixels="100" GPano:CroppedAreaLeftPixels="5"',
        "<exif:PixelXDimension>40</exif:PixelXDimension><xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>",
    )
    said = packet_of(through(upscaler, tmp_path, "a.jpg", data)[0])
    for part in (b'tiff:ImageWidth="160"', b'exif:PixelYDimension="96"', b">160</exif:PixelXDimension>",
                 b'FullPanoWidthPixels="400"', b'CroppedAreaLeftPixels="20"'):  # fmt: skip
        assert part in said
    assert b"Thumbnails" not in said


def test_regions_of_a_turned_picture_are_named(upscaler, tmp_path: Path) -> None:
    packet = made.xmp('tiff:Orientation="6"', '<m:Regions xmlns:m="http://www.metadataworkinggroup.com/schemas/regions/">'
                      "<m:RegionList>secret</m:RegionList></m:Regions>")  # fmt: skip
    target, notes = through(upscaler, tmp_path, "a.png", made.png(made.png_xmp(packet)))
    assert len(notes) == 1 and "regions" in notes[0] and b"secret" not in target.read_bytes()


@pytest.mark.parametrize("packet", [
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', b"<x>&undeclared;</x>", b"<a>" * 100_000,
    b"<a " + b"b='1' " * 200_000 + b"/>", b"not xml", b"<?xml version='1.0' encoding='ebcdic-none'?><x/>",
])  # fmt: skip
def test_hostile_xmp_is_refused(packet: bytes) -> None:
    with pytest.raises(xmp.NotUnderstood):
        xmp.understood(packet)


def test_xmp_of_two_bytes_a_letter_is_understood() -> None:
    text = "<x xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='3'>ü</x>"
    for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        assert xmp.understood(text.encode(code)) == text.encode() and xmp.orientation(text.encode()) == 3


def test_prefixes_are_nothing_but_names() -> None:
    packet = b"<a xmlns:t='http://ns.adobe.com/tiff/1.0/' xmlns:tiff='other' t:Orientation='3' tiff:Orientation='8'/>"
    assert xmp.orientation(packet) == 3
    assert xmp.corrected(packet, 1, 1, 1, False) == packet.replace(b"t:Orientation='3'", b"t:Orientation='1'")


def geotiff(order: str) -> bytes:
    places = {33550: (10.0, 20.0, 0.0), 33922: (4.0, 6.0, 0.0, 500.0, 900.0, 0.0)}
    fields = {tag: made.field(order, 12, numbers) for tag, numbers in places.items()}
    return made.tiff(order, {**fields, 34735: made.field(order, 3, (1, 1, 0, 1, 1025, 0, 1, 1))})


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_georeference_is_scaled_with_the_picture(upscaler, tmp_path: Path, order: str) -> None:
    target, notes = through(upscaler, tmp_path, "a.tif", geotiff(order), ".tif")
    with Image.open(target) as result:
        tags = result.tag_v2
        assert notes == [] and tags[33550] == (2.5, 5.0, 0.0) and tags[33922] == (16.0, 24.0, 0.0, 500.0, 900.0, 0.0)
        assert tags[34735] == (1, 1, 0, 1, 1025, 0, 1, 1)
    notes = through(upscaler, tmp_path, "a.tif", geotiff(order), ".png")[1]
    assert len(notes) == 1 and "georeference" in notes[0]


def test_points_in_the_middle_of_pixels_stay_where_they_are_on_the_earth() -> None:
    """The same corner of the picture before and after, by tie point and by matrix."""
    layout = Layout("<")
    entry = lambda tag, kind, *numbers: georeference.Entry(tag, kind, len(numbers), layout.pack(kind, *numbers))  # noqa: E731
    keys = entry(34735, 3, 1, 1, 0, 1, 1025, 0, 1, 2)
    matrix = (10.0, 3.0, 0.0, 500.0, 2.0, -20.0, 0.0, 900.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tags = {34735: keys, 34264: entry(34264, 12, *matrix), 33922: entry(33922, 12, 0.0, 0.0, 0.0, 500.0, 900.0, 0.0)}
    out = {e.tag: e for e in georeference.scaled(tags, "<", 4, 2)}
    old, new = (np.reshape(m, (4, 4)) for m in (matrix, out[34264].doubles("<")))
    np.testing.assert_allclose(new @ [-0.5, -0.5, 0, 1], old @ [-0.5, -0.5, 0, 1])
    np.testing.assert_allclose(new @ [4 * 8 - 0.5, 2 * 5 - 0.5, 0, 1], old @ [7.5, 4.5, 0, 1])
    assert out[33922].doubles("<")[:2] == (1.5, 0.5)
