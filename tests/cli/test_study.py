"""``acutance study`` as a person meets it: help, JSON, one line for every mistake."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from raters import pictures

GOOD = ("--reference", "zoo", "--method", "nearest", "--method", "mine=mine")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    pictures(tmp_path / "zoo", ["ant", "bee"])
    pictures(tmp_path / "mine", ["ant", "bee"])
    return tmp_path


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr


def test_help_in_one_line_each(acutance) -> None:
    assert "study Ask people how good pictures look." in " ".join(acutance("--help").stdout.split())
    shown = acutance("study").stdout
    for line in ("new     Make a study from pictures.", "serve   Let people answer, in a browser.",
                 "report  Say what a study found."):  # fmt: skip
        assert line in shown


def test_events_of_new(acutance, folders: Path) -> None:
    done = acutance("study", "new", "study", *GOOD, "--repeats", 1, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["copied", "copied", "done"] and done.stderr == ""
    assert events[-1]["versions"] == ["nearest", "mine", "original"] and events[-1]["per_rater"] == 7
    (folders / "bench").mkdir()
    (folders / "zoo").rename(folders / "bench" / "HR")  # as test sets lie: originals in HR
    bench = acutance("study", "new", "third", "--reference", "bench", "--method", "nearest", "--json")
    assert json.loads(bench.stdout.splitlines()[-1])["pictures"] == 2
    assert json.loads((folders / "third" / "study.json").read_text())["pictures"][0]["set"] == "bench"
    (folders / "bench" / "HR").rename(folders / "zoo")
    (folders / "zoo").rename(folders / "a=b")
    for number, given in enumerate(("a=b", "zoo=a=b")):
        acutance("study", "new", f"sign{number}", "--reference", given, "--method", "nearest")
        pictures = json.loads((folders / f"sign{number}" / "study.json").read_text())["pictures"]
        assert pictures[0]["set"] == ("a=b", "zoo")[number]
    (folders / "a=b").rename(folders / "zoo")
    only = acutance("study", "new", "second", *GOOD, "--no-original", "--pairs")
    assert "2 pictures, 2 versions (nearest, mine); 2 choices per rater in 1 session" in only.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("new", "study", "--reference", "zoo", "--method", "bicubc"), 2, ("--method bicubc", "nearest and bicubic")),
        (("new", "study", "--reference", "zoo", "--method", "=mine"), 2, ("is not NAME=DIR",)),
        (("new", "study", *GOOD, "--method", "mine=zoo"), 2, ("--method mine: is there twice",)),
        (("new", "study", *GOOD, "--method", "original=zoo"), 2, ("means the original",)),
        (("new", "study", *GOOD, "--reference", "zoo"), 2, ("two sets are called zoo",)),
        (("new", "study", "--reference", "no=where", "--method", "nearest"), 2, ("where: no such folder",)),
        (("new", "study", *GOOD, "--reference", "mine"), 2, ("method", "each test set has its own there")),
        (("new", "zoo", *GOOD), 2, ("zoo: exists and holds other things",)),
        (("serve", "zoo"), 2, ("zoo: is not a study (no study.json)", "acutance study new")),
        (("report", "nothing"), 2, ("nothing: is not a study",)),
        (("new", "study"), 2, ("--reference",)),
    ],
)
def test_mistakes_in_one_line(acutance, folders: Path, arguments: tuple, code: int, words: tuple) -> None:
    one_line(acutance("study", *arguments), code, *words)


def test_a_study_that_cannot_be_served_or_reported(acutance, folders: Path) -> None:
    assert acutance("study", "new", "study", *GOOD).returncode == 0
    one_line(acutance("study", "report", "study"), 2, "has no ratings yet", "acutance study serve")
    one_line(acutance("study", "serve", "study", "--address", "study.example.org"), 2, "is not an address")
    one_line(acutance("study", "serve", "study", "--host", "no.such.host.invalid"), 2, "--host no.such.host.invalid")
    bare = folders / "bare"
    bare.mkdir()
    (bare / "fastapi.py").write_text("raise ImportError('not installed')")
    missing = acutance("study", "serve", "study", PYTHONPATH=f"{bare}:{_source()}")
    one_line(missing, 2, "serving needs FastAPI", 'pip install "acutance[serve]"')
    picture = next((folders / "study" / "pictures").iterdir())
    picture.unlink()
    one_line(acutance("study", "serve", "study"), 3, picture.name, "is missing")


def _source() -> Path:
    import acutance

    return Path(acutance.__file__).parents[1]
