"""TIFF and its like: the right directory, bands and integers by their meaning, what is missing or not supported."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from acutance.errors import BadInput, OverLimit
from acutance.files import tiff
from acutance.files.images import open_picture
from acutance.files.pixels import read_rgb8, read_size
from acutance.models import store
from acutance.pipelines.upscale import Settings, Upscaler


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(store.load("fidelity_x2"))


def opened(path: Path) -> tuple[np.ndarray, list[str]]:
    """All samples of a picture, and its notes."""
    with open_picture(path, scratch=path.with_name("scratch.tif")) as picture:
        picture.highest()
        return picture.rows(0, picture.height).copy(), picture.notes


def reduced_first(path: Path, whole: np.ndarray, **options: object) -> None:
    """As cameras and scanners write: a thumbnail, and the picture in a directory below it."""
    with tifffile.TiffWriter(path) as file:
        file.write(whole[::4, ::4].copy(), photometric="rgb", subfiletype=1, subifds=1)
        file.write(whole, photometric="rgb", **options)


def test_the_picture_is_found_behind_its_thumbnail(tmp_path: Path, photo: np.ndarray) -> None:
    whole = photo[:64, :96]
    reduced_first(tmp_path / "below.tif", whole)
    with tifffile.TiffWriter(tmp_path / "behind.tif") as file:
        file.write(whole[::4, ::4].copy(), photometric="rgb", subfiletype=1)
        file.write(whole, photometric="rgb")
        file.write(whole[:, :, 0] > 99, photometric="minisblack", subfiletype=4)
    for name in ("below.tif", "behind.tif"):
        pixels, notes = opened(tmp_path / name)
        np.testing.assert_array_equal(pixels, whole)
        assert notes == [], "a thumbnail and a mask are no pages"
        np.testing.assert_array_equal(read_rgb8(tmp_path / name), whole)
        assert read_size(tmp_path / name) == (96, 64)


def test_a_lonely_reduced_copy_says_so(tmp_path: Path, photo: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", photo[:32, :32], photometric="rgb", subfiletype=1)
    assert any("reduced copy" in note for note in opened(tmp_path / "a.tif")[1])


def test_pages_are_counted_without_the_levels_of_a_pyramid(tmp_path: Path, photo: np.ndarray) -> None:
    image = pyvips.Image.new_from_array(photo[:128, :128]).copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "a.tif"), tile=True, pyramid=True, tile_width=32, tile_height=32)
    assert opened(tmp_path / "a.tif")[1] == []
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        for top in (0, 40):
            file.write(photo[top : top + 32, :32], photometric="rgb")
    assert any("2 pages" in note for note in opened(tmp_path / "b.tif")[1])


def raw_like(path: Path, photo: np.ndarray) -> None:
    """A DNG: thumbnail, and below it what the sensor saw."""
    mosaic = np.ascontiguousarray(photo[:48, :64, 1]).astype(np.uint16) * 16
    with tifffile.TiffWriter(path) as file:
        tags = [(50706, 1, 4, bytes([1, 4, 0, 0]), False), (50708, 2, 0, "Camera", False)]
        file.write(photo[:48:3, :64:3].copy(), photometric="rgb", subfiletype=1, subifds=1, extratags=tags)
        pattern = [(33421, 3, 2, (2, 2), False), (33422, 1, 4, bytes([0, 1, 1, 2]), False)]
        file.write(mosaic, photometric="cfa", extratags=pattern)


def test_camera_raw_is_developed(tmp_path: Path, photo: np.ndarray) -> None:
    pytest.importorskip("rawpy", reason="the extra raw is not installed")
    raw_like(tmp_path / "a.dng", photo)
    pixels, notes = opened(tmp_path / "a.dng")
    assert pixels.shape == (48, 64, 3) and pixels.dtype == np.uint16
    assert any("camera raw" in note for note in notes)


@pytest.mark.parametrize("name", ["a.dng", "a.tif", "a.NEF"])
def test_camera_raw_without_its_library_is_refused_by_the_extra(tmp_path, photo, monkeypatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    raw_like(tmp_path / name, photo)
    for read in (opened, read_rgb8, read_size):
        with pytest.raises(BadInput, match=rf"{name}.*acutance\[raw\]"):
            read(tmp_path / name)


def test_raw_that_is_none_is_refused_in_one_line(tmp_path: Path, photo: np.ndarray) -> None:
    pytest.importorskip("rawpy", reason="the extra raw is not installed")
    for name, data in (("a.raf", b"FUJIFILMCCD-RAW " + bytes(999)), ("a.cr2", b"II*\0\x10\0\0\0CR\2\0" + bytes(99))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInput, match=name):
            opened(tmp_path / name)


def test_a_fourth_band_that_is_no_opacity_is_kept_as_it_is(upscaler, tmp_path: Path, photo: np.ndarray) -> None:
    data = np.zeros((48, 64), np.uint8)
    data[:, 32:] = 200
    image = np.dstack([photo[:48, :64], data])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["UNSPECIFIED"])
    pixels, _ = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels, image)
    assert upscaler.file(tmp_path / "a.tif", tmp_path / "b.tif")["notes"] == []
    with tifffile.TiffFile(tmp_path / "b.tif") as result:
        page = result.pages[0]
        assert [int(kind) for kind in page.extrasamples] == [0] and page.shape == (96, 128, 4)
        large = page.asarray().astype(int)
    assert np.abs(large[:, :48, 3]).max() <= 3 and np.abs(large[:, 80:, 3] - 200).max() <= 3
    assert np.abs(large.mean((0, 1)) - image.mean((0, 1))).max() < 2
    notes = upscaler.file(tmp_path / "a.tif", tmp_path / "b.png")["notes"]
    assert any("no band beside" in note for note in notes)
    assert pyvips.Image.new_from_file(str(tmp_path / "b.png")).bands == 3


def test_a_band_of_data_survives_two_passes_and_a_reduction(tmp_path: Path, photo: np.ndarray) -> None:
    image = np.dstack([photo[:20, :30], np.zeros((20, 30), np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=["UNSPECIFIED"])
    Upscaler(store.load("fidelity_x2"), Settings(scale=3)).file(tmp_path / "a.tif", tmp_path / "b.tif")
    large = tifffile.imread(tmp_path / "b.tif")
    assert large.shape == (60, 90, 4)
    assert np.abs(large.astype(float).mean((0, 1)) - image.mean((0, 1))).max() < 3


@pytest.mark.parametrize(("kind", "levels"), [("ASSOCALPHA", 1), ("UNASSALPHA", 2)])
def test_opacity_of_both_kinds_is_still_opacity(tmp_path: Path, photo: np.ndarray, kind: str, levels: int) -> None:
    image = np.dstack([photo[:32, :32] // levels, np.full((32, 32), 255, np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extrasamples=[kind])
    with open_picture(tmp_path / "a.tif", scratch=tmp_path / "b.tif") as picture:
        assert not picture.data_band and picture.bands == 4


def grey_ramp(low: int, high: int, depth: str) -> np.ndarray:
    return np.linspace(low, high, 64 * 48).reshape(48, 64).round().astype(depth)


@pytest.mark.parametrize(
    ("low", "high", "depth", "black", "white"),
    [
        (-128, 127, "int8", 0, 255),
        (0, 127, "int8", 0, 255),
        (-32768, 32767, "int16", 0, 65535),
        (0, 32767, "int16", 0, 65535),
        (0, 65535, "uint32", 0, 65535),
        (0, 255, "uint32", 0, 65535),
        (0, 2**32 - 1, "uint32", 0, 65535),
        (0, 65535, "int32", 0, 65535),
        (-(2**31), 2**31 - 1, "int32", 0, 65535),
        (0, 65535, "uint64", 0, 65535),
    ],
)
def test_integers_of_other_widths_keep_black_and_white(tmp_path, low, high, depth, black, white) -> None:
    tifffile.imwrite(tmp_path / "a.tif", grey_ramp(low, high, depth), photometric="minisblack")
    pixels, notes = opened(tmp_path / "a.tif")
    assert (pixels.min(), pixels.max()) == (black, white) and any("white" in note for note in notes)
    ramp = pixels[..., 0].ravel().astype(float)
    assert np.abs(ramp - np.linspace(black, white, ramp.size)).max() <= max(1, white / (high - low) + 1)


@pytest.mark.parametrize("value", [-3.4028235e38, 3.4028235e38, 1e32])
def test_missing_samples_of_terrain_are_the_pictures_affair(upscaler, tmp_path: Path, value: float) -> None:
    heights = np.linspace(0, 900, 40 * 40, dtype=np.float32).reshape(40, 40)
    heights[5:9, 5:9] = value
    tifffile.imwrite(tmp_path / "a.tif", heights)
    with pytest.raises(BadInput, match=r"a\.tif: marks missing samples"):
        upscaler.file(tmp_path / "a.tif", tmp_path / "b.tif")


def test_missing_samples_are_known_by_their_tag(tmp_path: Path) -> None:
    heights = np.linspace(0, 900, 40 * 40, dtype=np.float32).reshape(40, 40)
    tag = [(42113, 2, 0, "-9999", False)]
    tifffile.imwrite(tmp_path / "whole.tif", heights, extratags=tag)
    assert opened(tmp_path / "whole.tif")[1] == []
    heights[5:9, 5:9] = -9999
    tifffile.imwrite(tmp_path / "holes.tif", heights, extratags=tag)
    with pytest.raises(BadInput, match="-9999"):
        opened(tmp_path / "holes.tif")
    tifffile.imwrite(tmp_path / "unsaid.tif", heights)
    assert any("-9999" in note for note in opened(tmp_path / "unsaid.tif")[1])
    tifffile.imwrite(tmp_path / "whole16.tif", heights.astype(np.int16), extratags=tag)
    assert any("-9999" in note for note in opened(tmp_path / "whole16.tif")[1])


def test_double_precision_and_planes_in_tiles_are_read(tmp_path: Path, photo: np.ndarray) -> None:
    rgb = photo[:64, :64]
    tifffile.imwrite(tmp_path / "double.tif", rgb / 255, photometric="rgb")
    pixels, notes = opened(tmp_path / "double.tif")
    assert pixels.dtype == np.float32 and any("64 bits" in note for note in notes)
    np.testing.assert_allclose(pixels, rgb / 255, atol=1e-6)
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate", tile=(32, 32))
    np.testing.assert_array_equal(opened(tmp_path / "planes.tif")[0], rgb)


def retagged(path: Path, tag: int, value: int) -> None:
    """Overwrite one short number of the first directory."""
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[4:8], "little")
    for number in range(int.from_bytes(data[start : start + 2], "little")):
        entry = start + 2 + 12 * number
        if int.from_bytes(data[entry : entry + 2], "little") == tag:
            data[entry + 8 : entry + 10] = value.to_bytes(2, "little")
    path.write_bytes(data)


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize(("compression", "word"), [(50000, "Zstandard"), (6, "old-style JPEG"), (34925, "LZMA")])
def test_what_is_not_supported_is_not_called_damaged(tmp_path, photo, monkeypatch, tiled, compression, word) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    image = pyvips.Image.new_from_array(photo[:64, :64]).copy(interpretation="srgb")
    image.tiffsave(str(tmp_path / "a.tif"), compression="jpeg", tile=tiled, tile_width=32, tile_height=32)
    retagged(tmp_path / "a.tif", tiff.COMPRESSION, compression)
    with pytest.raises(BadInput, match=rf"a\.tif.*{word}.*acutance\[formats\]") as caught:
        opened(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


def test_a_jpeg_of_12_bits_is_read_or_named(tmp_path: Path, photo: np.ndarray, monkeypatch) -> None:
    Image.fromarray(photo[:48, :64]).save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = 0xC1, 12
    (tmp_path / "a.jpg").write_bytes(data)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(BadInput, match=r"a\.jpg: is a JPEG of 12 bits.*acutance\[formats\]"):
        opened(tmp_path / "a.jpg")


def test_a_jpeg_of_12_bits_keeps_them(tmp_path: Path, photo: np.ndarray) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="the extra formats is not installed")
    deep = photo[:48, :64].astype(np.uint16) * 16
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg_encode(deep, level=98, bitspersample=12))
    pixels, notes = opened(tmp_path / "a.jpg")
    assert pixels.dtype == np.uint16 and any("12 bits" in note for note in notes)
    assert np.abs(pixels / 257 - photo[:48, :64]).mean() < 4


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_bmp_is_read(tmp_path: Path, photo: np.ndarray, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.fromarray(photo[:48, :64]).convert(mode)
    picture.save(tmp_path / "a.bmp")
    expected = np.asarray(picture.convert("RGB"))
    pixels, _ = opened(tmp_path / "a.bmp")
    np.testing.assert_array_equal(np.broadcast_to(pixels, expected.shape), expected)
    np.testing.assert_array_equal(read_rgb8(tmp_path / "a.bmp"), expected)
    with pytest.raises(OverLimit), open_picture(tmp_path / "a.bmp", scratch=tmp_path / "b", max_megapixels=0.001):
        pass
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(BadInput, match=r"a\.bmp: is a BMP.*acutance\[formats\]"):
        opened(tmp_path / "a.bmp")


def test_the_darkest_ink_is_black(tmp_path: Path) -> None:
    inks = np.zeros((32, 64, 4), np.uint8)
    inks[:, 32:] = 255  # all of them
    inks[:16, :32, 3] = 255  # black alone
    for name in ("a.tif", "a.jpg"):
        Image.fromarray(inks, "CMYK").save(tmp_path / name, **({"quality": 100} if name == "a.jpg" else {}))
        pixels = opened(tmp_path / name)[0].astype(int)
        assert max(pixels[4:12, 40:60].max(), pixels[4:12, 4:28].max()) <= 24 and pixels[20:28, 4:28].min() >= 250
        assert np.abs(read_rgb8(tmp_path / name).astype(int) - pixels).max() <= 1


def test_directories_that_point_anywhere_end(tmp_path: Path, photo: np.ndarray) -> None:
    """Loops, offsets beyond the end and absurd counts: tables are never trusted."""
    reduced_first(tmp_path / "a.tif", photo[:32, :32])
    data, generator = (tmp_path / "a.tif").read_bytes(), np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(data)
        for at in generator.integers(0, 600, 4):
            broken[at] = generator.choice([0, 1, 8, 255])
        (tmp_path / "b.tif").write_bytes(broken)
        found = tiff.read(tmp_path / "b.tif")
        if found is not None:
            tiff.damage(tmp_path / "b.tif", found.picture)
