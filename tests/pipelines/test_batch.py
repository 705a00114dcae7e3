"""Many pictures: names kept apart, what is passed over is named, one picture never stops the others."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acutance.errors import OverLimit, UsageError
from acutance.files import limits, spill
from acutance.files.limits import check_rows
from acutance.files.memory import out_of_memory, require
from acutance.models import store
from acutance.pipelines.batch import Job, plan_jobs, run_jobs
from acutance.pipelines.settings import Settings
from acutance.pipelines.upscale import Upscaler


@pytest.fixture(scope="module")
def model():
    return store.load("fidelity_x2")


def folder_of(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(np.full((9, 12, 3), 9 * number, np.uint8)).save(folder / name, None if "." in name else "PNG")
    return folder


def planned(folder: Path, model, **settings: object) -> dict[str, str]:
    jobs, _, _ = plan_jobs([folder], folder.parent / "out", Settings(**settings), model, False)
    return {job.source.name: job.target.name for job in jobs}


def test_pictures_of_one_name_become_files_of_their_own(tmp_path: Path, model) -> None:
    folder = folder_of(tmp_path / "in", "a.gif", "a.png", "a.webp", "b.gif")
    assert planned(folder, model) == {"a.gif": "a_gif.png", "a.png": "a.png", "a.webp": "a.webp", "b.gif": "b.png"}
    as_tiff = planned(folder, model, file_format="tif")
    assert as_tiff["a.gif"] == "a_gif.tif" and as_tiff["a.png"] == "a_png.tif" and as_tiff["b.gif"] == "b.tif"
    jobs, _, _ = plan_jobs([folder / "a.gif", folder / "a.png"], None, Settings(), model, False)
    assert len({job.target for job in jobs}) == 2 and [bool(job.note) for job in jobs] == [True, False]


def test_clashes_that_remain_are_told_all_at_once(tmp_path: Path, model) -> None:
    one, two = folder_of(tmp_path / "one", "a.png", "b.png"), folder_of(tmp_path / "two", "a.png", "b.png")
    files = [folder / name for folder in (one, two) for name in ("a.png", "b.png")]
    with pytest.raises(UsageError) as caught:
        plan_jobs(files, tmp_path / "out", Settings(), model, False)
    assert str(caught.value).count("both become") == 2


def test_a_clash_is_told_and_both_are_made(tmp_path: Path, model) -> None:
    folder = folder_of(tmp_path / "in", "a.gif", "a.png")
    jobs, _, _ = plan_jobs([folder], tmp_path / "out", Settings(), model, False)
    events: list[dict] = []
    assert run_jobs(Upscaler(model), jobs, on_event=events.append).done == 2
    assert any("a_gif.png" in note for event in events for note in event.get("notes", []))
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["a.png", "a_gif.png"]


def test_jpegs_by_other_names_stay_jpegs(tmp_path: Path, model) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jfif", "b.pjpeg"):
        Image.fromarray(np.full((9, 12, 3), 99, np.uint8)).save(folder / name, "JPEG")
    assert planned(folder, model) == {"a.jfif": "a.jfif", "b.pjpeg": "b.pjpeg"}
    jobs, _, _ = plan_jobs([folder], tmp_path / "out", Settings(), model, False)
    assert run_jobs(Upscaler(model), jobs).done == 2
    assert all(job.target.read_bytes().startswith(b"\xff\xd8") for job in jobs)


def test_what_is_passed_over_is_named(tmp_path: Path, model, acutance, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path / "in", "a.png")
    (folder / "layers.psd").write_bytes(b"8BPS")
    (folder / "negative.nef").write_bytes(b"II*\0")
    done = acutance("upscale", "in", "-o", "out")
    assert "layers.psd" in done.stderr
    monkeypatch.setattr(limits.importlib.util, "find_spec", lambda name: None)
    _, left, _ = plan_jobs([folder], tmp_path / "out", Settings(), model, False)
    assert left.files == 2 and left.needed == {"raw"}


def test_a_dataset_names_what_it_does_not_take(tmp_path: Path, photo: np.ndarray) -> None:
    from acutance.training.prepare import prepare

    (tmp_path / "in").mkdir()
    for name, kind in (("a.jfif", "JPEG"), ("b.bmp", "BMP"), ("c.gif", "GIF")):
        top = 100 * ord(name[0]) % 300
        Image.fromarray(photo[top : top + 150, :170]).save(tmp_path / "in" / name, kind)
    manifest = prepare([tmp_path / "in"], tmp_path / "pack")
    assert sorted(item["name"] for item in manifest["items"]) == ["a.jfif", "b.bmp"]
    assert [Path(skip["name"]).name for skip in manifest["skipped"]] == ["c.gif"]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), OSError(12, "Cannot allocate memory")]
)
def test_too_little_memory_is_one_message_and_the_batch_goes_on(tmp_path, model, monkeypatch, error) -> None:
    folder, events, upscaler = folder_of(tmp_path / "in", "a.png", "b.png"), [], Upscaler(model)
    engine = Upscaler.engine

    def starved(self, *arguments: object):
        monkeypatch.setattr(Upscaler, "engine", engine)
        raise error

    monkeypatch.setattr(Upscaler, "engine", starved)
    jobs = [Job(folder / name, tmp_path / "out" / name) for name in ("a.png", "b.png")]
    summary = run_jobs(upscaler, jobs, on_event=events.append)
    assert summary.failed == [5] and summary.done == 1 and summary.broken_off == 0
    assert "too little memory" in next(event["error"] for event in events if event["event"] == "failed")


def test_the_words_for_too_little_memory_are_known() -> None:
    for text in ("vips_malloc: out of memory -- size == 12MB", "std::bad_alloc", "Cannot allocate memory"):
        assert out_of_memory(text)
    assert not out_of_memory("not a picture")
    with pytest.raises(MemoryError):
        require(1 << 62)


@pytest.mark.slow  # native libraries may crash for lack of memory, however rarely
@pytest.mark.parametrize("megabytes", [160, 330, 380])
def test_a_starved_command_says_so(tmp_path: Path, megabytes: int) -> None:
    folder = folder_of(tmp_path / "in", "a.png")
    most = megabytes << 20
    done = subprocess.run(
        [sys.executable, "-m", "acutance", "upscale", str(folder / "a.png"), "-o", str(tmp_path / "b.png")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 5), done.stderr
    assert done.returncode == 0 or ("too little memory" in done.stderr and "Traceback" not in done.stderr)


def test_large_strips_lie_in_a_file_and_come_out_the_same(tmp_path: Path, model, photo, monkeypatch) -> None:
    Image.fromarray(photo[:90, :400]).save(tmp_path / "a.png")
    Upscaler(model).file(tmp_path / "a.png", tmp_path / "b.png")
    monkeypatch.setattr(spill, "MOST", 1000)
    made: list[np.ndarray] = []
    room_in = spill.room_in
    monkeypatch.setattr(
        "acutance.pipelines.upscale.room_in",
        lambda folder: lambda shape, depth: made.append(room_in(folder)(shape, depth)) or made[-1],
    )
    monkeypatch.setattr("acutance.pipelines.assemble.PART", 5000)
    monkeypatch.setattr("acutance.files.images.BLOCK", 5000)
    monkeypatch.setattr("acutance.files.vips.WIDE_ROW", 1)
    Upscaler(model).file(tmp_path / "a.png", tmp_path / "c.png")
    assert made and all(isinstance(each, np.memmap) for each in made)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()
    assert {p.name for p in tmp_path.iterdir() if not p.name.startswith(".acutance")} == {"a.png", "b.png", "c.png"}


def test_rows_beyond_all_bounds_are_refused() -> None:
    check_rows(Path("a.png"), 68 * 1_000_000 * 8)
    with pytest.raises(OverLimit, match=r"a\.png: its rows are too long"):
        check_rows(Path("a.png"), 68 * 300_000_000 * 3)
