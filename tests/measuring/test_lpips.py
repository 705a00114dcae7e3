"""LPIPS against the value torchmetrics documents, and what it must refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadInput, UsageError
from acutance.measuring.metrics import chosen_metrics
from acutance.measuring.metrics.lpips import lpips, network


@pytest.fixture
def weights(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    network.cache_clear()
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    return shared / "weights"


def test_the_documented_value(weights: Path) -> None:
    """torchmetrics' functional LPIPS with squeeze, inputs in [0, 1]: 0.1008."""
    torch.manual_seed(123)
    a, b = torch.rand(10, 3, 100, 100), torch.rand(10, 3, 100, 100)
    distance = network()(a, b)
    assert distance.shape == (10,)
    assert distance.mean().item() == pytest.approx(0.1008, abs=5e-5)


def test_pictures(weights: Path, photo: np.ndarray) -> None:
    a = photo[:96, :80]
    worse = [np.clip(a + np.random.default_rng(0).normal(0, s, a.shape), 0, 255).astype(np.uint8) for s in (5, 40)]
    assert lpips(a, a) == 0
    assert 0 < lpips(a, worse[0]) < lpips(a, worse[1]) < 1
    framed = a.copy()
    framed[:4] = 0
    assert lpips(a, framed, border=4) == 0 < lpips(a, framed)
    assert network() is network()
    with pytest.raises(BadInput, match="equal shape"):
        lpips(a, a[:-1])
    with pytest.raises(BadInput, match="at least 35"):
        lpips(a[:40, :40], a[:40, :40], border=4)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network.cache_clear()
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    with pytest.raises(UsageError, match="alexnet-owt-7be5be79"):
        network("alex")
    with pytest.raises(UsageError, match="no LPIPS variant nosuch"):
        network("nosuch")


def test_evaluate_prints_it_when_asked(acutance, weights: Path, tmp_path: Path, photo: np.ndarray) -> None:
    import pyvips

    (tmp_path / "set" / "HR").mkdir(parents=True)
    pyvips.Image.new_from_array(photo[:104, :100]).write_to_file(str(tmp_path / "set" / "HR" / "a.png"))
    arguments = ("evaluate", "--model", "bicubic", "--bench", "set", "--metrics")
    done = acutance(*arguments, "psnr_y,lpips", "--json")
    mean = next(e["mean"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "set")
    assert list(mean) == ["psnr_y", "lpips"] and math.isfinite(mean["lpips"]) and mean["lpips"] > 0.1
    done = acutance(*arguments, "lpips")
    assert "LPIPS" in done.stdout and "PSNR" not in done.stdout
    with pytest.raises(UsageError, match="no metric lpisp"):
        chosen_metrics("psnr_y,lpisp")
    known = acutance(*arguments, "lpips", ACUTANCE_WEIGHTS=str(tmp_path))
    assert known.returncode == 0 and "1 known from before" in known.stderr
    done = acutance(*arguments, "lpips", ACUTANCE_WEIGHTS=str(tmp_path), ACUTANCE_CACHE=str(tmp_path))
    assert done.returncode == 2 and "download.pytorch.org" in done.stderr and "Traceback" not in done.stderr
