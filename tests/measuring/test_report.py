"""The report: numbers that are there, crops from the right place, a page that needs nothing else."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acutance.errors import UsageError
from acutance.imaging.bicubic import upscale
from acutance.measuring.benchmark import Measured, SetScores, evaluate
from acutance.measuring.methods import Method, interpolation
from acutance.measuring.report import Report, check_suffix, plots, write
from acutance.measuring.report.crops import SIDE, worst_crops, worst_place
from acutance.measuring.report.text import best, figure

METRICS = ("psnr_y", "ssim_y", "colour")


def with_a_stain(name: str) -> Method:
    """Bicubic with a white square at (120, 40) of every picture: where it goes wrong is known."""

    def run(_, pair):
        result = upscale(pair.lr, 4)
        result[40:72, 120:152] = 255
        return result, pair

    return Method(name=name, run=run, identity=lambda *_: name, facts={"kind": "model", "scale": 4})


@pytest.fixture
def report(tmp_path: Path, photo: np.ndarray) -> Report:
    (tmp_path / "set").mkdir()
    for number in range(3):
        Image.fromarray(photo[number * 100 : number * 100 + 128, 60:260]).save(tmp_path / "set" / f"{number}.png")
    methods = (with_a_stain("stained <b>"), interpolation("bicubic", 4))
    results = evaluate(methods, [tmp_path / "set"], 4, METRICS)
    crops = worst_crops(results, methods, "stained <b>", "psnr_y", 4, higher=True)
    return Report(results=tuple(results), methods=methods, metrics=METRICS, scale=4,
                  receipt={"command": "acutance evaluate"}, crops=tuple(crops))  # fmt: skip


def test_the_worst_place_is_found(report: Report) -> None:
    assert len(report.crops) == 3
    for crop in report.crops:
        assert crop.x <= 120 and crop.x + SIDE >= 152 and crop.y <= 40 and crop.y + SIDE >= 72
        assert [name for name, _ in crop.squares] == ["original", "input", "stained <b>", "bicubic"]
        pictures = {name: np.asarray(Image.open(io.BytesIO(png))) for name, png in crop.squares}
        assert {picture.shape for picture in pictures.values()} == {(SIDE, SIDE, 3)}
        stain = np.s_[40 - crop.y : 72 - crop.y, 120 - crop.x : 152 - crop.x]
        assert (pictures["stained <b>"][stain] == 255).all() and (pictures["original"][stain] < 255).any()
    scores = [row.scores["psnr_y"] for row in report.results[0].rows]
    order = [int(crop.image) for crop in report.crops]
    assert [scores[number] for number in order] == sorted(scores)  # type: ignore[type-var]


def test_the_method_in_question_comes_first_whatever_the_order(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "set").mkdir()
    Image.fromarray(photo[:128, 60:260]).save(tmp_path / "set" / "0.png")
    methods = (interpolation("bicubic", 4), with_a_stain("stained"))
    results = evaluate(methods, [tmp_path / "set"], 4, METRICS)
    crops = worst_crops(results, methods, "stained", "psnr_y", 4, higher=True)
    assert [name for name, _ in crops[0].squares] == ["original", "input", "stained", "bicubic"]
    made = Report(results=tuple(results), methods=methods, metrics=METRICS, scale=4, receipt={}, crops=tuple(crops))
    write(tmp_path / "r.html", made)
    page = (tmp_path / "r.html").read_text()
    assert "worst pictures of stained" in page and page.index("<span>stained</span>") < page.index("<span>bicubic")


def test_a_picture_smaller_than_a_crop() -> None:
    hr = np.zeros((40, 200, 3), np.uint8)
    result = hr.copy()
    result[10, 150] = 255
    x, y = worst_place(result, hr)
    assert y == 0 and x <= 150 < x + SIDE


def test_json_and_markdown(report: Report, tmp_path: Path) -> None:
    write(tmp_path / "r.json", report)
    facts = json.loads((tmp_path / "r.json").read_text())
    assert [each["method"] for each in facts["sets"]] == ["stained <b>", "bicubic"]
    assert facts["sets"][1]["mean"]["psnr_y"] == pytest.approx(report.results[1].mean("psnr_y"), abs=1e-6)
    write(tmp_path / "r.md", report)
    text = (tmp_path / "r.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| bicubic"))
    assert f"**{report.results[1].mean('psnr_y'):.2f}**" in row
    assert "acutance evaluate" in text and "higher" not in text and "PSNR-Y ↑" in text and "colour ↓" in text


def test_the_page_needs_nothing_else(report: Report, tmp_path: Path) -> None:
    write(tmp_path / "r.html", report)
    page = (tmp_path / "r.html").read_text()
    assert "default-src 'none'" in page and "<b>:" not in page and "stained &lt;b&gt;" in page
    sources = re.findall(r'(?:src|href)="([^"]{1,30})', page)
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.count('class="crop"') == 3 and f">{report.results[1].mean('psnr_y'):.2f}<" in page


def test_plots_are_well_formed() -> None:
    points = [plots.Point(name="a & b", x=28.4, y=0.3, number=1), plots.Point(name="c", x=28.4, y=0.3, number=2)]
    root = ET.fromstring(plots.scatter(points, "x", "y", guides=[("g", 31.0)]))
    names = [text for text in root.iter("text") if text.get("class") == "name"]
    assert [name.text for name in names] == ["a & b", "c"]
    assert abs(float(names[0].get("y", 0)) - float(names[1].get("y", 0))) >= 12  # names never lie on each other
    assert ET.fromstring(plots.scatter(points[:1], "x", "y")) is not None  # a single value has no span
    one = ET.fromstring(plots.bars(["p", "q"], [[1.0, float("inf")], [2.0, None]], "m"))
    assert len(list(one.iter("rect"))) == 3
    assert plots.bars(["p"], [[None]], "m") == ""


def test_figures_and_the_best(report: Report) -> None:
    assert figure("ssim_y", 0.81111) == ".8111" and figure("psnr_y", float("inf")) == "inf"
    assert best(report.results, "psnr_y") == {"bicubic"}
    assert best(report.results[:1], "psnr_y") == set()


def test_beyond_the_best_possible_nothing_is_better() -> None:
    """A seam ratio below 1 wins over none of 1."""

    def named(name: str, ratio: float) -> SetScores:
        rows = (Measured(image="p", scores={"seam": ratio}),)
        return SetScores(method=name, bench=Path("s"), lr="bicubic", rows=rows)

    results = [named("smooth", 0.957), named("exact", 1.0), named("worse", 1.02)]
    assert best(results, "seam") == {"smooth", "exact"}


def test_where_it_goes_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.html, \.md, \.json"):
        check_suffix(tmp_path / "report.pdf")
    with pytest.raises(UsageError, match="folder does not exist"):
        check_suffix(tmp_path / "no" / "report.md")


def test_the_command_writes_them(acutance, tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "set").mkdir()
    Image.fromarray(photo[:160, :160]).save(tmp_path / "set" / "a.png")
    arguments = ("evaluate", "--bench", "set", "--model", "fidelity", "--model", "lanczos")
    done = acutance(*arguments, "--out", "r.html", "--out", "r.md", "--per-image")
    assert done.returncode == 0, done.stderr
    assert "fidelity" in (tmp_path / "r.md").read_text() and "lanczos" in (tmp_path / "r.html").read_text()
    assert "commit" in (tmp_path / "r.md").read_text() and "426288" in (tmp_path / "r.md").read_text()
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["method", "fidelity", "a", "lanczos", "a"]
    refused = acutance(*arguments, "--out", "r.pdf")
    assert refused.returncode == 2 and refused.stdout == ""
    listed = acutance("evaluate", "--metrics", "list")
    assert "niqe" in listed.stdout and "lower" in listed.stdout
    missing = acutance("evaluate")
    assert missing.returncode == 2 and "--bench is missing" in missing.stderr
    wrong = acutance("evaluate", "--bench", "set", "--metrics", "psnr")
    assert wrong.returncode == 2 and "psnr_y" in wrong.stderr
