"""Methods on test sets: pairs that fit and pairs that do not, kept scores, other tools' pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acutance.errors import BadInput, UsageError
from acutance.imaging.bicubic import downscale, lanczos, nearest, upscale
from acutance.measuring import scores
from acutance.measuring.benchmark import Spent, common_scale, evaluate
from acutance.measuring.methods import interpolation, network, partners, ready_made
from acutance.measuring.pairs import find_pairs, fit, load_pair, set_name
from acutance.models.model import read_model
from acutance.networks import NETWORKS
from acutance.pipelines.upscale import Settings
from acutance.training.export import export_model

USUAL = ("psnr_y", "ssim_y")


def write(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def bench(tmp_path: Path, photo: np.ndarray) -> Path:
    write(tmp_path / "set" / "HR" / "a.png", photo[:104, :120])
    write(tmp_path / "set" / "HR" / "b.png", photo[200:321, 100:223])
    return tmp_path / "set"


def test_the_given_input_is_used(shared: Path) -> None:
    """Published inputs are what the pinned bicubic makes, bit for bit: mirrored border in Set5, older in Set14."""
    for name, border in (("Set5", "symmetric"), ("Set14", "replicate")):
        for original, given in find_pairs(shared / "bench" / name, 4):
            assert given is not None
            made = load_pair(original, None, 4, border=border)  # type: ignore[arg-type]
            assert np.array_equal(load_pair(original, given, 4).lr, made.lr), original


def test_the_table_of_the_papers(shared: Path) -> None:
    """Wang 2018, table 1, bicubic on BSD100: 25.96 dB, .6675 with luma rounded to levels."""
    (result,) = evaluate([interpolation("bicubic", 4)], [shared / "bench" / "BSD100"], 4, USUAL)
    assert len(result.rows) == 100 and result.lr == "bicubic"
    assert result.mean("psnr_y") == pytest.approx(25.96, abs=0.02)
    assert result.mean("ssim_y") == pytest.approx(0.6675, abs=0.001)


def test_interpolations_differ_and_keep_a_constant(photo: np.ndarray) -> None:
    flat = np.full((9, 7, 3), 77, np.uint8)
    for enlarge in (upscale, lanczos, nearest):
        assert np.array_equal(enlarge(flat, 4), np.full((36, 28, 3), 77, np.uint8))
    small = downscale(photo[:128, :128], 4)
    large = [enlarge(small, 4).astype(float) for enlarge in (lanczos, upscale, nearest)]
    errors = [np.mean((each - photo[:128, :128]) ** 2) for each in large]
    assert errors[0] < errors[1] < errors[2]


def test_lanczos_is_that_of_pillow(photo: np.ndarray) -> None:
    """Pillow's LANCZOS is the same kernel; it differs only where it repeats the edge."""
    small = photo[100:140, 100:150, 0].astype(np.float32)
    theirs = np.asarray(Image.fromarray(small).resize((200, 160), Image.Resampling.LANCZOS))
    assert np.abs(lanczos(small, 4) - theirs)[12:-12, 12:-12].max() < 1e-3


def test_a_second_run_is_known(bench: Path, photo: np.ndarray) -> None:
    methods = [interpolation("bicubic", 4), interpolation("nearest", 4)]
    first, again, more = Spent(), Spent(), Spent()
    before = evaluate(methods, [bench], 4, ("psnr_y",), spent=first)
    assert evaluate(methods, [bench], 4, ("psnr_y",), spent=again) == before
    assert (first.measured, first.recalled, again.measured, again.recalled) == (4, 0, 0, 4)
    evaluate(methods, [bench], 4, USUAL, spent=more)
    assert more.measured == 4  # a metric more is measured
    write(bench / "HR" / "a.png", photo[1:105, :120])
    changed = Spent()
    after = evaluate(methods, [bench], 4, ("psnr_y",), spent=changed)
    assert (changed.measured, changed.recalled) == (2, 2)  # so is a picture of other bytes, under any name
    assert after[0].rows[0] != before[0].rows[0] and after[0].rows[1] == before[0].rows[1]


def test_scores_are_of_what_a_model_computes_not_of_what_its_receipt_says(bench: Path, tmp_path: Path) -> None:
    arguments = {"channels": 8, "convolutions": 1}
    first = NETWORKS["compact"](**arguments)
    other = NETWORKS["compact"](**arguments)
    found = []
    for name, module, receipt in (("a", first, {}), ("a", first, {"about": "more"}), ("b", other, {})):
        model, spent = read_model(export_model(tmp_path, name, "compact", arguments, module, receipt)), Spent()
        evaluate([network(model, Settings(precision="fp32"))], [bench], 4, ("psnr_y",), spent=spent)
        found.append(spent.measured)
    assert found == [2, 0, 2]


def test_kept_scores_that_are_damaged_are_measured_again(bench: Path) -> None:
    (kept,) = evaluate([interpolation("bicubic", 4)], [bench], 4, ("psnr_y",))
    for path in scores.scores_folder().rglob("*.json"):
        path.write_text('{"psnr_y": [1]}' if path.name < "8" else "{")
    spent = Spent()
    assert evaluate([interpolation("bicubic", 4)], [bench], 4, ("psnr_y",), spent=spent) == [kept]
    assert spent.measured == 2


def test_scores_need_no_place_to_stay(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACUTANCE_CACHE", "/proc/nowhere")
    assert evaluate([interpolation("bicubic", 4)], [bench], 4, ("psnr_y",))[0].rows


def test_other_tools_pictures(bench: Path, tmp_path: Path) -> None:
    for original, _ in find_pairs(bench, 4):
        pair = load_pair(original, None, 4)
        write(tmp_path / "theirs" / f"{pair.name}_x4.png", upscale(pair.lr, 4))
    methods = [interpolation("bicubic", 4), ready_made(tmp_path / "theirs", 4, [bench])]
    ours, theirs = evaluate(methods, [bench], 4, USUAL)
    assert theirs.method == "theirs"
    assert [row.scores for row in theirs.rows] == [row.scores for row in ours.rows]


def test_which_picture_belongs_to_which(tmp_path: Path, small_photo: np.ndarray) -> None:
    for name in ("baby.png", "bird-generated.png", "bird-lr.png", "head_x4_out.png", "woman_a.png", "woman_b.png"):
        write(tmp_path / name, small_photo)
    found = partners(tmp_path, ["baby", "bird", "head"])
    assert {name: path.name for name, path in found.items()} == {
        "baby": "baby.png", "bird": "bird-generated.png", "head": "head_x4_out.png"
    }  # fmt: skip
    with pytest.raises(BadInput, match="several results for woman"):
        partners(tmp_path, ["woman"])
    with pytest.raises(BadInput, match="no result for bab;"):
        partners(tmp_path, ["bab"])
    with pytest.raises(BadInput, match="no result for woman;"):  # what is another original's is not this one's
        partners(tmp_path, ["woman", "woman_a", "woman_b"])


def test_sizes_a_little_off_are_cut_and_reported(bench: Path, tmp_path: Path, photo: np.ndarray) -> None:
    write(bench / "LRx4" / "ax4.png", downscale(photo[:104, :120], 4)[:, :29])
    write(bench / "LRx4" / "bx4.png", np.pad(downscale(photo[200:320, 100:220], 4), ((0, 1), (0, 1), (0, 0)), "edge"))
    (result,) = evaluate([interpolation("bicubic", 4)], [bench], 4, ("psnr_y",))
    assert [len(row.notes) for row in result.rows] == [1, 1] and "expected 30x26" in result.rows[0].notes[0]
    assert all(math.isfinite(row.scores["psnr_y"] or 0) and row.scores["psnr_y"] > 20 for row in result.rows)
    (again,) = evaluate([interpolation("bicubic", 4)], [bench], 4, ("psnr_y",))
    assert again.rows == result.rows  # said every time
    pair = load_pair(bench / "HR" / "a.png", None, 4)
    cut, fitting = fit(photo[:103, :122], pair, 4, "x.png")
    assert cut.shape == fitting.hr.shape == (100, 120, 3) and fitting.lr.shape == (25, 30, 3)
    with pytest.raises(BadInput, match="of another scale or picture"):
        fit(photo[:208, :240], pair, 4, "x.png")


def test_what_does_not_fit_is_refused(bench: Path, tmp_path: Path, photo: np.ndarray) -> None:
    bicubic = [interpolation("bicubic", 4)]
    write(bench / "LRx4" / "a.png", photo[:26, :30])
    with pytest.raises(BadInput, match=r"no partner for b.png \(1 in all\)"):
        evaluate(bicubic, [bench], 4, USUAL)
    write(bench / "LRx4" / "b.png", photo[:20, :30])
    with pytest.raises(BadInput, match=r"is 30x20, expected 30x30 for b\.png"):
        evaluate(bicubic, [bench], 4, USUAL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no pictures"):
        evaluate(bicubic, [tmp_path / "empty"], 4, USUAL)
    (tmp_path / "text" / "HR").mkdir(parents=True)
    (tmp_path / "text" / "HR" / "a.png").write_text("no picture")
    with pytest.raises(BadInput, match=r"a\.png: cannot be read"):
        evaluate(bicubic, [tmp_path / "text"], 4, USUAL)
    with pytest.raises(UsageError, match="scales 2 and 4"):
        common_scale([2, 4], None)
    write(tmp_path / "tiny" / "dot.png", photo[:3, :3])
    with pytest.raises(BadInput, match=r"dot\.png: is 3x3, too small"):
        evaluate(bicubic, [tmp_path / "tiny"], 4, USUAL)


def test_names_that_could_be_mistaken(bench: Path, tmp_path: Path, photo: np.ndarray) -> None:
    bicubic = [interpolation("bicubic", 4)]
    write(bench / "HR" / "._a.png", photo[:8, :8])  # what macOS leaves behind is no picture of the set
    assert [row.image for row in evaluate(bicubic, [bench / "HR"], 4, ("psnr_y",))[0].rows] == ["a", "b"]
    assert set_name(bench / "HR") == set_name(bench) == "set"
    write(tmp_path / "other" / "set" / "c.png", photo[:80, :80])
    with pytest.raises(UsageError, match="two test sets are called set"):
        evaluate(bicubic, [bench, tmp_path / "other" / "set"], 4, USUAL)
    (tmp_path / "results" / "elsewhere").mkdir(parents=True)
    write(tmp_path / "results" / "set" / "c_x4.png", photo[:80, :80])
    with pytest.raises(UsageError, match="has no folder tiny for that test set"):
        write(tmp_path / "tiny" / "d.png", photo[:80, :80])
        ready_made(tmp_path / "results", 4, [tmp_path / "other" / "set", tmp_path / "tiny"])
    Image.fromarray(photo[:104, :120]).save(bench / "HR" / "a.jpg")
    with pytest.raises(BadInput, match=r"a\.png: is called as a\.jpg is"):
        evaluate(bicubic, [bench], 4, USUAL)


def test_equal_and_constant_pictures_are_json_safe(tmp_path: Path) -> None:
    write(tmp_path / "flat" / "grey.png", np.full((128, 128, 3), 90, np.uint8))
    (result,) = evaluate([interpolation("bicubic", 4)], [tmp_path / "flat"], 4, ("psnr_y", "ssim_y", "niqe"))
    (row,) = result.rows
    assert row.scores["psnr_y"] == math.inf and row.scores["ssim_y"] == 1 and row.scores["niqe"] is None
    assert "niqe is not defined" in row.notes[0]
    facts = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert facts["mean"] == {"psnr_y": "inf", "ssim_y": 1.0, "niqe": None} and facts["undefined"] == {"niqe": 1}


def test_memory_holds_one_picture(bench: Path) -> None:
    """A set is never loaded as a whole: when a picture is measured, the one before is gone."""
    import gc
    import weakref

    seen: list[weakref.ref] = []

    def run(_: str, pair):
        gc.collect()
        assert all(ref() is None for ref in seen)
        seen.append(weakref.ref(pair))
        return upscale(pair.lr, 4), pair

    method = interpolation("bicubic", 4)
    evaluate([type(method)(name="watched", run=run, identity=lambda *_: "watched")], [bench], 4, ("psnr_y",))
    assert len(seen) == 2
