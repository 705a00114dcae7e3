"""Where weight files are looked for, and that a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from acutance.errors import BadModel, UsageError
from acutance.files import weights

HEADS = "lpips_squeeze_v0.1_heads.pth"


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ACUTANCE_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert weights.weights_folder() == tmp_path / "acutance" / "weights"
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path / "mine"))
    assert weights.weights_folder() == tmp_path / "mine"


def test_any_of_several_serves_and_none_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match=r"squeezenet1_1-b8a52dc0.*download.pytorch.org") as error:
        weights.find_weights("lpips_squeeze_backbone.pth", "squeezenet1_1-b8a52dc0.pth")
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "squeezenet1_1-b8a52dc0.pth").touch()
    found = weights.find_weights("lpips_squeeze_backbone.pth", "squeezenet1_1-b8a52dc0.pth")
    assert found.name == "squeezenet1_1-b8a52dc0.pth"


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / HEADS).write_bytes(b"something else")
    with pytest.raises(BadModel, match="expected 4a5350f2"):
        weights.read_weights(tmp_path / HEADS)
    with pytest.raises(BadModel, match="cannot be read"):
        weights.read_weights(tmp_path / "lpips_squeeze_backbone.pth")


def test_the_real_ones_pass(shared: Path) -> None:
    assert "lin6.model.1.weight" in weights.read_weights(shared / "weights" / HEADS)
