"""No bytes make the readers of metadata raise anything, run long, or write what they could not read again."""

from __future__ import annotations

import io
import logging
import random
import time
from pathlib import Path

import metadata_files as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acutance.errors import AcutanceError, BadInput
from acutance.files import embedding, exif, georeference, heif_items, lean, metadata, photoshop, xmp
from acutance.files.images import open_picture
from acutance.files.metadata_sources import READERS

PACKET = made.xmp('tiff:Orientation="6" GCamera:MotionPhoto="1" dc:source="x"', made.DIRECTORY % ("Depth", "a"))


def avif() -> bytes:
    out = io.BytesIO()
    made.picture().save(out, "avif", exif=made.exif_block(thumbnail=False), xmp=PACKET)
    return out.getvalue()


BLOCK = made.exif_block()
IRB = made.resource(0x0404, made.CAPTION) + made.resource(0x0425, bytes(16))
GEO = {33550: made.field("<", 12, (1.0, 1.0, 0.0)), 34735: made.field("<", 3, (1, 1, 0, 1, 1025, 0, 1, 2))}
SEEDS = {
    "jpeg": made.jpeg((0xE1, b"Exif\0\0" + BLOCK), (0xE1, made.XMP_HEAD + PACKET), (0xED, made.PHOTOSHOP_HEAD + IRB),
                      (0xE1, made.EXTENDED_HEAD + bytes(40) + PACKET), (0xE2, b"MPF\0" + BLOCK), (0xFE, b"comment")),
    "png": made.png((b"eXIf", BLOCK), made.png_xmp(PACKET), (b"tEXt", b"key\0value"), (b"cICP", bytes(4)),
                    (b"tEXt", b"Raw profile type iptc\0\niptc\n 12\n" + IRB.hex().encode())),
    "webp": made.webp((b"EXIF", BLOCK), (b"XMP ", PACKET)),
    "gif": made.gif(b"\x21\xfe\5Hallo\0",
                    b"\x21\xff\x0bXMP DataXMP" + PACKET + b"\1" + bytes(range(255, -1, -1)) + b"\0"),
    "heif": avif(),
    "tiff": made.tiff("<", GEO | {700: made.field("<", 1, PACKET), 34377: made.field("<", 7, IRB),
                                  271: made.field("<", 2, b"Epson\0"), 33723: made.field("<", 7, made.CAPTION)}),
}  # fmt: skip


def mutant(seed: bytes, choose: random.Random) -> bytes:
    """Flipped bytes, cut and repeated pieces, and numbers that are too large."""
    data = bytearray(seed)
    for _ in range(choose.choice((1, 2, 5, 20))):
        at = choose.randrange(len(data) or 1)
        match choose.randrange(6):
            case 0:
                data[at : at + 1] = bytes([choose.randrange(256)])
            case 1:
                data[at : at + 4] = choose.choice(
                    (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\1\0\0\0")
                )
            case 2:
                del data[at : at + choose.randrange(1, 40)]
            case 3:
                data[at:at] = data[at : at + choose.randrange(1, 200)]
            case 4:
                del data[at:]
            case _:
                data[at:at] = choose.randbytes(choose.randrange(1, 9))
    return bytes(data)


def survives(kind: str, data: bytes) -> None:
    """Read, correct and write all that is found; what is written can be read again."""
    file = io.BytesIO(data)
    found = READERS[kind](file)
    assert all(note.isprintable() for note in found.lost)
    if found.xmp:
        xmp.says(found.xmp)
        again = xmp.corrected(found.xmp, 96, 160, 4.0, turned=True)
        if again.strip():
            xmp.understood(again)
    exif.orientation(found.exif)
    exif.maker_note_stays(found.exif)
    ready = metadata.finished(metadata.Metadata(found, width=24, height=40), 96, 160)
    for file_format, plain in PLAIN.items():
        metadata.losses(file_format, False, ready)
        before = embedding.ahead(file_format, ready)
        out = io.BytesIO(bytes(len(before)) + plain)
        embedding.put(out, file_format, before, ready)
        again = READERS[{"jpg": "jpeg", "tif": "tiff", "avif": "heif"}.get(file_format, file_format)](
            io.BytesIO(out.getvalue()))  # fmt: skip
        if exif.read(ready.found.exif) and file_format in ("webp", "png"):
            assert again.exif == exif.bare(ready.found.exif)
        if file_format != "gif":
            assert again.xmp == ready.found.xmp or not ready.found.xmp.strip()
    view = lean.Lean(file, lean.edits(file))
    view.read(100)


PLAIN = {
    "jpg": made.encoded("jpeg"), "png": made.encoded("png"), "tif": made.tiff("<", {}),
    "webp": made.webp((b"EXIF", BLOCK)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEDS)
@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_mutants_of_metadata_are_survived(kind: str, choose: random.Random) -> None:
    survives(kind, mutant(SEEDS[kind], choose))


@pytest.mark.parametrize("kind", SEEDS)
@given(st.binary(max_size=300))
@settings(max_examples=40)
def test_any_bytes_are_survived(kind: str, data: bytes) -> None:
    survives(kind, SEEDS[kind][:12] + data)


@given(st.binary(max_size=200), st.integers(1, 1 << 20))
@settings(max_examples=100)
def test_any_block_and_resources_are_survived(data: bytes, size: int) -> None:
    for block in (data, b"II*\0\x08\0\0\0" + data, b"MM\0*\0\0\0\x08" + data):
        exif.patched(block, size, size)
    photoshop.written(photoshop.resources(b"8BIM" + data))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", SEEDS)
def test_thousands_of_mutants_give_a_picture_or_one_line(kind: str, tmp_path: Path, caplog) -> None:
    """The whole way through the door, decoders included."""
    caplog.set_level(logging.CRITICAL, "pyvips")
    choose = random.Random(f"mutants of {kind}")
    for number in range(1500):
        data = mutant(SEEDS[kind], choose)
        survives(kind, data)
        (tmp_path / "a").write_bytes(data)
        begin = time.process_time()
        try:
            with open_picture(tmp_path / "a", scratch=tmp_path / "b", max_megapixels=1) as picture:
                picture.rows(0, picture.height)
        except AcutanceError as error:
            assert "\n" not in str(error), number
        assert time.process_time() - begin < 20, number


@pytest.mark.parametrize("kind", SEEDS)
def test_hostile_shapes_take_no_time(kind: str) -> None:
    """Files that would make a walk long, or read the same bytes over and over."""
    begin = time.process_time()
    for filler in (
        bytes(1 << 20),
        b"\xff" * (1 << 20),
        b"\xff\2\0\0" * (1 << 18),
        b"\1\1" * (1 << 19),
        b"\0\0\0\x08free" * (1 << 17),
    ):
        for at in (2, 8, 12, len(SEEDS[kind]) // 2):
            survives(kind, SEEDS[kind][:at] + filler)
    assert time.process_time() - begin < 30


def test_tables_of_nothing_are_bounded() -> None:
    """An item of 65,535 pieces without a number, 65,535 times."""
    head = b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"
    table = bytes(4) + b"\0\0\xff\xff" + (b"\0\1\0\0\xff\xff" * 65535)
    iloc = (len(table) + 8).to_bytes(4, "big") + b"iloc" + table
    meta = (len(iloc) + 12).to_bytes(4, "big") + b"meta" + bytes(4) + iloc
    assert heif_items.read(io.BytesIO(head + meta)).items == ()


def test_a_georeference_of_any_length_is_survived() -> None:
    for tag in georeference.TAGS:
        for count in (1, 2, 3, 5, 7, 17):
            kind, number, value = made.field("<", 12, tuple(float(i) for i in range(count)))
            entry = georeference.Entry(tag, kind, number, value)
            assert len(georeference.scaled({tag: entry}, "<", 2, 2)[0].value) == len(value)


def test_a_decoders_message_need_not_be_text(tmp_path: Path) -> None:
    """libheif quotes the property it does not know, whatever its bytes."""
    (tmp_path / "a.avif").write_bytes(avif().replace(b"irot", b"\xe9rot"))
    with pytest.raises(BadInput, match=r"a\.avif"), open_picture(tmp_path / "a.avif", scratch=tmp_path / "b"):
        pass
