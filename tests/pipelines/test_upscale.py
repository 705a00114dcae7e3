"""Upscaling with the built-in model: arrays, files, plans and what happens on the second run."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import pyvips
from helpers import stray_files
from hypothesis import given
from hypothesis import strategies as st

import acutance
from acutance.errors import BadInput, Interrupted, OverLimit, ResourceError, UsageError
from acutance.imaging.tiling import Grid, plan_grid
from acutance.models import store
from acutance.models.model import Geometry
from acutance.pipelines.journal import NAME, Journal
from acutance.pipelines.tiles import STRIP_BYTES, tile_grid
from acutance.pipelines.upscale import Settings, Upscaler, final_size, passes_needed


@pytest.fixture(scope="module")
def model():
    return store.load()


def write(path: Path, image: np.ndarray, **options) -> Path:
    pyvips.Image.new_from_array(image).copy(interpretation="srgb").write_to_file(str(path), **options)
    return path


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_tiled_equals_whole_bit_for_bit(model, photo: np.ndarray, precision: str) -> None:
    from acutance.engines import cpu

    if precision == "bf16" and not cpu.has_bf16():
        pytest.skip("this processor has no bf16 arithmetic")
    image = photo[100:300, 150:413]
    whole = Upscaler(model, Settings(precision=precision, tile=400)).array(image)
    for tile in (64, 97, 150):
        tiled = Upscaler(model, Settings(precision=precision, tile=tile)).array(image)
        np.testing.assert_array_equal(tiled, whole)


def test_it_is_better_than_bicubic(model, photo: np.ndarray) -> None:
    """On a photograph the model has never seen: the built-in model really is a trained one."""
    from acutance.imaging.bicubic import downscale, upscale
    from acutance.measuring.metrics.psnr import psnr_y

    lr = downscale(photo, 4)
    gain = psnr_y(Upscaler(model).array(lr), photo) - psnr_y(upscale(lr, 4), photo)
    assert gain > 1.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (2, 3, 3), (17, 23, 4), (11, 5, 2)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_arrays_of_any_size_depth_and_bands(shape: tuple[int, ...], depth: type) -> None:
    out = acutance.upscale(np.full(shape, 1 if depth == np.float32 else np.iinfo(depth).max // 2, depth))
    assert out.dtype == depth and out.shape == (shape[0] * 4, shape[1] * 4, *shape[2:])
    assert np.isfinite(out).all()


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.int32), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8),
                                 np.zeros((4, 4, 5), np.uint8)])  # fmt: skip
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(UsageError, match="accepted are"):
        acutance.upscale(bad)


def test_sixteen_bits_keep_their_levels(model, photo: np.ndarray) -> None:
    """Levels below 8 bits matter: a ramp inside two 8-bit levels stays a ramp."""
    ramp = np.tile(np.linspace(30000, 30500, 64).astype(np.uint16), (16, 1))
    out = Upscaler(model).array(ramp)[32].astype(int)
    assert (
        len(np.unique(out)) > 100
        and np.abs(np.interp(np.arange(256), np.arange(64) * 4 + 1.5, ramp[0]) - out).max() < 86  # a third of a level
    )


@pytest.mark.parametrize("kind", ["alpha", "uint16", "float32"])
def test_tiled_equals_whole_for_every_way_of_processing(model, photo: np.ndarray, kind: str) -> None:
    image = photo[100:190, 150:270]
    if kind == "alpha":
        image = np.dstack([image, photo[200:290, 150:270, 0]])
    elif kind == "uint16":
        image = image.astype(np.uint16) * 257
    else:
        image = image.astype(np.float32) / 255
    whole = Upscaler(model, Settings(tile=200)).array(image)
    np.testing.assert_array_equal(Upscaler(model, Settings(tile=64)).array(image), whole)


geometries = st.builds(
    lambda scale, halo, multiple, overlap: Geometry(scale=scale, halo=halo, multiple=multiple, overlap=overlap),
    st.integers(1, 8), st.integers(0, 300), st.sampled_from([1, 2, 8, 16, 64]), st.integers(0, 64),
)  # fmt: skip


@given(geometries, st.integers(1, 40_000), st.integers(1, 40_000), st.sampled_from([3, 4, 6, 16]))
def test_every_geometry_can_be_tiled(model, geometry: Geometry, width: int, height: int, pixel_bytes: int) -> None:
    grid = tile_grid(width, height, dataclasses.replace(model, geometry=geometry), 0, pixel_bytes)
    assert grid.rows[-1].until >= height and grid.columns[-1].until >= width
    strip = max(row.until - row.keep for row in grid.rows) * width * geometry.scale**2 * pixel_bytes
    floor = 4 * (max(32, geometry.multiple) + 2 * geometry.multiple + geometry.overlap + 2 * geometry.halo)
    assert strip <= max(2 * STRIP_BYTES, floor * width * geometry.scale**2 * pixel_bytes)


@pytest.mark.parametrize("size", [(256, 256), (512, 384), (720, 576), (1280, 720), (1920, 1080), (4000, 3000)])
def test_tiles_are_chosen_so_that_little_is_computed_twice(model, size: tuple[int, int]) -> None:
    """Never more than near-square tiles would, and in pairs, so that small pictures keep two cores busy as well."""
    geometry = Geometry(scale=2, halo=36, multiple=2, overlap=0)  # of fidelity_x2
    folded = dataclasses.replace(model, geometry=geometry)

    def work(grid: Grid) -> int:
        return len(grid) * grid.tile[0] * grid.tile[1]

    for each, usual in ((model, 288), (folded, 576)):
        alone, film = tile_grid(*size, each), tile_grid(*size, each, many=True)
        square = plan_grid(size[1], size[0], tile=usual, halo=each.geometry.halo, multiple=each.geometry.multiple)
        assert work(film) <= work(alone) and len(alone) >= 2
        assert work(film) <= 1.07 * work(square)  # a wide picture's strips may ask for flat tiles
        assert max(grid.tile[0] * grid.tile[1] for grid in (alone, film)) <= usual**2
    assert len(tile_grid(640, 480, folded, many=True)) == 1


def test_transparent_arrays_get_no_dark_fringe_either(model) -> None:
    y, x = np.mgrid[:48, :48]
    disc = ((y - 24) ** 2 + (x - 24) ** 2 < 15**2).astype(np.uint8)
    out = Upscaler(model).array(np.dstack([disc * 220, disc * 30, disc * 20, disc * 255])).astype(int)
    assert np.abs(out[out[:, :, 3] > 8][:, :3] - [220, 30, 20]).max() <= 12
    with pytest.raises(UsageError, match="for files only"):
        Upscaler(model, Settings(scale=2)).array(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_two_passes_and_a_reduction_keep_alpha_and_depth(tmp_path: Path, model, photo, depth: type) -> None:
    factor = np.iinfo(depth).max // 255
    image = np.dstack([photo[:40, :50], np.full((40, 50), 255, np.uint8)]).astype(depth) * depth(factor)
    kind = "srgb" if depth == np.uint8 else "rgb16"
    pyvips.Image.new_from_array(image).copy(interpretation=kind).write_to_file(str(tmp_path / "a.png"))
    Upscaler(model, Settings(scale=6)).file(tmp_path / "a.png", tmp_path / "b.png")
    out = pyvips.Image.new_from_file(str(tmp_path / "b.png")).numpy()
    assert out.shape == (240, 300, 4) and out.dtype == depth and out[:, :, 3].min() == np.iinfo(depth).max
    assert np.abs(out.mean((0, 1)) / factor - image.mean((0, 1)) / factor).max() < 2
    assert stray_files(tmp_path) == []


@pytest.mark.parametrize(
    ("given", "size"),
    [({}, (332, 244)), ({"scale": 1}, (83, 61)), ({"scale": 2.5}, (208, 152)), ({"scale": 6}, (498, 366)),
     ({"width": 100}, (100, 73)), ({"height": 500}, (680, 500))],
)  # fmt: skip
def test_exact_sizes(tmp_path: Path, model, small_photo: np.ndarray, given: dict, size: tuple[int, int]) -> None:
    source, target = write(tmp_path / "a.png", small_photo), tmp_path / "b.png"
    Upscaler(model, Settings(**given)).file(source, target)
    result = pyvips.Image.new_from_file(str(target))
    assert (result.width, result.height) == size
    assert np.abs(result.numpy().mean((0, 1)) - small_photo.mean((0, 1))).max() < 2
    assert stray_files(tmp_path) == []


def test_passes() -> None:
    assert [passes_needed(100, 50, (100 * s, 50 * s), 4) for s in (1, 4, 5, 16)] == [1, 1, 2, 2]
    assert final_size(100, 3, 4, Settings(width=30)) == (30, 1)
    with pytest.raises(UsageError, match="16 times"):
        final_size(10, 10, 4, Settings(width=500))


def test_file_equals_array(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source, target = write(tmp_path / "a.png", small_photo), tmp_path / "b.png"
    Upscaler(model).file(source, target)
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(target)).numpy(), Upscaler(model).array(small_photo))


def test_a_second_run_keeps_what_the_same_plan_made(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source, target = write(tmp_path / "a.png", small_photo), tmp_path / "b.png"
    assert Upscaler(model).file(source, target)["status"] == "done"
    before = target.stat().st_mtime_ns
    assert Upscaler(model).file(source, target)["status"] == "kept"
    assert target.stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="--overwrite"):
        Upscaler(model, Settings(scale=2)).file(source, target)
    assert Upscaler(model, Settings(scale=2, overwrite=True)).file(source, target)["status"] == "done"
    write(source, small_photo[::-1].copy())
    with pytest.raises(UsageError, match="--overwrite"):
        Upscaler(model, Settings(scale=2)).file(source, target)


def test_what_came_to_lie_there_meanwhile_is_not_replaced(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source, target = write(tmp_path / "a.png", small_photo), tmp_path / "b.png"

    def save(_: dict) -> None:
        target.write_text("a letter")

    with pytest.raises(UsageError, match="--overwrite"):
        Upscaler(model).file(source, target, on_event=save)
    assert target.read_text() == "a letter" and stray_files(tmp_path) == []
    assert Upscaler(model, Settings(overwrite=True)).file(source, target, on_event=save)["status"] == "done"


@pytest.mark.parametrize("scale", [4, 16])
def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path: Path, model, small_photo, scale: int) -> None:
    source = write(tmp_path / "a.png", small_photo[:8, :8].copy())
    with pytest.raises(ResourceError, match="nowhere"):
        Upscaler(model, Settings(scale=scale)).file(source, tmp_path / "nowhere" / "b.png")


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source = write(tmp_path / "a.png", small_photo)
    for name in ("b.png", "c.png"):
        Upscaler(model).file(source, tmp_path / name)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_cancelling_leaves_nothing(tmp_path: Path, model, photo: np.ndarray) -> None:
    source, target = write(tmp_path / "a.png", photo), tmp_path / "b.png"
    with pytest.raises(Interrupted):
        Upscaler(model, Settings(tile=96)).file(source, target, cancelled=iter([False] * 5 + [True] * 99).__next__)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png"]


def test_limits_are_checked_before_any_work(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source = write(tmp_path / "a.png", small_photo)
    with pytest.raises(OverLimit, match="--max-megapixels"):
        Upscaler(model, Settings(max_megapixels=0.001)).file(source, tmp_path / "b.png")
    wide = write(tmp_path / "wide.png", np.zeros((2, 5000, 3), np.uint8))
    with pytest.raises(OverLimit, match="--format tif"):
        Upscaler(model).file(wide, tmp_path / "b.webp")
    large = write(tmp_path / "large.png", np.zeros((1800, 1800, 3), np.uint8))
    with pytest.raises(OverLimit, match="hold all of it"):
        Upscaler(model).file(large, tmp_path / "b.avif")
    assert not (tmp_path / NAME).exists()


def test_the_input_is_never_the_output(tmp_path: Path, model, small_photo: np.ndarray) -> None:
    source = write(tmp_path / "a.png", small_photo)
    with pytest.raises(UsageError, match="the input itself"):
        Upscaler(model, Settings(overwrite=True)).file(source, source)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_truncated_files_are_refused(tmp_path: Path, model, photo: np.ndarray, suffix: str, share: float) -> None:
    source = write(tmp_path / f"a{suffix}", photo[:200, :300])
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput) as caught:
        Upscaler(model).file(source, tmp_path / "b.png")
    assert str(source) in str(caught.value) and "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == [source.name]


def test_failed_pictures_leave_nothing_open(tmp_path: Path, model) -> None:
    from acutance.pipelines.batch import Job, run_jobs

    jobs = []
    for number in range(12):
        source = write(
            tmp_path / f"{number}.png", np.random.default_rng(number).integers(0, 255, (99, 99, 3), np.uint8)
        )
        source.write_bytes(source.read_bytes()[:9000])
        jobs.append(Job(source, tmp_path / "out" / source.name))
    before = len(os.listdir("/proc/self/fd"))
    summary = run_jobs(Upscaler(model), jobs)
    assert summary.failed == [3] * 12 and summary.exit_code == 1
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_an_encoder_that_dies_commits_nothing(tmp_path: Path, model, small_photo, monkeypatch) -> None:
    from acutance.errors import ResourceError
    from acutance.files import writing

    def dead(*arguments: object) -> None:
        raise ValueError("boom")

    monkeypatch.setattr(writing, "_save", dead)
    with pytest.raises(ResourceError, match="boom"):
        Upscaler(model).file(write(tmp_path / "a.png", small_photo), tmp_path / "b.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png"]


def test_a_torn_journal_line_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"123")
    Journal(tmp_path).commit("x.png", "p1", 3)
    with open(tmp_path / NAME, "a") as file:
        file.write('{"output": "y.pn')
    journal = Journal(tmp_path)
    assert journal.holds(tmp_path / "x.png", "p1") and not journal.holds(tmp_path / "x.png", "p2")
    (tmp_path / "y.png").write_bytes(b"1")
    journal.commit("y.png", "p1", 1)
    assert Journal(tmp_path).holds(tmp_path / "y.png", "p1")
