"""DISTS of pictures: what it refuses, and that files in the weights folder are what makes it (random ones here)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadInput, BadModel, UsageError
from acutance.files import weights
from acutance.measuring.metrics.dists import WEIGHTS, dists, network
from acutance.networks.dists import DISTS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weight files of the right form; their checksums cannot fit, so the table knows none."""
    torch.manual_seed(0)
    made = DISTS()
    torch.save({f"features.{k}": v for k, v in made.features.state_dict().items()}, tmp_path / WEIGHTS[0][0])
    torch.save({"alpha": made.alpha.data, "beta": made.beta.data}, tmp_path / WEIGHTS[1][0])
    monkeypatch.setattr(weights, "KNOWN", {})
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    network.cache_clear()
    return tmp_path


def test_pictures(folder: Path, photo: np.ndarray) -> None:
    a = photo[:64, :80]
    worse = [np.clip(a + np.random.default_rng(0).normal(0, s, a.shape), 0, 255).astype(np.uint8) for s in (5, 40)]
    assert dists(a, a) == pytest.approx(0, abs=1e-6) and dists(a, a) >= 0
    assert 0 < dists(a, worse[0]) < dists(a, worse[1]) < 1
    assert network() is network()
    with pytest.raises(BadInput, match="equal shape"):
        dists(a, a[:-1])
    with pytest.raises(BadInput, match=r"at least 32 pixels a side, got 80x31"):
        dists(a[:31], a[:31])


def test_the_wrong_file_is_refused(folder: Path) -> None:
    (folder / WEIGHTS[1][0]).write_bytes((folder / WEIGHTS[0][0]).read_bytes())
    with pytest.raises(BadModel, match=r"dists_weights\.pt: no fitting alpha"):
        network()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network.cache_clear()
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match=r"vgg16-397923af\.pth: not in .*download\.pytorch\.org"):
        network()
