"""What a picture says beside its pixels travels into every format that can hold it; the rest is named."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import metadata_files as made
import pytest
from PIL import Image, IptcImagePlugin

from acutance.files import exif, maker_notes, photoshop, xmp
from acutance.files.chunks import content, png_chunks
from acutance.files.metadata_sources import READERS
from acutance.files.tiff_directories import directory, layout_of
from acutance.models import store
from acutance.pipelines.upscale import Upscaler

KINDS = {".jpg": "jpeg", ".png": "png", ".webp": "webp", ".avif": "heif", ".tif": "tiff"}


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(store.load())


def through(upscaler: Upscaler, folder: Path, name: str, data: bytes, suffix: str) -> tuple[Path, list[str]]:
    (folder / name).write_bytes(data)
    target = folder / f"out{suffix}"
    target.unlink(missing_ok=True)
    return target, upscaler.file(folder / name, target)["notes"]


def found(path: Path):
    with open(path, "rb") as file:
        return READERS[KINDS[path.suffix]](file)


def carriers(block: bytes, packet: bytes) -> dict[str, bytes]:
    """The same EXIF and XMP in every format."""
    avif = io.BytesIO()
    made.picture().save(avif, "avif", exif=made.exif_block("<", 1, thumbnail=False), xmp=packet)
    hexadecimal = b"\nexif\n%8d\n" % (len(block) + 6) + (b"Exif\0\0" + block).hex().encode()
    return {
        "a.jpg": made.jpeg((0xE1, b"Exif\0\0" + block), (0xE1, made.XMP_HEAD + packet)),
        "a.png": made.png((b"eXIf", block), made.png_xmp(packet)),
        "raw.png": made.png((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexadecimal)), made.png_xmp(packet)),
        "a.webp": made.webp((b"EXIF", block), (b"XMP ", packet)),
        "prefixed.webp": made.webp((b"EXIF", b"Exif\0\0" + block), (b"XMP ", packet)),
        "a.avif": avif.getvalue(),
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "raw.png", "a.webp", "prefixed.webp", "a.avif"])
def test_exif_and_xmp_travel_between_all_formats(upscaler, tmp_path: Path, name: str, order: str) -> None:
    packet = made.xmp('dc:source="kept" tiff:Orientation="6"')
    data = carriers(made.exif_block(order), packet)[name]
    for suffix in KINDS:
        target, notes = through(upscaler, tmp_path, name, data, suffix)
        result = found(target)
        block = exif.read(result.exif)
        assert block is not None and (notes == [] or name == "a.avif")  # Pillow moves maker notes
        assert block.main[0x010F].value == b"Canon\0" and block.main[0x4746].value[:2].strip(b"\0") == b"\5"
        assert block.main[0xC123].value == b"unknown to all" and block.main[0x013C].value == b"my phone\0"
        assert exif.orientation(result.exif) == (0 if suffix == ".tif" or name == "a.avif" else 1)
        height, width = (block.sub[tag].numbers(block.layout.order)[0] for tag in (0xA003, 0xA002))
        assert (width, height) == ((160, 96) if name == "a.avif" else (96, 160))
        assert block.gps[2].value and b'dc:source="kept"' in result.xmp and xmp.orientation(result.xmp) == 1
        with Image.open(target) as image:
            assert image.size == (width, height) and image.getexif()[0x010F] == "Canon"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif"])
def test_the_block_is_patched_in_place(upscaler, tmp_path: Path, order: str, suffix: str) -> None:
    """Only orientation, sizes and the link to the thumbnail differ; the thumbnail at its end is cut off."""
    block = made.exif_block(order)
    target, _ = through(upscaler, tmp_path, "a.jpg", made.jpeg((0xE1, b"Exif\0\0" + block)), suffix)
    out = found(target).exif
    assert target.read_bytes().count(out) == 1 and b"JFIF" not in out
    assert sum(a != b for a, b in zip(block, out, strict=False)) <= 2 + 3 * 2 + 4
    start = block.index(made.encoded("jpeg", (16, 12))[:4])
    assert len(out) == start


def test_a_thumbnail_within_other_values_is_left_alone() -> None:
    block = bytearray(made.exif_block(thumbnail=True))
    parsed = exif.read(bytes(block))
    assert parsed is not None
    note = parsed.sub[0x927C]
    second, _ = directory(io.BytesIO(block), parsed.layout, parsed.behind)
    struct.pack_into("<I", block, second[0x0201].place + 8, note.value_place + 4)
    out = exif.read(exif.patched(bytes(block), 96, 160))
    assert out is not None and out.sub[0x927C].value == note.value and out.behind == 0


def test_sizes_beyond_16_bits_fit() -> None:
    out = exif.read(exif.patched(made.exif_block(), 70_000, 3))
    assert out is not None
    assert [out.sub[tag].numbers("<") for tag in (0xA002, 0xA003)] == [(70_000,), (3,)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_maker_note_keeps_its_places_in_tiff(upscaler, tmp_path: Path, order: str) -> None:
    target, notes = through(
        upscaler, tmp_path, "a.jpg", made.jpeg((0xE1, b"Exif\0\0" + made.exif_block(order))), ".tif")  # fmt: skip
    assert notes == []
    with open(target, "rb") as file:
        layout = layout_of(file)
        assert layout is not None
        main, _ = directory(file, layout, layout.first)
        sub = exif.pointed(file, layout, main, exif.SUB)
        note = sub[exif.MAKER_NOTE]
        inner, _ = directory(file, type(layout)(order), note.value_place)
    assert [entry.value for entry in inner.values()] == [b"IMG:PowerShot JPEG\0", b"Firmware 1.00\0"]


def test_a_maker_note_that_cannot_be_moved_is_named(upscaler, tmp_path: Path) -> None:
    block = made.exif_block().replace(b"\2\0\6\0\2\0\x13\0", b"\xff\xff\6\0\2\0\x13\0")  # no directory any more
    assert not exif.maker_note_stays(block)
    target, notes = through(upscaler, tmp_path, "a.jpg", made.jpeg((0xE1, b"Exif\0\0" + block)), ".tif")
    assert [note for note in notes if "MakerNote" in note] == notes != []
    parsed = exif.read(block)
    assert parsed is not None and parsed.sub[0x927C].value in target.read_bytes()
    apple = made.field("<", 7, b"Apple iOS\0\0\1MM" + bytes(40))
    assert maker_notes.moves(type(parsed.sub[0x927C])(0x927C, *apple[:2], apple[2]), "<")


IRB = made.resource(0x0404, made.CAPTION) + made.resource(0x040A, b"\1") + made.resource(0x040C, b"thumbnail")


@pytest.mark.parametrize("suffix", KINDS)
def test_captions_travel_and_are_named_where_they_cannot(upscaler, tmp_path: Path, suffix: str) -> None:
    """From a JPEG in which a resource is split over two segments, as Photoshop does with large ones."""
    segments = ((0xED, made.PHOTOSHOP_HEAD + IRB[:20]), (0xED, made.PHOTOSHOP_HEAD + IRB[20:]))
    target, notes = through(upscaler, tmp_path, "a.jpg", made.jpeg(*segments), suffix)
    if suffix in (".webp", ".avif"):
        assert any("IPTC" in note for note in notes)
        return
    result = found(target)
    assert notes == [] and photoshop.captions(result.resources) == made.CAPTION
    assert b"thumbnail" not in result.resources and made.resource(0x040A, b"\1") in result.resources
    with Image.open(target) as image:
        if suffix != ".png":
            assert IptcImagePlugin.getiptcinfo(image) == {(2, 120): b"Hallo"}
    second, notes = through(upscaler, tmp_path, f"b{suffix}", target.read_bytes(), ".jpg")
    assert photoshop.captions(found(second).resources) == made.CAPTION


def test_captions_of_several_segments_fill_several_again(upscaler, tmp_path: Path) -> None:
    block = b"".join(made.resource(3000 + i, bytes([i]) * 50_000) for i in range(4)) + IRB
    pieces = [block[i : i + 65_000] for i in range(0, len(block), 65_000)]
    data = made.jpeg(*((0xED, made.PHOTOSHOP_HEAD + piece) for piece in pieces))
    target, notes = through(upscaler, tmp_path, "a.jpg", data, ".jpg")
    assert notes == [] and found(target).resources == photoshop.current(block, turned=False)


def test_old_captions_in_tiff_are_read_whatever_their_type(upscaler, tmp_path: Path) -> None:
    """Many programs wrote them as 32-bit numbers, swapped in files of the other byte order."""
    caption = made.CAPTION + b"\0\0"
    for order in "<>":
        swapped = b"".join(caption[i : i + 4][::-1] for i in range(0, 12, 4))
        for value in (caption, swapped):
            data = made.tiff(order, {33723: (4, 3, value), 270: made.field(order, 2, b"a scan\0")})
            target, _ = through(upscaler, tmp_path, "a.tif", data, ".jpg")
            assert photoshop.captions(found(target).resources) == caption


LATIN = [(b"tEXt", b"L\xe9gende\0d\xe9j\xe0 vu"), (b"iTXt", b"Title\0\0\0de\0Titel\0" + "schön".encode())]


def test_png_text_is_kept_byte_for_byte_before_and_behind_the_pixels(upscaler, tmp_path: Path) -> None:
    behind = ((b"zTXt", b"After\0\0" + zlib.compress(b"the pixels")), (b"tEXt", b"Last\0word"))
    data = made.png(*LATIN, behind=behind)
    target, notes = through(upscaler, tmp_path, "a.png", data, ".png")
    with open(target, "rb") as file:
        texts = [(p.name, content(file, p, p.size)) for p in png_chunks(file) if p.name in (b"tEXt", b"zTXt", b"iTXt")]
    assert notes == [] and texts == [*LATIN, *behind]
    assert any("text" in note for note in through(upscaler, tmp_path, "b.png", data, ".jpg")[1])


@pytest.mark.parametrize("bad", [(b"tEXt", b"\0value"), (b"tEXt", b"no end"), (b"tEXt", b"k" * 80 + b"\0value")])
def test_png_text_without_a_key_is_read_over_and_named(upscaler, tmp_path: Path, bad: tuple[bytes, bytes]) -> None:
    target, notes = through(upscaler, tmp_path, "a.png", made.png(bad), ".png")
    assert len(notes) == 1 and "key" in notes[0] and found(target).texts == []


def test_colour_chunks_of_a_png_are_kept_and_broken_ones_are_not(upscaler, tmp_path: Path) -> None:
    good = (b"cICP", bytes([9, 16, 0, 1]))
    for chunks, kept in (((good,), [good]), (((b"cICP", b"\1"),), []), (((b"gAMA", b"\0\0\1"),), [])):
        target, _ = through(upscaler, tmp_path, "a.png", made.png(*chunks), ".png")
        assert found(target).colours == kept


def test_comments_travel_from_jpeg_and_gif(upscaler, tmp_path: Path) -> None:
    gif = made.gif(b"\x21\xfe\x05Hallo\x06 world\0", b"\x21\xff\x0bXMP DataXMP" + made.xmp('dc:source="kept"')
                   + b"\1" + bytes(range(255, -1, -1)) + b"\0")  # fmt: skip
    for name, data in (("a.jpg", made.jpeg((0xFE, b"Hallo world"))), ("a.gif", gif)):
        for suffix in (".jpg", ".png"):
            target, notes = through(upscaler, tmp_path, name, data, suffix)
            assert notes == [] and b"Hallo world" in target.read_bytes()
            assert name != "a.gif" or b'dc:source="kept"' in found(target).xmp


def extended(main: bytes, rest: bytes, size: int = 60_000, guid: bytes | None = None) -> tuple[tuple[int, bytes], ...]:
    guid = guid or hashlib.md5(rest).hexdigest().upper().encode()
    head = made.EXTENDED_HEAD + guid + struct.pack(">I", len(rest))
    pieces = [(0xE1, head + struct.pack(">I", at) + rest[at : at + size]) for at in range(0, len(rest), size)]
    return (0xE1, made.XMP_HEAD + main.replace(b"GUID", guid)), *reversed(pieces)


def test_extended_xmp_is_joined_and_split_again(upscaler, tmp_path: Path) -> None:
    rest = made.xmp(f'GDepth:Data="{"A" * 150_000}"')
    data = made.jpeg(*extended(made.xmp('dc:source="kept" xmpNote:HasExtendedXMP="GUID"'), rest))
    for suffix in KINDS:
        target, notes = through(upscaler, tmp_path, "a.jpg", data, suffix)
        result = found(target)
        assert notes == [] and b'dc:source="kept"' in result.xmp and b'GDepth:Data="AAAA' in result.xmp
        assert b"HasExtendedXMP" not in result.xmp
        xmp.understood(result.xmp)


def test_extended_xmp_that_is_not_whole_is_named(upscaler, tmp_path: Path) -> None:
    segments = extended(made.xmp('dc:source="kept" xmpNote:HasExtendedXMP="GUID"'), made.xmp('dc:title="x"') * 9, 1000)
    target, notes = through(upscaler, tmp_path, "a.jpg", made.jpeg(*segments[:-1]), ".jpg")
    assert len(notes) == 1 and "more XMP" in notes[0]
    assert b"HasExtendedXMP" not in found(target).xmp and b'dc:source="kept"' in found(target).xmp


def test_a_scanners_tiff_keeps_its_tags(upscaler, tmp_path: Path) -> None:
    for order in "<>":
        more = {
            700: (1, len(made.xmp()), made.xmp('dc:source="kept"')), 34377: (7, len(IRB), IRB),
            271: made.field(order, 2, b"Epson\0"), 306: made.field(order, 2, b"1998:01:01 00:00:00\0"),
            33432: made.field(order, 2, b"(c) nobody\0"), 50999: made.field(order, 4, (7, 9)),
        }  # fmt: skip
        more[700] = (1, len(more[700][2]), more[700][2])
        target, notes = through(upscaler, tmp_path, f"a{order == '<'}.tif", made.tiff(order, more), ".tif")
        block = exif.read(found(target).exif)
        assert block is not None and notes == []
        assert block.main[271].value == b"Epson\0" and block.main[33432].value == b"(c) nobody\0"
        assert block.main[50999].numbers(block.layout.order) == (7, 9)
        assert b'dc:source="kept"' in found(target).xmp and photoshop.captions(found(target).resources) == made.CAPTION
        with Image.open(target) as image:
            assert image.size == (160, 96) and image.tag_v2[271] == "Epson"
