"""Damage that decoders pass over is found, said, counted in the exit code, and remembered."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from acutance.errors import BadInput
from acutance.files import gif
from acutance.files.images import open_picture
from acutance.files.pixels import read_rgb8
from acutance.models import store
from acutance.pipelines.batch import Job, Summary, run_jobs
from acutance.pipelines.upscale import Upscaler


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(store.load("fidelity_x2"))


def tiled(path: Path, photo: np.ndarray, compression: str) -> bytes:
    image = pyvips.Image.new_from_array(photo[:192, :192]).copy(interpretation="srgb")
    image.tiffsave(str(path), compression=compression, tile=True, tile_width=64, tile_height=64)
    return path.read_bytes()


def run(upscaler: Upscaler, *sources: Path) -> tuple[Summary, list[dict]]:
    events: list[dict] = []
    jobs = [Job(source, source.with_name(f"out_{source.stem}.png")) for source in sources]
    summary = run_jobs(upscaler, jobs, on_event=events.append)
    return summary, [event for event in events if event["event"] != "progress"]


@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "jpeg"])
@pytest.mark.parametrize("kind", ["cut", "zeroed"])
def test_broken_tiles_are_said_and_the_rest_is_delivered(upscaler, tmp_path, photo, compression, kind) -> None:
    if (compression, kind) == ("none", "zeroed"):
        return  # black is as good as any other sample
    data = tiled(tmp_path / "a.tif", photo, compression)
    at = len(data) // 3
    broken = (
        data[: len(data) * 2 // 3] if kind == "cut" else data[:at] + bytes(len(data) // 5) + data[at + len(data) // 5 :]
    )
    (tmp_path / "a.tif").write_bytes(broken)
    summary, events = run(upscaler, tmp_path / "a.tif")
    if events[0]["event"] == "failed":  # the directory lay in what was cut off
        assert summary.exit_code == 3
        return
    assert summary.exit_code == 1 and events[0]["damage"]
    assert any("damaged" in note for note in events[0]["notes"])
    again, events = run(upscaler, tmp_path / "a.tif")
    assert again.kept == 1 and again.exit_code == 1 and events[0]["damage"], "it is still damaged"
    with pytest.raises(BadInput, match=r"a\.tif"):
        read_rgb8(tmp_path / "a.tif")


def test_cut_tiles_behind_the_directory(upscaler, tmp_path: Path, photo: np.ndarray) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", photo[:192, :192], photometric="rgb", tile=(64, 64))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) * 2 // 3])
    summary, events = run(upscaler, tmp_path / "a.tif")
    assert summary.exit_code == 1 and "of 9 tiles" in events[0]["damage"]


def test_a_flipped_bit_in_deflated_samples_is_found_by_its_checksum(tmp_path: Path, photo: np.ndarray) -> None:
    data = bytearray(tiled(tmp_path / "a.tif", photo, "deflate"))
    found = 0
    for at in range(2000, len(data) - 2000, len(data) // 12):
        broken = bytearray(data)
        broken[at] ^= 4
        (tmp_path / "a.tif").write_bytes(broken)
        try:
            with open_picture(tmp_path / "a.tif", scratch=tmp_path / "b.tif") as picture:
                picture.rows(0, picture.height)
            found += bool(picture.damage)
        except BadInput:
            found += 1
    assert found >= 11


def frames(path: Path, photo: np.ndarray, **options: object) -> bytes:
    Image.fromarray(photo[:80, :96]).quantize(64).save(path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("interlace", [0, 1])
def test_whole_gifs_are_whole(tmp_path: Path, photo: np.ndarray, interlace: int) -> None:
    for colours in (2, 16, 255):
        Image.fromarray(photo[:90, :120]).quantize(colours).save(tmp_path / "a.gif", interlace=interlace)
        assert gif.damage(tmp_path / "a.gif") == ""
    Image.fromarray(photo[:1, :1]).quantize(2).save(tmp_path / "a.gif")
    assert gif.damage(tmp_path / "a.gif") == ""
    pyvips.Image.new_from_array(photo).copy(interpretation="srgb").gifsave(str(tmp_path / "b.gif"))
    assert gif.damage(tmp_path / "b.gif") == ""


def test_gifs_with_a_hole_or_an_early_end_are_noticed(upscaler, tmp_path: Path, photo: np.ndarray) -> None:
    data = frames(tmp_path / "a.gif", photo)
    silent = 0
    for at in range(len(data) // 3, len(data) - 200, len(data) // 10):
        for broken in (data[:at] + bytes(60) + data[at + 60 :], data[:at]):
            (tmp_path / "a.gif").write_bytes(broken)
            (tmp_path / "out_a.png").unlink(missing_ok=True)
            silent += run(upscaler, tmp_path / "a.gif")[0].exit_code == 0
    assert silent == 0


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".tif", ".avif", ".bmp"])
def test_mutants_give_a_picture_or_one_line(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    """Bytes flipped, cut off or zeroed: nothing but our errors, and no other exit code than 0, 1 and 3."""
    source, toy = tmp_path / f"a{suffix}", Upscaler(store.load("fidelity_x2"))
    Image.fromarray(photo[:40, :56]).save(source)
    data, generator = source.read_bytes(), np.random.default_rng(7)
    for _ in range(12):
        broken, at = bytearray(data), int(generator.integers(0, len(data)))
        kind = generator.integers(3)
        if kind == 0:
            broken[at] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            del broken[at:]
        else:
            broken[at : at + 30] = bytes(len(broken[at : at + 30]))
        source.write_bytes(broken)
        (tmp_path / f"out_{source.stem}.png").unlink(missing_ok=True)
        summary, events = run(toy, source)
        assert summary.exit_code in (0, 1, 3), events
        assert all("\n" not in event.get("error", "") for event in events)
    assert not list(tmp_path.glob(".*part*"))


def test_a_model_is_blamed_only_for_what_it_does_to_plain_grey(tmp_path: Path, photo: np.ndarray) -> None:
    """A picture whose samples are too much for a sound model fails alone; the batch goes on."""
    model = store.load("fidelity_x2")
    sensitive = {name: value * (1e12 if name.endswith("weight") else 1) for name, value in model.weights.items()}
    for weights, code, stops in ((sensitive, 4, True), (model.weights, 3, False)):
        upscaler = Upscaler(dataclasses.replace(model, weights=weights))
        heights = np.linspace(0, 1, 900, dtype=np.float32).reshape(30, 30)
        heights[:3] = -1e19
        pyvips.Image.new_from_array(heights).tiffsave(str(tmp_path / "a.tif"))
        Image.fromarray(photo[:30, :30]).save(tmp_path / "b.png")
        summary, _ = run(upscaler, tmp_path / "a.tif", tmp_path / "b.png")
        if stops:
            assert summary.broken_off == code
        else:
            assert summary.broken_off == 0 and summary.done >= 1
