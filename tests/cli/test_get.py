"""``acutance models get`` against a server that breaks off and lies."""

from __future__ import annotations

import functools
import hashlib
import io
from pathlib import Path

import pytest
import torch
from loopback import Behaviour, serving

from acutance.cli import app
from acutance.errors import AcutanceError, BadInput, BadModel, ResourceError, UsageError
from acutance.files import download
from acutance.models import wellknown
from acutance.models.model import read_facts
from acutance.models.wellknown import TABLE, WellKnown
from acutance.networks import NETWORKS


@pytest.fixture(scope="module")
def content() -> bytes:
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save({"params": NETWORKS["compact"](channels=8, convolutions=1).state_dict()}, buffer)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACUTANCE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("ACUTANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "Terms", functools.partial(download.Terms, pause=0.01))
    return tmp_path


def known(url: str, content: bytes, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    facts = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "licence": "MIT", **more}
    monkeypatch.setattr(wellknown, "TABLE", (WellKnown(name="tiny", what="", url=url, **facts),))  # type: ignore[arg-type]


def get(*arguments: str) -> None:
    app(["models", "get", *arguments], standalone_mode=False)


def nothing_kept(home: Path) -> bool:
    return not [path for path in home.rglob("*") if path.is_file()]


def test_fetched_checked_and_made_a_model(content: bytes, home: Path, monkeypatch, capsys) -> None:
    with serving(Behaviour(content=content, drops=[1000])) as url:
        known(url, content, monkeypatch)
        get("tiny", "--name", "mine")
    said = capsys.readouterr().err
    assert "licence MIT" in said and "--model mine" in said
    receipt = read_facts(home / "models" / "mine.safetensors")["receipt"]
    assert receipt["licence"] == "MIT" and receipt["source"] == url
    assert receipt["source_sha256"] == hashlib.sha256(content).hexdigest()
    assert not (home / "cache" / "checkpoints").exists() or not list((home / "cache" / "checkpoints").iterdir())


LIES = [
    ({"sha256": "0" * 64}, {}, BadInput, "SHA-256"),
    ({"size": 5}, {}, BadInput, "expected 5"),
    ({}, {"content": b"<html>no such file</html>", "kind": "text/html"}, BadInput, "web page"),
    ({}, {"answers": [(302, {"Location": "http://elsewhere.example/model.pth"})]}, ResourceError, "not https"),
    ({}, {"answers": [(404, {})]}, ResourceError, "404"),
]


@pytest.mark.parametrize(("expected", "behaviour", "kind", "words"), LIES)
def test_a_server_that_lies(expected: dict, behaviour: dict, kind: type, words: str, content: bytes, home: Path,
                            monkeypatch) -> None:  # fmt: skip
    with serving(Behaviour(**{"content": content, **behaviour})) as url:
        known(url, content, monkeypatch, **expected)
        with pytest.raises(kind, match=words) as caught:
            get("tiny")
    assert "\n" not in str(caught.value) and nothing_kept(home)


def test_half_a_file_of_unknown_length(content: bytes, home: Path) -> None:
    """Nothing tells of the other half but the file itself."""
    half = content[: len(content) // 2]
    with serving(Behaviour(content=half, length=False)) as url, pytest.raises(BadModel, match="cut short"):
        get(url, "--name", "x")
    assert nothing_kept(home)


def test_a_server_that_never_gets_to_the_end(content: bytes, home: Path, monkeypatch, capsys) -> None:
    """The command fails; run again, it goes on from where it was."""
    behaviour = Behaviour(content=content, drops=[400] + [0] * 20)
    with serving(behaviour) as url:
        known(url, content, monkeypatch)
        with pytest.raises(ResourceError, match="run the same command again"):
            get("tiny")
        behaviour.drops.clear()
        begin = len(behaviour.requests)
        get("tiny")
        assert behaviour.requests[begin][0] == 400


def test_an_address_without_checksum_and_with_one(content: bytes, home: Path, capsys) -> None:
    digest = hashlib.sha256(content).hexdigest()
    with serving(Behaviour(content=content)) as url:
        get(url, "--sha256", digest.upper(), "--licence", "CC0", "-o", str(home / "a.safetensors"))
        with pytest.raises(BadInput, match="SHA-256"):
            get(url, "--sha256", "1" * 64, "-o", str(home / "b.safetensors"))
    assert read_facts(home / "a.safetensors")["receipt"]["licence"] == "CC0"


def test_a_licence_that_forbids_is_asked_about_before_anything_is_fetched(
    content: bytes, home: Path, monkeypatch
) -> None:
    behaviour = Behaviour(content=content)
    with serving(behaviour) as url:
        known(url, content, monkeypatch, licence="CC-BY-NC-SA-4.0")
        with pytest.raises(UsageError, match="--accept-licence"):
            get("tiny")
        assert not behaviour.requests
        get("tiny", "--accept-licence")
    assert read_facts(home / "models" / "photos.safetensors")["receipt"]["licence"] == "CC-BY-NC-SA-4.0"


MISTAKES = [
    (["tinny"], "no well-known model"),
    (["http://example.org/m.pth"], "https"),
    (["https://example.org/m.pth", "--sha256", "12"], "64 digits"),
    (["RealESRGAN_x4plus", "--licence", "MIT"], "leave out"),
    (["spanx4_ch48"], "by hand"),
    (["RealESRGAN_x4plus", "-o", "x.pth"], ".safetensors"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES)
def test_mistakes(arguments: list[str], words: str) -> None:
    with pytest.raises(AcutanceError, match=words) as caught:
        get(*arguments)
    assert caught.value.exit_code == 2


def test_the_table_is_sound(capsys) -> None:
    for row in TABLE:
        assert row.licence and row.what and (len(row.sha256) == 64) == bool(row.url) and bool(row.size) == bool(row.url)
    get()
    assert "RealESRGAN_x4plus" in capsys.readouterr().out
