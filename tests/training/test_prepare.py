"""Packing: squares that cover everything, pairs that are true, every file left out named and counted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from acutance.errors import BadInput, DiskFull, Interrupted, ResourceError, UsageError
from acutance.files import pixels
from acutance.files.pixels import read_rgb8, read_size, write_png
from acutance.training.pack import Pack
from acutance.training.prepare import prepare, starts
from acutance.training.shards import Shards


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 noise, which is neither blank nor equal to another seed's."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures of odd sizes, with low-resolution partners beside (every fourth pixel)."""
    folder = tmp_path / "photos"
    for seed, (name, shape) in enumerate({"a": (203, 331), "b": (160, 128)}.items()):
        rgb = picture(*shape, seed)
        write_png_in(folder / f"{name}.png", rgb)
        write_png_in(tmp_path / "lr" / "X4" / f"{name}x4.png", rgb[::4, ::4][: shape[0] // 4, : shape[1] // 4])
    return folder


def write_png_in(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, rgb)


@given(st.integers(1, 200), st.integers(1, 90), st.data())
def test_squares_cover_every_pixel_and_end_at_the_edge(length: int, crop: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, crop))
    if crop > length:
        return
    found = starts(length, crop, step)
    assert found == sorted(set(found)) and found[0] == 0 and found[-1] == length - crop
    assert {pixel for start in found for pixel in range(start, start + crop)} == set(range(length))
    assert all(start % step == 0 for start in found[:-1])


def test_squares_are_pieces_of_the_pictures(photos: Path, tmp_path: Path) -> None:
    manifest = prepare([photos], tmp_path / "pack", crop=96, step=64)
    pack = Pack(tmp_path / "pack")
    items = pack.train + pack.valid
    assert {i["name"] for i in items if i["name"].startswith("b+")} == {
        f"b+{x}+{y}.png" for x in (0, 32) for y in (0, 64)
    }
    for item in items:
        stem, x, y = item["name"].removesuffix(".png").split("+")
        whole = read_rgb8(photos / f"{stem}.png")
        np.testing.assert_array_equal(pack.picture(item), whole[int(y) : int(y) + 96, int(x) : int(x) + 96])
        assert "lr" not in item
    assert len(items) == 5 * 3 + 2 * 2 and manifest["crop"] == 96 and manifest["counts"] == {}


def test_squares_of_one_picture_are_all_trained_on_or_all_held_out(tmp_path: Path) -> None:
    for seed in range(12):
        write_png_in(tmp_path / "photos" / f"{seed}.png", picture(128, 128, seed))
    manifest = prepare([tmp_path / "photos"], tmp_path / "pack", crop=64, valid_share=0.4)
    sides: dict[str, set[bool]] = {}
    for item in manifest["items"]:
        sides.setdefault(item["name"].split("+")[0], set()).add(item["valid"])
    assert len(sides) == 12 and all(len(side) == 1 for side in sides.values())
    assert {side for one in sides.values() for side in one} == {True, False}


def test_blank_squares_and_small_pictures_are_left_out_and_counted(photos: Path, tmp_path: Path) -> None:
    half = picture(128, 128, 9)
    half[:, 64:] = 200
    write_png(photos / "half.png", half)
    write_png(photos / "small.png", picture(63, 300))
    write_png(photos / "twin.png", read_rgb8(photos / "a.png"))
    write_png(photos / "white.png", np.full((128, 128, 3), 255, np.uint8))
    (photos / "torn.png").write_bytes((photos / "a.png").read_bytes()[:9000])
    (photos / "empty.jpg").write_bytes(b"")
    manifest = prepare([photos], tmp_path / "pack", crop=64)
    assert manifest["counts"] == {"unreadable": 2, "too small": 1, "duplicate": 1, "blank": 1, "blank crop": 2}
    reasons = {Path(skip["name"]).name: skip["reason"] for skip in manifest["skipped"]}
    assert reasons["small.png"] == "300x63 is smaller than 64" and "half+64+0.png" in reasons
    with pytest.raises(BadInput, match="none of 8 files can be used"):
        prepare([photos], tmp_path / "other", crop=5000)
    assert not (tmp_path / "other" / "manifest.json").exists()


@pytest.mark.parametrize("crop", [0, 64])
def test_partners_lie_under_their_pictures(photos: Path, tmp_path: Path, crop: int) -> None:
    write_png_in(tmp_path / "lr" / "nobody.png", picture(9, 9))
    manifest = prepare([photos], tmp_path / "pack", crop=crop, step=crop // 2, lr=tmp_path / "lr", scale=4)
    pack = Pack(tmp_path / "pack")
    assert manifest["spare_lr"] == 1 and manifest["scale"] == 4
    for item in pack.train + pack.valid:
        hr, lr = pack.picture(item), pack.lr_picture(item)
        assert hr.shape == (4 * lr.shape[0], 4 * lr.shape[1], 3) and item["lr"]["scale"] == 4
        np.testing.assert_array_equal(hr[::4, ::4], lr)
    if not crop:
        assert {(i["width"], i["height"]) for i in manifest["items"]} == {(328, 200), (128, 160)}


def test_pairs_that_do_not_fit_refuse_the_set(photos: Path, tmp_path: Path) -> None:
    for seed in (2, 3, 4, 5):
        write_png(photos / f"{seed}.png", picture(140, 140, seed))
    write_png(tmp_path / "lr" / "2.png", picture(36, 35))
    (tmp_path / "lr" / "3.png").write_bytes(b"torn")
    for folder in ("one", "two"):
        write_png_in(tmp_path / "lr" / folder / "4.png", picture(35, 35))
    events: list[dict] = []
    with pytest.raises(UsageError, match=r"4 of 6 pairs do not fit; first: .*2\.png .*--skip-unpaired"):
        prepare([photos], tmp_path / "pack", lr=tmp_path / "lr", scale=4, on_event=events.append)
    assert not (tmp_path / "pack").exists()
    reasons = [event["reason"] for event in events if event["event"] == "unpaired"]
    assert "should be 35x35; 2.png is 35x36" in reasons[0] and "cannot be read" in reasons[1]
    assert "2 possible partners" in reasons[2] and reasons[3] == "has no low-resolution partner"
    manifest = prepare([photos], tmp_path / "pack", lr=tmp_path / "lr", scale=4, skip_unpaired=True)
    assert manifest["counts"] == {"unpaired": 4} and len(manifest["items"]) == 2


def test_partners_in_folders_of_the_same_name_and_inside_the_photographs(tmp_path: Path) -> None:
    for seed, folder in enumerate(("sky", "water")):
        rgb = picture(128, 128, seed)
        write_png_in(tmp_path / "photos" / folder / "1.png", rgb)
        write_png_in(tmp_path / "photos" / "LR" / folder / "1.png", rgb[::2, ::2])
    manifest = prepare([tmp_path / "photos"], tmp_path / "pack", lr=tmp_path / "photos" / "LR", scale=2)
    pack = Pack(tmp_path / "pack")
    assert len(manifest["items"]) == 2
    for item in pack.train + pack.valid:
        np.testing.assert_array_equal(pack.picture(item)[::2, ::2], pack.lr_picture(item))
    shutil.rmtree(tmp_path / "photos" / "LR" / "water")
    with pytest.raises(UsageError, match="has the same partner as"):
        prepare([tmp_path / "photos"], tmp_path / "two", lr=tmp_path / "photos" / "LR", scale=2)


def test_a_partner_that_does_not_decode_costs_the_pair(photos: Path, tmp_path: Path) -> None:
    partner = tmp_path / "lr" / "X4" / "ax4.png"
    partner.write_bytes(partner.read_bytes()[:3000])
    manifest = prepare([photos], tmp_path / "pack", lr=tmp_path / "lr", scale=4)
    assert manifest["counts"] == {"unreadable": 1} and [i["name"] for i in manifest["items"]] == ["b.png"]
    assert "ax4.png" in manifest["skipped"][0]["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": 31}, "--crop 31: must be at least 32"),
        ({"crop": -64}, "--crop -64"),
        ({"crop": 64, "step": 65}, "not larger than --crop 64"),
        ({"crop": 64, "step": -1}, "--step -1"),
        ({"step": 64}, "used with --crop"),
        ({"lr": Path("lr")}, "give both or neither"),
        ({"scale": 4}, "give both or neither"),
        ({"lr": Path("lr"), "scale": 1}, "from 2 to 16"),
        ({"lr": Path("lr"), "scale": 4, "crop": 66}, "--crop 66: must be a multiple of --scale 4"),
        ({"lr": Path("lr"), "scale": 4, "crop": 64, "step": 30}, "--step 30: must be a multiple"),
        ({"lr": Path("nowhere"), "scale": 4}, "nowhere: no such file or folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(photos: Path, tmp_path: Path, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare([photos], tmp_path / "pack", **options)
    assert not (tmp_path / "pack").exists()


def test_a_dataset_made_before_there_were_pairs_is_still_read(photos: Path, tmp_path: Path) -> None:
    manifest = prepare([photos], tmp_path / "pack")
    old = {key: manifest[key] for key in ("format", "cell", "shards", "skipped", "items")}
    (tmp_path / "pack" / "manifest.json").write_text(json.dumps(old))
    pack = Pack(tmp_path / "pack")
    item = (pack.train + pack.valid)[0]
    np.testing.assert_array_equal(pack.picture(item), read_rgb8(photos / item["name"]))
    with pytest.raises(BadInput, match="no low-resolution partner; prepare with --lr"):
        pack.lr_picture(item)


def test_a_full_disk_is_said_before_and_during(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(DiskFull, match="the dataset needs about"):
            prepare([photos], tmp_path / "pack")
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (99000, 99000)); import acutance.cli as c;"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script} sys.argv[1:] = ['prepare', 'photos', '-o', 'pack']; c.main()"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5 and done.stderr.startswith("acutance: pack: grew past") and done.stderr.count("\n") == 1
    assert not (tmp_path / "pack" / "manifest.json").exists()
    assert len(prepare([photos], tmp_path / "pack")["items"]) == 2


def test_kill_minus_nine_leaves_no_dataset_and_the_rerun_is_the_same(tmp_path: Path) -> None:
    for seed in range(12):
        write_png_in(tmp_path / "photos" / f"{seed}.png", picture(300, 300, seed))
    script = (
        "import os, signal; from pathlib import Path; from acutance.training.prepare import prepare\n"
        "def on_event(e): e['event'] == 'progress' and e['done'] == 6 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "prepare([Path('photos')], Path('pack'), on_event=on_event)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL and list((tmp_path / "pack").glob("shard-*.bin"))
    assert not (tmp_path / "pack" / "manifest.json").exists()
    (tmp_path / "pack" / "shard-00007.bin").write_bytes(b"of a larger set, before")
    again, fresh = (prepare([tmp_path / "photos"], tmp_path / name) for name in ("pack", "fresh"))
    assert again == fresh and not (tmp_path / "pack" / "shard-00007.bin").exists()


def test_a_stop_is_heeded_and_leaves_no_dataset(photos: Path, tmp_path: Path) -> None:
    stops = iter([False] * 3 + [True])
    with pytest.raises(Interrupted, match="stopped at picture 1 of 2; the same command begins anew"):
        prepare([photos], tmp_path / "pack", cancelled=lambda: next(stops))
    assert not (tmp_path / "pack" / "manifest.json").exists()


def test_two_at_once_do_not_mix(photos: Path, tmp_path: Path) -> None:
    with Shards(tmp_path / "pack"), pytest.raises(ResourceError, match="another process is at work"):
        prepare([photos], tmp_path / "pack")


@pytest.fixture
def kinds(photo: np.ndarray, tmp_path: Path) -> Path:
    """The same photograph in every kind of file a collection holds."""
    folder, rgb = tmp_path / "kinds", photo[:150, :170]
    folder.mkdir()
    alpha = picture(150, 170)[..., :1]
    deep = rgb[..., 0].astype(np.uint16) * 257 - (rgb[..., 0] > 9).astype(np.uint16) * 100
    for name, array in {
        "rgb.png": rgb, "rgba.png": np.concatenate([rgb, alpha], 2), "grey.png": rgb[..., 1], "deep.png": deep,
        "grey-alpha.png": np.concatenate([rgb[..., :1], alpha], 2), "deep.tif": deep, "bits.png": rgb[..., 0] > 90,
        "photo.jpg": rgb, "photo.bmp": rgb, "alpha.webp": np.concatenate([rgb, alpha], 2),
    }.items():  # fmt: skip
        Image.fromarray(array).save(folder / name, **({"lossless": True, "exact": True} if "webp" in name else {}))
    Image.fromarray(rgb).quantize(9).save(folder / "few.png")
    Image.fromarray(rgb).save(folder / "keyed.png", transparency=(1, 2, 3))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(rgb).save(folder / f"turned{orientation}.jpg", exif=exif)
    return folder


def test_pillow_reads_what_libvips_reads(kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted(kinds.iterdir())
    expected = [read_rgb8(path) for path in files]
    monkeypatch.setattr(pixels, "vips", None)
    for path, rgb in zip(files, expected, strict=True):
        found = read_rgb8(path)
        assert found.dtype == np.uint8 and read_size(path) == (rgb.shape[1], rgb.shape[0]), path
        np.testing.assert_array_equal(found, rgb, err_msg=path.name)


def test_what_pillow_cannot_show_truly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "vips", None)
    for array in (np.full((9, 9), 0.5, np.float32), np.full((9, 9), 70_000, np.int32)):
        Image.fromarray(array).save(tmp_path / "a.tif")
        with pytest.raises(BadInput, match="save it with 16"):
            read_rgb8(tmp_path / "a.tif")
    for data in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n torn", b"%PDF-1.4"):
        (tmp_path / "a.png").write_bytes(data)
        for read in (read_rgb8, read_size):
            with pytest.raises(BadInput, match="cannot be read"):
                read(tmp_path / "a.png")


def test_without_libvips_the_same_dataset_comes_out(kinds: Path, tmp_path: Path) -> None:
    """On a bare training machine: pyvips cannot be imported at all."""
    script = "import sys; sys.modules['pyvips'] = None; import acutance.cli as c; c.main()"
    arguments = ["prepare", str(kinds), "-o", "pack", "--crop", "64"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest = prepare([kinds], tmp_path / "fresh", crop=64)
    assert json.loads((tmp_path / "pack" / "manifest.json").read_text()) == json.loads(json.dumps(manifest))


@pytest.mark.parametrize("with_vips", [True, False])
def test_a_png_is_written_whole_or_not_at_all(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, with_vips: bool
) -> None:
    if not with_vips:
        monkeypatch.setattr(pixels, "vips", None)
    path = tmp_path / "a[1].png"
    write_png(path, photo[:, ::-1])
    np.testing.assert_array_equal(np.asarray(Image.open(path)), photo[:, ::-1])
    for wrong in (photo / 255, photo[..., 0], photo[:0]):
        with pytest.raises(UsageError, match=r"uint8 \(H, W, 3\)"):
            write_png(path, wrong)
    with pytest.raises(ResourceError):
        write_png(tmp_path / "nowhere" / "a.png", photo)
    assert [p.name for p in tmp_path.iterdir()] == ["a[1].png"]


def test_the_command_says_what_happened(acutance, photos: Path, tmp_path: Path) -> None:
    (photos / "torn.jpg").write_bytes(b"torn")
    done = acutance("prepare", photos, "-o", "pack", "--crop", "64", "--lr", "lr", "--scale", "4")
    assert done.returncode == 0 and "Traceback" not in done.stderr and done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"left out {photos / 'torn.jpg'}: cannot be read") and lines[0].count("torn.jpg") == 1
    assert lines[1].startswith("pack: 30 squares of 64 pixels in pairs, 0 megapixels")
    assert lines[1].endswith("left out: 1 unreadable")
    done = acutance("prepare", photos, "-o", "two", "--lr", photos, "--scale", "4", "--json")
    assert done.returncode == 2 and "these are the pictures themselves" in done.stderr
    (tmp_path / "lr" / "X4" / "bx4.png").unlink()
    done = acutance("prepare", photos, "-o", "two", "--lr", "lr", "--scale", "4", "--json")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "unpaired" in [json.loads(line)["event"] for line in done.stdout.splitlines()]
