"""What goes in comes out: depth, bands, transparency, profile, metadata, orientation, format."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, IptcImagePlugin
from PIL.PngImagePlugin import PngInfo

from acutance.errors import BadInput
from acutance.files import limits, standard
from acutance.files.images import open_picture
from acutance.models import store
from acutance.pipelines.upscale import Settings, Upscaler


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(store.load("fidelity_compact"))


def vips(image: np.ndarray) -> pyvips.Image:
    kinds = {(np.uint8, True): "b-w", (np.uint8, False): "srgb", (np.uint16, True): "grey16",
             (np.uint16, False): "rgb16", (np.float32, True): "b-w", (np.float32, False): "scrgb"}  # fmt: skip
    bands = 1 if image.ndim == 2 else image.shape[2]
    return pyvips.Image.new_from_array(image).copy(interpretation=kinds[(image.dtype.type, bands <= 2)])


def through(upscaler: Upscaler, source: Path, target: Path) -> tuple[pyvips.Image, list[str]]:
    notes = upscaler.file(source, target)["notes"]
    return pyvips.Image.new_from_file(str(target)), notes


SAMPLES = [
    (suffix, depth, bands)
    for suffix, depths in ((".png", ("uint8", "uint16")), (".tif", ("uint8", "uint16", "float32")))
    for depth in depths
    for bands in (1, 2, 3, 4)
]


@pytest.mark.parametrize(("suffix", "depth", "bands"), SAMPLES)
def test_depth_and_bands_survive(upscaler, tmp_path: Path, photo, suffix: str, depth: str, bands: int) -> None:
    peak = 1.0 if depth == "float32" else np.iinfo(depth).max
    rgba = np.dstack([photo[:40, :60], photo[100:140, :60, 0]]).astype(np.float64) / 255 * peak
    image = rgba[:, :, {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[bands]].astype(depth)
    source = tmp_path / f"a{suffix}"
    vips(image).write_to_file(str(source))
    result, notes = through(upscaler, source, tmp_path / f"b{suffix}")
    out = result.numpy()
    assert out.dtype == depth and (result.width, result.height, result.bands) == (240, 160, bands)
    difference = np.abs(out.reshape(160, 240, -1).mean((0, 1)) - image.reshape(40, 60, -1).mean((0, 1)))
    assert difference.max() < 0.01 * peak
    assert notes == []


def test_a_transparent_edge_gets_no_dark_fringe(upscaler, tmp_path: Path) -> None:
    """A red disc on transparent black: every visible pixel of the result is red."""
    y, x = np.mgrid[:48, :48]
    disc = ((y - 24) ** 2 + (x - 24) ** 2 < 15**2).astype(np.uint8)
    image = np.dstack([disc * 220, disc * 30, disc * 20, disc * 255])
    vips(image).write_to_file(str(tmp_path / "a.png"))
    result, _ = through(upscaler, tmp_path / "a.png", tmp_path / "b.png")
    out = result.numpy().astype(int)
    visible = out[:, :, 3] > 8
    assert np.abs(out[visible][:, :3] - [220, 30, 20]).max() <= 12
    assert out[0, 0, 3] == 0 and out[96, 96, 3] == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(upscaler, tmp_path: Path, small_photo, orientation: int) -> None:
    picture = Image.fromarray(small_photo)
    exif = picture.getexif()
    exif[0x0112], exif[0x010F] = orientation, "Zeiss Ikon"
    picture.save(tmp_path / "a.png", exif=exif)
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    upscaler.file(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as result:
        assert result.getexif().get(0x0112, 1) == 1
        assert result.getexif()[0x010F] == "Zeiss Ikon"
        out = np.asarray(result)
    np.testing.assert_array_equal(out, upscaler.array(upright))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_the_profile_survives_byte_for_byte(upscaler, tmp_path: Path, small_photo, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    vips(small_photo).write_to_file(str(tmp_path / "plain.png"))
    image = pyvips.Image.new_from_file(str(tmp_path / "plain.png")).copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.write_to_file(str(tmp_path / f"a{suffix}"))
    result, _ = through(upscaler, tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    assert result.get("icc-profile-data") == profile


def test_exif_survives_with_corrected_sizes_and_xmp_too(upscaler, tmp_path: Path, small_photo) -> None:
    picture = Image.fromarray(small_photo)
    exif = picture.getexif()
    exif[0x010F] = "Leica"
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = 83, 61
    exif.get_ifd(0x8825)[1] = "N"
    picture.save(tmp_path / "a.jpg", exif=exif, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    upscaler.file(tmp_path / "a.jpg", tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as result:
        found = result.getexif()
        assert found[0x010F] == "Leica" and found.get_ifd(0x8825)[1] == "N"
        assert (found.get_ifd(0x8769)[0xA002], found.get_ifd(0x8769)[0xA003]) == (332, 244)
        assert b"xmpmeta" in result.info["xmp"]


def test_palette_and_its_transparency(upscaler, tmp_path: Path, small_photo) -> None:
    picture = Image.fromarray(small_photo).quantize(64)
    picture.save(tmp_path / "a.png", transparency=3)
    result, _ = through(upscaler, tmp_path / "a.png", tmp_path / "b.png")
    assert result.bands == 4
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGBA"))[:, :, 3].mean()
    assert abs(result.numpy()[:, :, 3].mean() - expected) < 3


def test_cmyk_becomes_srgb_and_says_so(upscaler, tmp_path: Path, small_photo) -> None:
    Image.fromarray(small_photo).convert("CMYK").save(tmp_path / "a.tif")
    result, notes = through(upscaler, tmp_path / "a.tif", tmp_path / "b.tif")
    assert result.bands == 3 and any("CMYK" in note for note in notes)
    assert np.abs(result.numpy().mean((0, 1)) - small_photo.mean((0, 1))).max() < 45


def test_an_animation_gives_its_first_frame_and_says_so(upscaler, tmp_path: Path, photo) -> None:
    frames = [Image.fromarray(np.ascontiguousarray(photo[i : i + 40, :60])) for i in (0, 100, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    result, notes = through(upscaler, tmp_path / "a.gif", tmp_path / "b.png")
    assert (result.width, result.height) == (240, 160)
    assert any("3 pages or frames" in note for note in notes)


@pytest.mark.parametrize(("suffix", "depth", "said"), [(".jpg", "uint16", "8 bits"), (".webp", "uint16", "8 bits"),
                                                     (".png", "float32", "16 bits")])  # fmt: skip
def test_what_a_format_cannot_hold_is_said(upscaler, tmp_path: Path, photo, suffix, depth, said) -> None:
    peak = 1.0 if depth == "float32" else 65535
    vips((photo[:32, :32] / 255 * peak).astype(depth)).write_to_file(str(tmp_path / "a.tif"))
    result, notes = through(upscaler, tmp_path / "a.tif", tmp_path / f"b{suffix}")
    assert any(said in note for note in notes)
    expected = 65535 / 255 if suffix == ".png" else 1
    assert np.abs(result.numpy().mean((0, 1)) / expected - photo[:32, :32].mean((0, 1))).max() < 3


def test_transparency_on_jpg_is_laid_on_white_and_said(upscaler, tmp_path: Path) -> None:
    vips(np.zeros((20, 20, 4), np.uint8)).write_to_file(str(tmp_path / "a.png"))
    result, notes = through(upscaler, tmp_path / "a.png", tmp_path / "b.jpg")
    assert any("laid on white" in note for note in notes) and result.numpy().min() == 255


def test_what_is_not_read_in_order_above_the_limit_is_unpacked_to_disk(
    upscaler, tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk file is there while we work, beside the result, and gone afterwards; pixels are the same."""
    vips(photo[:280, :300]).pngsave(str(tmp_path / "a.png"), interlace=True)
    upscaler.file(tmp_path / "a.png", tmp_path / "b.png")
    monkeypatch.setattr(limits, "RANDOM_ACCESS_MEGAPIXELS", 0.001)
    seen: list[int] = []
    upscaler.file(
        tmp_path / "a.png", tmp_path / "c.png",
        on_event=lambda e: seen.append(len(list(tmp_path.glob(".c*.part.tif")))),
    )  # fmt: skip
    assert seen and set(seen) == {1} and not list(tmp_path.glob(".c*"))
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_integers_of_other_widths_become_16_bits_and_say_so(upscaler, tmp_path: Path, photo) -> None:
    for kind, peak in (("short", 32767), ("uint", 2**32 - 1), ("int", 2**31 - 1)):
        image = (vips(photo[:40, :60]) * (peak / 255)).cast(kind)
        image.write_to_file(str(tmp_path / f"{kind}.tif"))
        result, notes = through(upscaler, tmp_path / f"{kind}.tif", tmp_path / f"{kind}_out.tif")
        assert result.format == "ushort" and any("16 bits" in note for note in notes)
        assert np.abs(result.numpy().mean((0, 1)) / 257 - photo[:40, :60].mean((0, 1))).max() < 2


def test_floating_point_beyond_one_keeps_its_scale(upscaler, tmp_path: Path, photo) -> None:
    image = photo[:40, :60].astype(np.float32)
    vips(image).write_to_file(str(tmp_path / "a.tif"))
    result, _ = through(upscaler, tmp_path / "a.tif", tmp_path / "b.tif")
    assert np.abs(result.numpy().mean((0, 1)) - image.mean((0, 1))).max() < 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_floating_point_beyond_one_fits_integers_by_its_highest_sample(upscaler, tmp_path, photo, suffix: str) -> None:
    image = photo[:40, :60].astype(np.float32) * 2
    vips(image).write_to_file(str(tmp_path / "a.tif"))
    result, _ = through(upscaler, tmp_path / "a.tif", tmp_path / f"b{suffix}")
    peak = 65535 if suffix == ".png" else 255
    assert np.abs(result.numpy().mean((0, 1)) / peak - image.mean((0, 1)) / image.max()).max() < 0.02


def test_orientation_in_other_formats(upscaler, tmp_path: Path, photo) -> None:
    picture = Image.fromarray(photo[:40, :60])
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    for suffix in (".jpg", ".webp", ".tif", ".avif"):
        result, _ = through(upscaler, tmp_path / "a.jpg", tmp_path / f"b{suffix}")
        assert (result.width, result.height) == (160, 240)
        assert not result.get_typeof("orientation") or result.get("orientation") == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_the_inputs_fault(upscaler, tmp_path: Path, photo, bad: float) -> None:
    image = photo[:40, :60].astype(np.float32) / 255
    image[3, 4] = bad
    vips(image).write_to_file(str(tmp_path / "a.tif"))
    with pytest.raises(BadInput, match=r"a\.tif: holds NaN or infinite"):
        upscaler.file(tmp_path / "a.tif", tmp_path / "b.tif")


def test_floating_point_opacity_stays_within_zero_and_one(upscaler, tmp_path: Path) -> None:
    y, x = np.mgrid[:48, :48]
    disc = ((y - 24) ** 2 + (x - 24) ** 2 < 15**2).astype(np.float32)
    vips(np.dstack([disc, disc * 0, disc * 0, disc])).write_to_file(str(tmp_path / "a.tif"))
    alpha = through(upscaler, tmp_path / "a.tif", tmp_path / "b.tif")[0].numpy()[:, :, 3]
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_exif_travels_into_tiff_and_out_of_it(upscaler, tmp_path: Path, small_photo) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Leica"
    Image.fromarray(small_photo).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(small_photo).save(tmp_path / "a.tif", exif=exif)
    for source, target in (("a.jpg", "b.tif"), ("a.tif", "c.tif"), ("a.tif", "d.png")):
        assert through(upscaler, tmp_path / source, tmp_path / target)[1] == []
        with Image.open(tmp_path / target) as result:
            assert result.getexif()[0x010F] == "Leica"


def test_an_old_thumbnail_does_not_survive(upscaler, tmp_path: Path, photo) -> None:
    image = vips(photo[:100, :150])
    thumbnail = image.resize(0.3).jpegsave_buffer()
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "jpeg-thumbnail-data", thumbnail)
    image.jpegsave(str(tmp_path / "a.jpg"))
    result, _ = through(upscaler, tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert not result.get_typeof("jpeg-thumbnail-data")
    assert thumbnail[200:260] not in (tmp_path / "b.jpg").read_bytes()


def test_settings_refuse_nonsense() -> None:
    from acutance.errors import UsageError

    for wrong in ({"scale": 99}, {"scale": 0}, {"quality": 0}, {"width": 0}, {"scale": 2, "width": 3},
                  {"file_format": "bmp"}, {"tile": -1}):  # fmt: skip
        with pytest.raises(UsageError):
            Settings(**wrong)


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [3, 5])
def test_a_band_of_data_is_not_taken_for_opacity(tmp_path: Path, depth: str, bands: int) -> None:
    """Where the file calls its bands grey; zeros in the third would make the other two creep."""
    image = np.random.default_rng(0).integers(1, 200, (20, 30, bands)).astype(depth)
    image[5:15, :, 2] = 0
    grey = "grey16" if depth == "uint16" else "b-w"
    pyvips.Image.new_from_array(image).copy(interpretation=grey).write_to_file(str(tmp_path / "a.tif"))
    assert pyvips.Image.new_from_file(str(tmp_path / "a.tif")).interpretation == grey
    with open_picture(tmp_path / "a.tif", scratch=tmp_path / "b.tif") as picture:
        np.testing.assert_array_equal(picture.rows(0, 20), image[:, :, :3])


@pytest.mark.parametrize("space", ["lab", "labs"])
def test_lab_becomes_srgb_of_16_bits_and_says_so(upscaler, tmp_path: Path, photo, space: str) -> None:
    vips(photo[:40, :60].copy()).colourspace(space).write_to_file(str(tmp_path / "a.tif"))
    result, notes = through(upscaler, tmp_path / "a.tif", tmp_path / "b.tif")
    assert result.format == "ushort" and notes == [f"is {space.upper()}; the result is sRGB of 16 bits"]
    assert np.abs(result.numpy().mean((0, 1)) / 257 - photo[:40, :60].mean((0, 1))).max() < 1


def test_lab_of_8_bits_is_refused_by_its_name(upscaler, tmp_path: Path, photo) -> None:
    vips(photo[:40, :60].copy()).colourspace("labq").write_to_file(str(tmp_path / "a.tif"))
    with pytest.raises(BadInput, match="Lab of 8 bits"):
        upscaler.file(tmp_path / "a.tif", tmp_path / "b.tif")


def test_cmyk_that_is_unpacked_keeps_its_profile_until_it_is_converted(tmp_path: Path, photo, monkeypatch) -> None:
    image = vips(photo[:40, :60].copy()).icc_transform("cmyk", input_profile="srgb", intent="relative")
    image.jpegsave(str(tmp_path / "a.jpg"), interlace=True)
    monkeypatch.setattr(limits, "RANDOM_ACCESS_MEGAPIXELS", 0.001)
    seen = []
    fit = standard._fitting
    monkeypatch.setattr(standard, "_fitting", lambda i: seen.append(bool(i.get_typeof("icc-profile-data"))) or fit(i))
    with open_picture(tmp_path / "a.jpg", scratch=tmp_path / "b.tif") as picture:
        picture.rows(0, 40)
    assert seen == [True, True]  # of the header, and of what was unpacked


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


SRGB_POINTS = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([chunk(b"cICP", bytes([9, 16, 0, 1]))], "BT.2020, PQ"),
        ([chunk(b"cICP", bytes([1, 13, 0, 1]))], ""),
        ([chunk(b"gAMA", struct.pack(">I", 100_000))], "gamma 1"),
        ([chunk(b"gAMA", struct.pack(">I", 45_455)), chunk(b"cHRM", SRGB_POINTS)], ""),
        ([chunk(b"cHRM", SRGB_POINTS[:8] + struct.pack(">6I", 68000, 32000, 26500, 69000, 15000, 6000))], "primaries"),
        ([chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))], ""),
        ([chunk(b"gAMA", b"\0")], ""),
    ],
)
def test_colours_told_by_a_png_without_a_profile_are_mentioned(
    upscaler, tmp_path: Path, photo, chunks: list[bytes], said: str
) -> None:
    vips(photo[:20, :20].copy()).write_to_file(str(tmp_path / "a.png"))
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + b"".join(chunks) + data[33:])  # behind IHDR
    _, notes = through(upscaler, tmp_path / "a.png", tmp_path / "b.jpg")
    assert [said in note for note in notes] == ([True] if said else [])
    assert through(upscaler, tmp_path / "a.png", tmp_path / "b.png")[1] == []  # there they are kept


@pytest.mark.parametrize(("codes", "said"), [((9, 16), "BT.2020, PQ"), ((1, 13), "")])
def test_colours_told_by_an_avif_without_a_profile_are_mentioned(upscaler, tmp_path, photo, codes, said: str) -> None:
    Image.fromarray(photo[:64, :64]).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(data[:at] + struct.pack(">HH", *codes) + data[at + 4 :])
    _, notes = through(upscaler, tmp_path / "a.avif", tmp_path / "b.png")
    assert [said in note for note in notes] == ([True] if said else [])


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_what_is_opaque_stays_so_beside_bright_colours(upscaler, tmp_path: Path, photo, suffix: str) -> None:
    image = np.dstack([photo[:40, :60], np.full((40, 60), 255, np.uint8)]).astype(np.float32) / 255
    image[:10, :10, :3] = 5
    image[30:, :, 3] = 0  # or WebP would leave opacity out
    vips(image).write_to_file(str(tmp_path / "a.tif"))
    result, notes = through(upscaler, tmp_path / "a.tif", tmp_path / f"b{suffix}")
    white = 65535 if suffix == ".png" else 255
    alpha = result.numpy()[:, :, 3]
    assert alpha[:100].min() >= 0.99 * white and alpha[140:].max() <= 0.01 * white
    assert "5, its brightest sample, is written as white, everything 20% as bright" in notes


def test_opacity_is_not_measured_by_bright_colours(upscaler, tmp_path: Path) -> None:
    """Colours up to 50, opacity from 0 to 1: it stays what it was."""
    image = np.full((48, 48, 4), 0.4, np.float32)
    image[:, :16, 3], image[:, 16:, 3] = 0, 1
    image[3, 30, :3] = 50
    vips(image).write_to_file(str(tmp_path / "a.tif"))
    for settings in ({}, {"back_project": 2}):
        one = Upscaler(store.load(), Settings(**settings, overwrite=True))
        alpha = through(one, tmp_path / "a.tif", tmp_path / "b.tif")[0].numpy()[:, :, 3]
        assert alpha.min() >= 0 and alpha.max() <= 1 and alpha[:, :48].max() < 0.1 and alpha[:, 80:].min() > 0.95


def test_a_tiff_whose_samples_would_be_taken_for_rgb_is_refused(upscaler, tmp_path: Path, photo) -> None:
    Image.fromarray(photo[:40, :60]).convert("YCbCr").save(tmp_path / "a.tif")
    Image.fromarray(photo[:40, :60]).save(tmp_path / "fine.tif", compression="jpeg")
    with pytest.raises(BadInput, match=r"a\.tif: is a TIFF in YCbCr.*convert it to RGB"):
        upscaler.file(tmp_path / "a.tif", tmp_path / "b.png")
    upscaler.file(tmp_path / "fine.tif", tmp_path / "b.png")


IIM = b"\x1c\x02\x78\x00\x05Hallo"  # a caption


def with_segments(path: Path, photo: np.ndarray, *segments: tuple[int, bytes]) -> None:
    plain = io.BytesIO()
    Image.fromarray(photo[:40, :60]).save(plain, "jpeg")
    parts = [struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments]
    path.write_bytes(plain.getvalue()[:2] + b"".join(parts) + plain.getvalue()[2:])


def test_captions_and_comments_are_kept_or_named(upscaler, tmp_path: Path, photo) -> None:
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IIM)) + IIM
    with_segments(tmp_path / "a.jpg", photo, (0xED, block), (0xFE, b"made by hand"))
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        _, notes = through(upscaler, tmp_path / "a.jpg", tmp_path / f"b{suffix}")
        assert any("comments" in note for note in notes) == (suffix in (".tif", ".webp"))
        assert any("captions and keywords" in note for note in notes) == (suffix == ".webp")
    with Image.open(tmp_path / "b.jpg") as jpeg, Image.open(tmp_path / "b.tif") as tiff:
        assert IptcImagePlugin.getiptcinfo(jpeg) == {(2, 120): b"Hallo"}
        assert tiff.tag_v2[33723] == IIM
    png = PngInfo()
    png.add_text("Title", "a boat")
    Image.fromarray(photo[:40, :60]).save(tmp_path / "a.png", pnginfo=png)
    assert through(upscaler, tmp_path / "a.png", tmp_path / "c.png")[1] == []
    assert "jpg holds no PNG text; it is not kept" in through(upscaler, tmp_path / "a.png", tmp_path / "c.jpg")[1]


def test_what_else_lies_in_a_file_is_named(upscaler, tmp_path: Path, photo) -> None:
    frames = [Image.fromarray(photo[top : top + 40, :60]) for top in (0, 9)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert "is an animation; only its first frame is used" in through(
        upscaler, tmp_path / "a.png", tmp_path / "b.png")[1]  # fmt: skip
    head = b"http://ns.adobe.com/xap/1.0/\0"
    inside = b'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="4096" xmpNote:HasExtendedXMP="AB" dc:x="kept"'
    with_segments(tmp_path / "a.jpg", photo, (0xE1, head + b"<x:xmpmeta><r " + inside + b"/></x:xmpmeta>"))
    result, notes = through(upscaler, tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert any("motion photo" in note for note in notes) and any("more XMP" in note for note in notes)
    kept = bytes(result.get("xmp-data"))
    assert b"MicroVideo" not in kept and b"HasExtended" not in kept and b'dc:x="kept"' in kept


def test_damage_that_a_decoder_only_warns_of_is_said(upscaler, tmp_path: Path, photo) -> None:
    plain = io.BytesIO()
    Image.fromarray(photo[:160, :160]).save(plain, "jpeg", progressive=True, quality=95)
    data, said = bytearray(plain.getvalue()), 0
    for at in range(1000, len(data) - 600, 700):
        broken = data[:at] + bytes(512) + data[at + 512 :]
        (tmp_path / "a.jpg").write_bytes(broken)
        try:
            _, notes = through(Upscaler(store.load(), Settings(overwrite=True)), tmp_path / "a.jpg", tmp_path / "b.png")
        except BadInput:
            continue
        said += any("its decoder calls it damaged (" in note for note in notes)
    assert said >= 4
    (tmp_path / "a.jpg").write_bytes(data)
    assert through(Upscaler(store.load(), Settings(overwrite=True)), tmp_path / "a.jpg", tmp_path / "b.png")[1] == []
