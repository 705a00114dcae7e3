"""Upscaling with the built-in model: arrays, files, plans and what happens on the second run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips
from helpers import stray_files

import acutance
from acutance.errors import BadInput, Interrupted, OverLimit, UsageError
from acutance.models import store
from acutance.pipelines.journal import NAME, Journal
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
    """A ramp of 16-bit levels does not collapse to 256."""
    ramp = np.tile(np.linspace(0, 65535, 512).astype(np.uint16), (16, 1))
    assert len(np.unique(Upscaler(model).array(ramp))) > 1000


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
