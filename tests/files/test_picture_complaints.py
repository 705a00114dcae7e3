"""What decoders only complain of counts as damage, unless healthy pictures are complained of as well."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from acutance.errors import BadInput
from acutance.files import embedding, metadata, photoshop
from acutance.files.found import Found
from acutance.files.images import open_picture
from acutance.files.memory import was_claimed
from acutance.files.metadata_sources import READERS
from acutance.files.others import rare_tiff
from acutance.files.tiff import read


def damage(path: Path) -> tuple[str, list[str]]:
    """What is found damaged in a picture read to its end, and the notes."""
    with open_picture(path, scratch=path.with_name("scratch.tif")) as picture:
        picture.rows(0, picture.height)
    return picture.damage, picture.notes


def saved(photo: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(photo[:48, :64])
    (image.convert("1") if options.pop("bits1", False) else image).save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(photo: np.ndarray, *chunks: bytes) -> bytes:
    data = saved(photo, "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize("compression", ["group4", "group3"])
def test_broken_fax_codes_count(tmp_path: Path, photo: np.ndarray, compression: str) -> None:
    path = tmp_path / "a.tif"
    data = bytearray(saved(photo, "TIFF", bits1=True, compression=compression))
    path.write_bytes(data)
    assert damage(path)[0] == ""
    place = read(path)
    assert place is not None
    at, size = place.picture.number(273), place.picture.number(279)
    data[at + size // 2 : at + size // 2 + 4] = b"\x5a\xa5\x3c\x99"
    path.write_bytes(data)
    try:
        assert damage(path)[0]
    except BadInput as error:
        assert "a.tif" in str(error)


def test_a_tag_that_describes_samples_counts_and_others_do_not(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(photo[:48, :64]).quantize(200).save(path)
    data = path.read_bytes()
    entry = struct.pack("<HHI", 320, 3, 768)
    assert data.count(entry) == 1
    path.write_bytes(data.replace(entry, struct.pack("<HHI", 320, 3, 700)))
    try:
        assert damage(path)[0]
    except BadInput as error:
        assert "a.tif" in str(error)
    tifffile.imwrite(
        path, photo[:48, :64], photometric="rgb", software="abcdefgh", extratags=[(65000, "I", 1, 5, True)]
    )
    data = path.read_bytes()
    path.write_bytes(data.replace(b"abcdefgh\0", b"abcdefghi"))
    assert damage(path)[0] == ""


@pytest.mark.parametrize(
    "extra",
    [chunk(b"bKGD", b"\0"), chunk(b"tEXt", b"a\0b")[:-1] + b"!", chunk(b"iCCP", b"a\0\0junk"), chunk(b"tIME", bytes(7)),
     chunk(b"gAMA", b"\0\0\xb1\x8f") * 2, chunk(b"zTXt", b"k\0\0junk"), chunk(b"tEXt", b"k\0text") * 60],
)  # fmt: skip
def test_careless_chunks_are_no_damage(tmp_path: Path, photo: np.ndarray, extra: bytes) -> None:
    (tmp_path / "a.png").write_bytes(with_chunk(photo, extra))
    assert damage(tmp_path / "a.png")[0] == ""


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"subsampling": 2}])
def test_a_jpeg_without_its_end_counts_and_what_lies_behind_does_not(tmp_path, photo, options) -> None:
    data, path = saved(photo, "JPEG", quality=90, **options), tmp_path / "a.jpg"
    for behind in (b"", bytes(50), b"more" * 20, data, b"\xff\xd8\xff"):
        path.write_bytes(data + behind)
        assert damage(path)[0] == ""
    for broken in (data[:-2], data[:-2] + b"\x12\x34" * 5000):
        path.write_bytes(broken)
        if broken == data[:-2] or options.get("progressive"):  # the decoder itself refuses it
            with pytest.raises(BadInput, match=r"a\.jpg"):
                damage(path)
        else:
            assert damage(path)[0]


def test_scan_parameters_that_many_telephones_write_wrongly_are_no_damage(tmp_path: Path, photo: np.ndarray) -> None:
    data = bytearray(saved(photo, "JPEG"))
    scan = data.index(b"\xff\xda")
    data[scan + 6 + 2 * data[scan + 4]] = 0  # the end of the spectrum
    (tmp_path / "a.jpg").write_bytes(data)
    assert damage(tmp_path / "a.jpg")[0] == ""


def test_a_claim_of_a_damaged_table_is_not_taken_for_starvation(tmp_path: Path, photo: np.ndarray) -> None:
    said = "tiff2vips: Failed to allocate memory for to read TIFF directory ({} elements of {} bytes each)"
    assert was_claimed(said.format(0, 12), 5000) and was_claimed(said.format(1 << 40, 8), 5000)
    assert not was_claimed(said.format(100, 8), 5000) and not was_claimed("out of memory", 5000)
    path = tmp_path / "a.tif"
    data = bytearray(saved(photo, "TIFF"))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    data += bytes(len(data) % 2)
    struct.pack_into("<I", data, first + 2 + 12 * count, len(data))  # a next directory, of no entries
    path.write_bytes(data + bytes(6))
    try:
        damage(path)
    except BadInput as error:
        assert "a.tif" in str(error)


@pytest.mark.parametrize("name", ["short", "claimed"])
def test_rare_tiffs_that_hold_less_than_they_say_are_refused_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(4800, dtype=np.float64).reshape(60, 80))
    data = path.read_bytes()
    place = read(path)
    assert place is not None
    wrong = bytearray(data)
    if name == "short":
        struct.pack_into("<I", wrong, place.picture.places[279], 0)
    else:
        struct.pack_into("<I", wrong, place.picture.places[257], 60_000)
    path.write_bytes(wrong)
    with pytest.raises(BadInput, match=r"a\.tif"):
        found = read(path)
        assert found is not None
        rare_tiff(path, found.picture, lambda width, height: None, "a test")
        raise BadInput("a.tif: read") if name == "short" else AssertionError("read")


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_that_other_programs_refuse_are_not_kept(tmp_path: Path, photo: np.ndarray, kind: bytes) -> None:
    large = b"a" * (3 << 20)
    body = {b"tEXt": large, b"zTXt": b"\0" + zlib.compress(large), b"iTXt": b"\1\0\0\0" + zlib.compress(large)}[kind]
    (tmp_path / "a.png").write_bytes(with_chunk(photo, chunk(kind, b"k\0" + body), chunk(b"tEXt", b"Title\0small")))
    with open_picture(tmp_path / "a.png", scratch=tmp_path / "s.tif") as picture:
        assert [data for _, data in picture.fields.found.texts] == [b"Title\0small"]
        assert any("PNG text" in note and "1 MB" in note for note in picture.notes)


def test_large_captions_are_written_so_that_pillow_opens_the_picture(photo: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    resources = photoshop.of_captions(rng.integers(0, 256, 700_000, dtype=np.uint8).tobytes())
    ahead = embedding.ahead("png", metadata.Metadata(Found(resources=resources)))
    with Image.open(io.BytesIO(with_chunk(photo, ahead))) as image:
        image.load()
    assert embedding.ahead("png", metadata.Metadata(Found(resources=resources[:1000]))).count(b"zTXt") == 1


def test_chunks_about_the_old_samples_are_said(tmp_path: Path, photo: np.ndarray) -> None:
    extra = (
        chunk(b"bKGD", bytes(6)),
        chunk(b"sBIT", b"\5\6\5"),
        chunk(b"tIME", struct.pack(">HBBBBB", 2020, 1, 2, 3, 4, 5)),
    )
    (tmp_path / "a.png").write_bytes(with_chunk(photo, *extra))
    found, notes = damage(tmp_path / "a.png")
    assert found == "" and sum("bKGD" in note and "sBIT" in note and "tIME" in note for note in notes) == 1


def test_a_rare_jpeg_keeps_its_metadata(tmp_path: Path, photo: np.ndarray) -> None:
    """Whatever library decodes it, here one that need not be installed."""
    assert READERS["imagecodecs"] is READERS["jpeg"]
    exif = Image.Exif()
    exif[0x010E] = "a scene"
    (tmp_path / "a.jpg").write_bytes(saved(photo, "JPEG", exif=exif.tobytes()))
    image = pyvips.Image.new_from_array(photo[:48, :64]).copy()
    image.set_type(pyvips.GValue.gstr_type, "vips-loader", "imagecodecs")
    assert b"a scene" in metadata.of(tmp_path / "a.jpg", image).found.exif
