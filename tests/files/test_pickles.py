"""Pickles: real checkpoints open, code does not run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from acutance.errors import BadModel
from acutance.files.pickles import read_pickle


def test_a_real_checkpoint_opens(shared: Path) -> None:
    stored = read_pickle(shared / "weights" / "realesr-general-x4v3.pth")
    assert sum(t.size for t in stored["params"].values()) == 1_213_296


@pytest.mark.parametrize("kind", ["raw", "torch"])
def test_code_never_runs(tmp_path: Path, kind: str) -> None:
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    path = tmp_path / "m.pth"
    if kind == "raw":
        path.write_bytes(pickle.dumps(Evil()))
    else:
        torch.save({"params": Evil()}, path)
    with pytest.raises(BadModel, match=r"would run .*open"):
        read_pickle(path)
    assert not (tmp_path / "canary").exists()


def test_cut_short_and_missing(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(99)}, tmp_path / "m.pth")
    data = (tmp_path / "m.pth").read_bytes()
    for share in (0, 0.1, 0.9):
        (tmp_path / "m.pth").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(BadModel, match=r"m\.pth"):
            read_pickle(tmp_path / "m.pth")
    with pytest.raises(BadModel, match="No such file"):
        read_pickle(tmp_path / "gone.pth")
    torch.save([1], tmp_path / "l.pth")
    with pytest.raises(BadModel, match="holds a list"):
        read_pickle(tmp_path / "l.pth")
