"""A study in a real browser: by keyboard, by touch, through kill -9, resumed by the same link, reported."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from raters import Server, pictures

from acutance.measuring.study import load
from acutance.measuring.study_new import Method, Plan, make
from acutance.measuring.study_store import Rating, Store

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run")  # fmt: skip
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM} (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def served(tmp_path: Path, acutance) -> Iterator[Server]:
    """10 scores in two sessions, after two examples."""
    pictures(tmp_path / "zoo", ["ant", "bee", "cow"], side=64)
    pictures(tmp_path / "mine", ["ant", "bee", "cow"], side=64)
    pictures(tmp_path / "other", ["example"], side=64)
    made = acutance("study", "new", "study", "--reference", "zoo", "--method", "nearest", "--method", "mine=mine",
                    "--calibration", "other", "--sessions", 2, "--repeats", 1)  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "3 pictures, 3 versions (nearest, mine, original); 10 scores per rater in 2 sessions" in made.stderr
    with Server(tmp_path / "study", raters=2) as server:
        yield server


def opened(browser: Any, link: str, **options: Any) -> Any:
    """A page that notes any script error and any request to elsewhere; ``browser``, or a context of one."""
    page = (browser.new_context(**options) if hasattr(browser, "new_context") else browser).new_page()
    page.set_default_timeout(60_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: "Content Security" in line.text and page.problems.append(line.text))
    home = urlsplit(link).netloc
    page.on("request", lambda asked: urlsplit(asked.url).netloc != home and page.problems.append(asked.url))
    page.goto(link)
    page.wait_for_selector("#welcome:not([hidden]), #finish:not([hidden])")
    return page


def at(page: Any, words: str) -> None:
    """Wait until a picture stands there, at this place."""
    page.wait_for_function(
        "words => document.querySelector('[data-place]').textContent === words"
        " && document.querySelector('.pane canvas') && !document.querySelector('.chosen')", arg=words,
    )  # fmt: skip


def told(page: Any, words: str) -> None:
    """Wait until this notice stands in the question's place: another may stand there before it."""
    page.wait_for_function(
        "words => document.querySelector('.question.told')?.textContent === words", arg=words
    )  # fmt: skip


def ratings(study: Path, rater: int = 1) -> list[Rating]:
    store = Store(load(study))
    found = store.ratings(rater)
    store.close()
    return found


def test_begun_killed_resumed_finished_reported(browser: Any, served: Server, acutance) -> None:
    page = opened(browser, served.links[0], viewport={"width": 1280, "height": 800})
    assert page.inner_text("#welcome h1") == "Picture quality"
    assert "10 pictures, in 2 sessions" in page.inner_text("#welcome")
    page.keyboard.press("Enter")
    at(page, "Example 1 of 2")
    assert page.inner_text("[data-question]") == "This is a 1: bad."
    page.keyboard.press(" ")
    at(page, "Example 2 of 2")
    assert page.inner_text("[data-question]") == "This is a 5: excellent."
    page.keyboard.press("ArrowRight")
    at(page, "1 of 5")
    page.keyboard.press("4")
    at(page, "2 of 5")
    page.keyboard.press("9")  # is no score
    page.keyboard.press("2")
    at(page, "3 of 5")
    page.keyboard.press("Backspace")
    at(page, "2 of 5")
    told(page, "Answer it anew; the new answer counts.")
    page.keyboard.press("5")
    at(page, "3 of 5")
    assert page.inner_text("[data-question]") == "How good does this picture look?"  # answered: the notice is gone
    page.wait_for_function("() => Object.keys(localStorage).length === 0")  # all acknowledged
    assert [(rating.answer, rating.changes) for rating in ratings(served.study)] == [(4, 0), (5, 1)]

    served.stop(signal.SIGKILL)
    page.keyboard.press("1")
    told(page, "The line is lost; your answers are kept.")
    at(page, "4 of 5")  # pictures were fetched beforehand
    page.keyboard.press("3")
    at(page, "5 of 5")
    assert page.evaluate("Object.keys(localStorage).length") == 2
    served.start()
    page.wait_for_function("() => Object.keys(localStorage).length === 0")
    page.wait_for_selector(".question:not(.told)")
    assert [rating.answer for rating in ratings(served.study)] == [4, 5, 1, 3]
    assert page.problems == []
    page.context.close()

    phone = opened(browser, served.links[0], **PHONE)  # the same link, another day, another device
    assert phone.inner_text("#welcome h1") == "Welcome back"
    assert "4 of 10 are done, 6 are left." in phone.inner_text("#welcome")
    phone.tap("[data-begin]")
    at(phone, "5 of 5")
    phone.tap("[data-answers] button:nth-child(2)")
    phone.wait_for_selector("#pause:not([hidden])")
    assert phone.inner_text("#pause h1") == "Session 1 of 2 is done"
    phone.tap("[data-on]:enabled")
    for number in range(1, 6):
        at(phone, f"{number} of 5")
        phone.tap(f"[data-answers] button:nth-child({number})")
    phone.wait_for_selector("#finish:not([hidden])")
    phone.wait_for_function(
        "() => document.querySelector('[data-finish]').textContent.startsWith('All 10 answers are stored')"
    )
    assert phone.problems == []
    phone.context.close()
    stored = ratings(served.study)
    assert [rating.answer for rating in stored] == [4, 5, 1, 3, 2, 1, 2, 3, 4, 5]
    assert stored[0].zoom == 1 and stored[-1].zoom == 3 and all(rating.seconds for rating in stored)

    reported = acutance("study", "report", "study", "-o", "report.html", "--csv", "answers.csv")
    assert reported.returncode == 0 and "10 scores by 1 rater, 3 pictures, 3 versions" in reported.stdout
    report = browser.new_page()
    report.goto((served.study.parent / "report.html").as_uri())
    assert report.inner_text("h1") == "Picture quality" and report.locator("svg").count() == 2
    report.close()


def dots(page: Any) -> list[np.ndarray]:
    """What the screen shows of each picture, dot by dot."""
    shown = []
    ratio = page.evaluate("devicePixelRatio")
    whole = np.array(Image.open(io.BytesIO(page.screenshot(scale="device"))).convert("RGB"))
    boxes = """[...document.querySelectorAll('.pane canvas')].map(canvas => {
        const { left, top } = canvas.getBoundingClientRect();
        return [left, top, ...canvas.dataset.dots.split(' ').map(Number)];
    })"""
    for left, top, width, height in page.evaluate(boxes):
        x, y = left * ratio, top * ratio
        assert abs(x - round(x)) + abs(y - round(y)) < 0.02, (x, y)  # it begins on a whole dot
        shown.append(whole[round(y) : round(y) + height, round(x) : round(x) + width])
    return shown


def stored(study: Path) -> dict[bytes, np.ndarray]:
    """Every picture of a study, by its samples."""
    files = [np.array(Image.open(path).convert("RGB")) for path in (study / "pictures").glob("*.png")]
    return {file.tobytes(): file for file in files}


RATIOS = [1, 1.25, 1.5, 2, 2.625, 3]  # of usual screens, scaled desktops and phones


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three choices between small pictures, one rater for each ratio."""
    folder = tmp_path_factory.mktemp("paired")
    methods = (Method(name="nearest", folder=None), Method(name="bicubic", folder=None))
    plan = Plan(references={"zoo": pictures(folder / "zoo", ["ant"], side=52)}, methods=methods, kind="pairs")
    make(folder / "study", plan)
    with Server(folder / "study", raters=len(RATIOS)) as server:
        yield server


@pytest.mark.parametrize("ratio", RATIOS)
def test_pixels_are_whole_dots(browser: Any, paired: Server, ratio: float) -> None:
    """Also with the arrows: a choice between two goes left or right."""
    known, rater = stored(paired.study), RATIOS.index(ratio) + 1
    page = opened(browser, paired.links[rater - 1], viewport={"width": 701, "height": 503}, device_scale_factor=ratio)
    page.keyboard.press("Enter")
    at(page, "1 of 3")
    for press, zoom in ((None, round(ratio)), ("+", round(ratio) + 1), ("-", round(ratio))):
        if press:
            page.keyboard.press(press)
        assert page.inner_text("[data-zoom]") == f"{zoom}\N{MULTIPLICATION SIGN}"
        for screen in dots(page):
            file = known[screen[::zoom, ::zoom].tobytes()]  # it is one of the study's, sample for sample
            assert np.array_equal(screen, file.repeat(zoom, 0).repeat(zoom, 1))
    page.keyboard.press("ArrowLeft")
    at(page, "2 of 3")
    page.click("text=Right is better")
    at(page, "3 of 3")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('[data-finish]').textContent.startsWith('All 3')")
    assert page.problems == []
    page.context.close()
    assert len(ratings(paired.study, rater)) == 3


def test_two_windows_a_dark_phone_and_a_closed_page(browser: Any, served: Server) -> None:
    one = opened(browser, served.links[1], color_scheme="light")
    two = opened(browser, served.links[1], color_scheme="dark", **PHONE)
    papers = [page.evaluate("getComputedStyle(document.body).backgroundColor") for page in (one, two)]
    assert papers[0] != papers[1]
    for page in (one, two):
        page.click("[data-begin]")
        for number in (1, 2):
            at(page, f"Example {number} of 2")
            page.click("[data-answers] button")
        at(page, "1 of 5")
    desks = [page.evaluate("getComputedStyle(document.getElementById('judge')).backgroundColor") for page in (one, two)]
    assert desks == ["rgb(107, 107, 107)"] * 2  # the surround is the same for everybody
    assert two.evaluate("document.documentElement.scrollWidth <= innerWidth")
    one.keyboard.press("4")
    at(one, "2 of 5")
    one.wait_for_function("() => Object.keys(localStorage).length === 0")
    two.tap("[data-answers] button:nth-child(1)")  # the same picture, scored in the other window just now
    told(two, "Answered in another window already; going on.")
    at(two, "2 of 5")
    assert [rating.answer for rating in ratings(served.study, 2)] == [4]

    one.context.set_offline(True)  # answered without a line, and the page closed: the browser keeps the answer
    one.keyboard.press("3")
    told(one, "The line is lost; your answers are kept.")
    assert one.problems == []
    context = one.context
    one.close()
    context.set_offline(False)
    one = opened(context, served.links[1])
    assert "2 of 10 are done" in one.inner_text("#welcome")
    assert [rating.answer for rating in ratings(served.study, 2)] == [4, 3]
    for page in (one, two):
        assert page.problems == []
        page.context.close()


def test_an_unknown_link_in_words(browser: Any, served: Server) -> None:
    page = browser.new_page()
    page.goto(served.links[0] + "x")
    assert page.inner_text("h1") == "This link is not known"
    page.close()
