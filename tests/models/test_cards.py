"""What ships says what it is, truly: a card for every built-in model, and the wheel holds all of it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from acutance.models import store
from acutance.models.model import read_model
from acutance.models.store import BUILTIN, CARDS

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.stem for path in BUILTIN.glob("*.safetensors"))
LARGEST_WHEEL = 60 << 20


def test_every_card_belongs_to_a_model() -> None:
    assert sorted(path.stem for path in CARDS.glob("*.md")) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_what_for_shows_it_and_has_the_figures_of_the_receipt(name: str) -> None:
    text = (CARDS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert "**For**" in text and "**Not for**" in text and "CC BY" in text
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert pictures and all((CARDS / picture).is_file() for picture in pictures)
    measured = read_model(BUILTIN / f"{name}.safetensors").receipt["measured"]
    assert measured
    numbers = {float(n) for n in re.findall(r"(?<![\w.])\d*\.?\d+", text)}
    for what, value in measured.items():
        digits = 2 if "PSNR" in what else 4
        shown = any(abs(n - value) <= 0.5001 * 10**-digits for n in numbers)
        if "less by" in what:
            shown = round(100 * value) in numbers
        elif what == "edge agreement":
            shown = round(value, 2) in numbers
        assert shown, f"{what} {value}: not on the card"


def test_the_wheel_holds_everything_and_no_more_than_60_mb(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size <= LARGEST_WHEEL
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(["git", "ls-files", "src/acutance"], cwd=ROOT, capture_output=True, text=True, check=False)
    files = [line.removeprefix("src/") for line in listed.stdout.split()]
    assert listed.returncode or (len(files) > 100 and set(files) <= inside)
    assert {f"acutance/models/builtin/{store.DEFAULT}.safetensors", "acutance/py.typed"} <= inside
