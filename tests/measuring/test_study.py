"""Opinion studies: what is made, shown, stored and found."""

from __future__ import annotations

import collections
import json
import shutil
import sqlite3
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from raters import paper, pictures

from acutance.errors import BadInput, ResourceError, UsageError
from acutance.files.pixels import read_rgb8, write_png
from acutance.measuring.opinion.page import html
from acutance.measuring.opinion.results import results
from acutance.measuring.opinion.table import to_csv
from acutance.measuring.opinion.text import text
from acutance.measuring.study import Study, check_pictures, load, veil
from acutance.measuring.study_new import Method, Plan, make
from acutance.measuring.study_order import items, order, sittings
from acutance.measuring.study_store import Rating, Store

NAMES = ["ant", "bee", "cow"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Originals ``hr`` and a method ``mine`` with their names; ``other`` holds calibration pictures."""
    pictures(tmp_path / "hr", NAMES)
    pictures(tmp_path / "mine", [f"{name}_x4" for name in NAMES])
    pictures(tmp_path / "other", [f"example{n:02}" for n in range(25)], side=24)
    return tmp_path


def plan(sources: Path, **changes) -> Plan:
    methods = (Method(name="nearest", folder=None), Method(name="mine", folder=sources / "mine"))
    return Plan(**{"references": {"zoo": sources / "hr"}, "methods": methods, **changes})


def made(sources: Path, **changes) -> Study:
    return make(sources / "study", plan(sources, **changes))[0]


def answer_all(study: Study, raters: int, opinion) -> list[Rating]:
    """Every step of some raters answered by ``opinion(rater, item)``."""
    store, questions = Store(study), items(study)
    futures = [
        store.rate(Rating(rater=rater, item=step.item, again=step.again, answer=opinion(rater, questions[step.item]),
                          attempt=f"{rater}-{n}", seconds=1.5, zoom=2))
        for rater in range(1, raters + 1) for n, step in enumerate(order(study, rater))
    ]  # fmt: skip
    assert {future.result() for future in futures} == {"stored"}
    store.close()
    fresh = Store(study)
    ratings = fresh.ratings()
    fresh.close()
    return ratings


def test_the_srgan_papers_study(tmp_path: Path) -> None:
    """Check D8: 12x19 + 9x100 = 1128 items per rater, 29,328 ratings of 26 raters, random order, hidden labels."""
    study = paper(tmp_path)
    assert len(study.versions) == 12 and len(items(study)) == 12 * 19 + 9 * 100 == 1128
    orders, items_of = [order(study, rater) for rater in range(1, 27)], items(study)
    assert sum(map(len, orders)) == 29_328
    for steps in orders:
        assert sorted(step.item for step in steps) == list(range(1128))
        shown = [items_of[step.item].picture for step in steps]
        assert sum(a == b for a, b in pairwise(shown)) <= 2  # the same picture does not follow itself
    assert len({tuple(step.item for step in steps) for steps in orders}) == 26
    assert [len(part) for part in sittings(orders[0], 6)] == [188] * 6
    quality = {name: 1.3 + 0.3 * number for number, name in enumerate(study.versions)}
    generator = np.random.default_rng(0)
    ratings = answer_all(
        study, 26, lambda rater, item: int(np.clip(round(quality[item.first] + generator.normal(0, 0.7)), 1, 5))
    )
    found = results(study, ratings)
    assert found["ratings"] == 29_328 and [group["name"] for group in found["groups"]] == ["Set5", "Set14", "BSD100"]
    bsd = found["groups"][2]
    assert len(bsd["versions"]) == 9 and {row["count"] for row in bsd["versions"]} == {2600}
    for row in bsd["versions"]:  # a wrong order, lost or mixed ratings would show here
        drawn = np.clip(np.rint(quality[row["name"]] + np.random.default_rng(1).normal(0, 0.7, 100_000)), 1, 5)
        assert row["value"] == pytest.approx(drawn.mean(), abs=0.08)
    test = next(t for t in bsd["tests"] if {t["a"], t["b"]} == {"srcnn", "bicubic"})
    assert test["pairs"] == 2600 and not test["exact"] and test["p"] < test["p_holm"] < 1e-6


def test_the_order_is_random_constant_and_apart(sources: Path) -> None:
    study = made(sources, repeats=4)
    assert len(items(study)) == 9 and order(study, 1) == order(study, 1) != order(study, 2)
    for rater in range(1, 60):
        steps = order(study, rater)
        assert sorted(step.item for step in steps if not step.again) == list(range(9))
        places = {(step.item, step.again): place for place, step in enumerate(steps)}
        for step in steps:
            if step.again:
                assert places[step.item, True] >= 4 > places[step.item, False]
    first = collections.Counter(order(study, rater)[0].item for rater in range(1, 901))
    assert len(first) == 9 and min(first.values()) > 60  # each about 100 times


def test_the_order_never_changes_with_the_code(sources: Path) -> None:
    """Links given out go on after an update: this order is a promise."""
    assert [step.item for step in order(made(sources), 1)] == PROMISED


PROMISED = [2, 3, 1, 0, 5, 6, 4, 7, 8]


def test_sides_of_pairs_are_even(sources: Path) -> None:
    study = made(sources, kind="pairs")
    assert len(items(study)) == 9  # three versions, three pairs of each picture
    swapped = [step.swapped for rater in range(1, 101) for step in order(study, rater)]
    assert 0.45 < np.mean(swapped) < 0.55


def test_a_study_holds_copies(sources: Path) -> None:
    study = made(sources, calibration=sources / "other")
    shown = study.pictures[0]
    assert (shown.set, shown.name, shown.width, shown.height) == ("zoo", "ant", 48, 48)
    assert list(shown.files) == ["nearest", "mine", "original"]
    original = read_rgb8(sources / "hr" / "ant.png")
    assert np.array_equal(read_rgb8(study.file(shown.files["original"])), original)
    blocks = read_rgb8(study.file(shown.files["nearest"]))
    assert np.array_equal(blocks[::4, ::4].repeat(4, 0).repeat(4, 1), blocks)
    assert len(study.examples) == 20 and study.examples[0].width == 24
    check_pictures(study)
    assert load(study.folder) == study
    mode = (study.folder / "secret").stat().st_mode
    assert mode & 0o077 == 0
    assert "ant" not in veil(b"k", "ant") and len(veil(b"k", "ant")) == 22


def test_a_larger_original_is_cropped_and_said(sources: Path) -> None:
    odd = pictures(sources / "odd", NAMES)
    for name in NAMES:
        whole = read_rgb8(odd / f"{name}.png")
        write_png(odd / f"{name}.png", np.pad(whole, ((0, 3), (0, 2), (0, 0)), mode="edge"))
    study, notes = make(sources / "study", plan(sources, references={"odd": odd}))
    assert (study.pictures[0].width, study.pictures[0].height) == (48, 48) and "3 pictures are cropped" in notes[0]


def test_made_again_after_a_stop(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from acutance.measuring import study_new

    def stop(path: Path, rgb: np.ndarray) -> None:
        if len(list(path.parent.iterdir())) == 4:
            raise KeyboardInterrupt
        write_png(path, rgb)

    monkeypatch.setattr(study_new, "write_png", stop)
    with pytest.raises(KeyboardInterrupt):
        made(sources)
    with pytest.raises(UsageError, match="is not a study"):
        load(sources / "study")
    monkeypatch.undo()
    assert len(made(sources).pictures) == 3


def shrink(path: Path) -> None:
    write_png(path, read_rgb8(path)[:-9])


WRONG = {
    "missing": (lambda s: (s / "mine" / "bee_x4.png").unlink(), {}, BadInput, "method mine lacks bee of zoo"),
    "sizes": (lambda s: shrink(s / "mine" / "bee_x4.png"), {}, BadInput, "is 48x39, its original is 48x48"),
    "unreadable": (lambda s: (s / "mine" / "bee_x4.png").write_bytes(b"no picture"), {}, BadInput, "bee_x4.png: "),
    "twice": (lambda s: shutil.copy(s / "hr/bee.png", s / "mine/bee.png"), {}, BadInput, "could both be bee"),
    "no folder": (lambda s: shutil.rmtree(s / "mine"), {}, UsageError, "no such folder"),
    "no pictures": (lambda s: [p.unlink() for p in (s / "hr").iterdir()], {}, BadInput, "holds no pictures"),
    "one version": (lambda s: None, {"methods": (Method(name="nearest", folder=None),), "original": False},
                    UsageError, "at least two versions"),
    "repeats": (lambda s: None, {"repeats": 5}, UsageError, "of 9 items at most half, 4"),
    "sessions": (lambda s: None, {"sessions": 10}, UsageError, "choose 1 to 9"),
    "pairs and calibration": (lambda s: None, {"kind": "pairs", "calibration": Path("x")}, UsageError, "no scores"),
    "calibration": (lambda s: None, {"calibration": Path("nowhere")}, UsageError, "nowhere: no such folder"),
    "unknown set": (lambda s: None, {"methods": (Method(name="nearest", folder=None, sets=("farm",)),)},
                    UsageError, "no --reference is called farm; there are zoo"),
    "in use": (lambda s: pictures(s / "study", ["mine"]), {}, UsageError, "holds other things"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_in_one_line(case: str, sources: Path) -> None:
    spoil, changes, kind, words = WRONG[case]
    spoil(sources)
    with pytest.raises(kind, match=words) as raised:
        made(sources, **changes)
    assert "\n" not in str(raised.value)
    assert not (sources / "study" / "study.json").exists()


def test_a_study_is_never_overwritten(sources: Path) -> None:
    made(sources)
    with pytest.raises(UsageError, match="is a study already"):
        made(sources)


def test_a_damaged_study_is_refused(sources: Path) -> None:
    study = made(sources)
    path = study.folder / "study.json"
    whole = path.read_text()
    for broken in (whole[:-40], whole.replace('"format": 1', '"format": 9'), "[]",
                   whole.replace(study.pictures[0].files["mine"], "../../../etc/passwd")):  # fmt: skip
        path.write_text(broken)
        with pytest.raises(BadInput, match=r"study\.json: "):
            load(study.folder)
    path.write_text(whole)
    picture = study.file(study.pictures[0].files["mine"])
    data = picture.read_bytes()
    picture.write_bytes(data[:-1] + b"x")
    with pytest.raises(BadInput, match="was changed"):
        check_pictures(study)
    picture.unlink()
    with pytest.raises(BadInput, match="is missing"):
        check_pictures(study)
    (study.folder / "secret").write_text("short")
    from acutance.measuring.study import secret

    with pytest.raises(BadInput, match="links are lost"):
        secret(study.folder)


def test_the_first_answer_stays_a_retry_is_one_and_a_correction_replaces(sources: Path) -> None:
    store = Store(made(sources))

    def rate(item: int, answer: int, attempt: str, **more) -> str:
        return store.rate(Rating(rater=1, item=item, answer=answer, attempt=attempt, **more)).result(10)

    assert rate(0, 4, "a") == "stored" and rate(0, 4, "a") == "stored"  # the acknowledgement was lost: sent again
    assert rate(0, 2, "b") == "already"  # from another window
    assert rate(1, 3, "c") == "stored"
    assert rate(0, 1, "d", correct=True) == "already"  # only the latest can be corrected
    assert rate(1, 5, "e", correct=True) == "stored"
    assert [(r.item, r.answer, r.changes) for r in store.ratings(1)] == [(0, 4, 0), (1, 5, 1)]
    assert rate(1, 4, "f", again=True) == "stored" and store.ratings(2) == []
    store.close()


def test_a_store_belongs_to_its_study(sources: Path) -> None:
    study = made(sources)
    Store(study).close()
    other = make(sources / "second", plan(sources, seed=1))[0]
    shutil.copy(study.folder / "ratings.sqlite", other.folder / "ratings.sqlite")
    with pytest.raises(BadInput, match="belongs to another study"):
        Store(other)
    (other.folder / "ratings.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(BadInput, match="damaged or not a database"):
        Store(other)


def test_a_failing_disk_is_told_and_nothing_is_acknowledged(sources: Path) -> None:
    store = Store(made(sources))
    store._writer.execute("PRAGMA max_page_count=1")
    blocked = sqlite3.connect(store.path)
    blocked.execute("DROP TABLE rating")
    blocked.commit()
    with pytest.raises(ResourceError, match=r"ratings\.sqlite: cannot be read or written"):
        store.rate(Rating(rater=1, item=0, answer=1, attempt="a")).result(10)
    blocked.close()
    store.close()


def test_scores_are_found_again(sources: Path) -> None:
    study = made(sources, repeats=4, title="Zoo & <friends>")
    value = {"nearest": 1, "mine": 3, "original": 5}
    ratings = answer_all(study, 4, lambda rater, item: value[item.first] - (rater == 4 and item.first != "nearest"))
    found = results(study, ratings)
    rows = {row["name"]: row for row in found["groups"][0]["versions"]}
    assert rows["nearest"]["value"] == 1 and rows["nearest"]["histogram"] == [12, 0, 0, 0, 0]
    assert rows["mine"]["value"] == 2.75 and rows["mine"]["raters"] == 4
    # The raters' means are 3, 3, 3, 2: t(3) = 3.1824 times 0.5 / sqrt(4).
    assert rows["mine"]["high"] - rows["mine"]["value"] == pytest.approx(3.182446 * 0.25, rel=1e-6)
    assert all(rater["repeats"] == {"count": 4, "same": 1.0, "difference": 0.0} for rater in found["raters"])
    assert all(rater["finished"] for rater in found["raters"])
    json.dumps(found, allow_nan=False)
    lines = to_csv(study, ratings).splitlines()
    assert len(lines) == 1 + 4 * 13 and lines[0].startswith("rater,session,position,set,picture,version,score,repeat")
    assert sum(line.split(",")[7] == "1" for line in lines[1:]) == 16
    shown = text(found)
    assert "original" in shown.splitlines()[3] and "100% of 16" in shown
    page = html(found)
    assert "Zoo &amp; &lt;friends&gt;" in page and "<friends>" not in page
    for outside in ("http://", "https://", "<script", "<link", "url(", " src="):
        assert outside not in page


def test_choices_are_found_again(sources: Path) -> None:
    study = made(sources, kind="pairs", repeats=2)
    ratings = answer_all(study, 5, lambda rater, item: 2)  # the second version always: original > mine > nearest
    found = results(study, ratings)
    group = found["groups"][0]
    assert group["steadied"] and group["wins"] == [[0, 0, 0], [15, 0, 0], [15, 15, 0]]
    values = [row["value"] for row in group["versions"]]
    assert values == sorted(values) and found["alpha"] == pytest.approx(1, abs=0.01)
    assert 0.3 < found["left"] < 0.7
    assert "half a win was added" in html(found) and "half a win was added" in text(found)
    assert to_csv(study, ratings).splitlines()[0].startswith("rater,session,position,set,picture,left,right,chosen")


def test_one_rater_and_none(sources: Path) -> None:
    study = made(sources)
    with pytest.raises(UsageError, match="has no ratings yet"):
        results(study, [])
    found = results(study, answer_all(study, 1, lambda rater, item: 3))
    assert found["alpha"] is None and found["groups"][0]["versions"][0]["low"] is None
    assert html(found) and "-" in text(found)


def test_who_answers_at_random_is_flagged_and_shown_apart(tmp_path: Path) -> None:
    names = [f"p{n:02}" for n in range(30)]
    pictures(tmp_path / "hr", names, side=8)
    pictures(tmp_path / "mine", names, side=8)
    study = make(tmp_path / "study", Plan(references={"s": tmp_path / "hr"}, methods=[
        Method(name="nearest", folder=None), Method(name="mine", folder=tmp_path / "mine")]))[0]  # fmt: skip
    value = {"nearest": 1.5, "mine": 3, "original": 4.5}
    generator = np.random.default_rng(2)

    def opinion(rater: int, item) -> int:
        if rater == 11:
            return int(generator.integers(1, 6))
        return 3 if rater == 12 else int(np.clip(round(value[item.first] + generator.normal(0, 0.4)), 1, 5))

    found = results(study, answer_all(study, 12, opinion))
    flags = {rater["rater"]: rater["flags"] for rater in found["raters"] if rater["flags"]}
    assert flags == {11: ["erratic (BT.500)"], 12: ["erratic (BT.500)", "always the same score"]}
    best = next(row for row in found["groups"][0]["versions"] if row["name"] == "original")
    assert best["without_flagged"] > best["value"] + 0.1
    assert "look at rater 11" in text(found) and "without flagged" in html(found)
