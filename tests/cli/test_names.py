"""File names are written by strangers: none may repaint a terminal, break a line, or be one that nobody knows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from acutance.cli import _code, console
from acutance.errors import BadInput, ResourceError
from acutance.files import machine
from acutance.files.atomic import atomic_path
from acutance.files.partial import Partial

NAMES = [
    "a\x1b[2J\x1b[31mred.png",
    "two\nlines.png",
    "back\rwards.png",
    "\u202egnp.exe.png",
    "c\x9b31m.png",
    "d\x7f.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_one_harmless_line(acutance, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    done = acutance("upscale", name)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1 and done.stderr.strip().isprintable(), done.stderr


def test_bytes_that_are_no_text(acutance, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.safetensors")).write_bytes(b"no model")
    done = acutance("models", ACUTANCE_MODELS=str(tmp_path))
    assert done.returncode == 0 and "caf" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a b.png", "Fr\xfchst\xfcck\xa0im\u2003Freien.png", "\U0001f468\u200d\U0001f469.png"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert console.shown(name) == name


def test_messages_name_the_final_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught, atomic_path(tmp_path / "a.png") as temporary:
        raise BadInput(f"{temporary}: is broken ({temporary.name})")
    assert str(caught.value) == f"{tmp_path / 'a.png'}: is broken (a.png)"
    with Partial(tmp_path / "b.zip", "https://example.org/b.zip"), pytest.raises(ResourceError) as busy:
        Partial(tmp_path / "b.zip", "https://example.org/b.zip").__enter__()
    assert "b.zip:" in str(busy.value) and ".part" not in str(busy.value)


def test_too_little_memory_is_no_bug_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(MemoryError()) == 5 and "memory" in capsys.readouterr().err


def test_asking_git_takes_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
        asked.append(how)
        return subprocess.CompletedProcess(command, 0, "x\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert machine.commit() == "x"
    assert [how["env"]["GIT_OPTIONAL_LOCKS"] for how in asked] == ["0", "0"]
