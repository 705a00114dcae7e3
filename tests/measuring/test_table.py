"""The table of metrics: every row can be asked, says what it lacks, and has the direction it claims."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from loopback import Behaviour, serving

from acutance.errors import BadInput, BadModel, UsageError
from acutance.files import weights
from acutance.files.download import Terms
from acutance.imaging.bicubic import downscale, upscale
from acutance.measuring.benchmark import json_safe
from acutance.measuring.metrics import METRICS, chosen_metrics, fetch_missing, score

HERE = ("psnr_y", "psnr_rgb", "ssim_y", "ssim_daala", "ms_ssim", "lpips", "niqe", "consistency", "colour", "colour_lr",
        "seam")  # fmt: skip
ELSEWHERE = ("lpips_alex", "lpips_vgg", "dists")  # their weights are not among the development data


@pytest.fixture
def at_hand(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from acutance.measuring.metrics.lpips import network

    network.cache_clear()
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))


def test_every_row_is_whole() -> None:
    assert set(METRICS) == {*HERE, *ELSEWHERE}
    for name, metric in METRICS.items():
        assert metric.name == name and metric.about and metric.protocol and len(metric.title) <= 10
        assert metric.better == ("lower" if math.isfinite(metric.best) and metric.best < 1 else metric.better)


@pytest.mark.parametrize("name", HERE)
def test_a_perfect_result_is_best_and_a_worse_one_is_worse(name: str, at_hand: None, photo: np.ndarray) -> None:
    """Blocks of 64 pixels, each shifted by some levels, with noise and a tint, are worse by every measure."""
    original = photo[:384, :384]
    lr = downscale(original, 4)
    rng = np.random.default_rng(0)
    shift = rng.integers(-40, 40, (6, 6, 1)).repeat(64, 0).repeat(64, 1) + np.array([9, 0, 0])
    worse = np.clip(original + shift + rng.normal(0, 25, original.shape), 0, 255).astype(np.uint8)
    good, bad = (score(name, picture, original=original, lr=lr, scale=4) for picture in (original, worse))
    assert isinstance(good, float) and not math.isnan(good)
    assert good > bad if METRICS[name].better == "higher" else good < bad
    if name not in ("niqe", "colour_lr", "seam"):
        assert good == METRICS[name].best
    elif name != "niqe":
        assert good == pytest.approx(METRICS[name].best, abs=0.1)
    assert json.loads(json.dumps(json_safe(good))) is not None


@pytest.mark.parametrize("name", [n for n in HERE if n != "niqe"])
def test_constant_pictures_are_defined(name: str, at_hand: None) -> None:
    grey = np.full((240, 240, 3), 77, np.uint8)
    value = score(name, grey, original=grey, lr=grey[:60, :60], scale=4)
    assert value == pytest.approx(METRICS[name].best)


def test_niqe_of_a_constant_picture_is_refused(at_hand: None) -> None:
    with pytest.raises(BadInput, match="NIQE is not defined for a picture without structure"):
        score("niqe", np.full((240, 240, 3), 77, np.uint8))


def test_what_is_missing_is_said(photo: np.ndarray) -> None:
    with pytest.raises(BadInput, match="PSNR-Y needs the original; there is none"):
        score("psnr_y", photo, lr=photo)
    with pytest.raises(BadInput, match="LR-PSNR needs the low-resolution input; there is none"):
        score("consistency", photo, original=photo)
    with pytest.raises(BadInput, match="not 4 times its input"):
        score("consistency", photo, lr=photo[:100, :100])
    with pytest.raises(BadInput, match="no border of tiles of 64"):
        score("seam", photo[:64, :64])


def test_the_nearest_name_is_offered() -> None:
    assert chosen_metrics("niqe, psnr_y,niqe") == ("niqe", "psnr_y")
    for wrong, near in (("lpisp", "lpips"), ("SSIM-Y", "ssim_y"), ("nique", "niqe"), ("ms-ssim", "ms_ssim")):
        with pytest.raises(UsageError, match=rf"no metric {wrong}, did you mean {near}\? There are psnr_y, .*seam$"):
            chosen_metrics(f"psnr_y,{wrong}")
    with pytest.raises(UsageError, match=r"no metric zzz\. There are"):
        chosen_metrics("zzz")
    with pytest.raises(UsageError, match="names no metric"):
        chosen_metrics(" , ")


def test_the_table_loads_no_torch() -> None:
    code = "import sys, acutance.measuring.metrics, acutance.measuring.sets; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_consistency_of_what_the_input_was_made_from(photo: np.ndarray) -> None:
    """The original gives its input back exactly; plain interpolation falls short of the 38 dB asked of models."""
    lr = downscale(photo, 4)
    assert score("consistency", photo, lr=lr) == math.inf
    assert 30 < score("consistency", upscale(lr, 4), lr=lr) < 38
    assert score("colour_lr", photo, lr=lr) < 0.05


def test_seams_as_specified() -> None:
    """White noise 1.00; offsets of 0.05 (of 2) in a checkerboard of tiles on a smooth picture 1.22 to 1.69, measured
    by the specification (check E5) on another smooth picture: here only that they are seen."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (512, 512, 3), np.uint8)
    assert score("seam", noise) == pytest.approx(1, abs=0.02)
    smooth = upscale(rng.integers(40, 200, (28, 28, 3), np.uint8), 20)[7:519, 3:515]
    checker = 6 * (np.indices((8, 8)).sum(0) % 2).repeat(64, 0).repeat(64, 1).astype(np.uint8)
    assert score("seam", smooth + checker[..., None]) > score("seam", smooth) + 0.2
    assert score("seam", smooth) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", ["niqe", *ELSEWHERE])
def test_every_weight_file_can_be_had_and_checked(name: str) -> None:
    for files in METRICS[name].weights():
        for known in (weights.KNOWN[file] for file in files):
            assert known.size and len(known.sha256) == 64 and known.published.startswith("https://") and known.licence


def test_missing_weights_are_fetched_once_and_checked(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    """From a server on this machine; a file that is not the one named is not kept."""
    name, events = "niqe_pris_params.npz", []
    content = (shared / "weights" / name).read_bytes()
    terms = Terms(pause=0.01, on_event=events.append)
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    for body, fits in ((content[:-1] + b"?", False), (content, True)):
        behaviour = Behaviour(body, drops=[5000])
        with serving(behaviour) as url:
            monkeypatch.setattr(weights, "KNOWN", {**weights.KNOWN, name: replace(weights.KNOWN[name], published=url)})
            if not fits:
                with pytest.raises(BadModel, match="expected 2a7c182a; not kept"):
                    fetch_missing(["niqe"], terms)
                assert not list(tmp_path.iterdir())
                continue
            fetch_missing(["psnr_y", "niqe"], terms)
            fetch_missing(["niqe"], terms)
            assert len(behaviour.requests) == 2  # the line broke once
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == weights.KNOWN[name].sha256
    assert any(e["event"] == "note" and "fetching niqe_pris_params.npz, 11.8 kB" in e["text"] for e in events)
    assert 0 < score("niqe", photo) < 10


def test_a_stop_while_fetching_says_which_signal_it_was(shared: Path, tmp_path: Path) -> None:
    """In a process of its own, for signals go to the main thread."""
    name = "niqe_pris_params.npz"
    code = (
        "import os, signal, sys; from dataclasses import replace\n"
        "from acutance.cli.evaluate import _fetch; from acutance.errors import Interrupted\n"
        "from acutance.files import weights; from acutance.measuring import metrics\n"
        "name, url = sys.argv[1:]; real = metrics.fetch_missing\n"
        "weights.KNOWN = {**weights.KNOWN, name: replace(weights.KNOWN[name], published=url)}\n"
        "metrics.fetch_missing = lambda *given: (os.kill(os.getpid(), signal.SIGTERM), real(*given))\n"
        "try: _fetch(['niqe'], json=True)\n"
        "except Interrupted as error: sys.exit(error.exit_code)"
    )
    with serving(Behaviour((shared / "weights" / name).read_bytes())) as url:
        environment = {**os.environ, "ACUTANCE_WEIGHTS": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code, name, url], env=environment, check=False, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM and not list(tmp_path.glob("*.npz"))


def test_fetching_is_asked_for(acutance, tmp_path: Path, photo: np.ndarray) -> None:
    """Without --fetch nothing is fetched: what is missing is named."""
    import pyvips

    (tmp_path / "set").mkdir()
    pyvips.Image.new_from_array(photo[:200, :200]).write_to_file(str(tmp_path / "set" / "a.png"))
    done = acutance("evaluate", "--model", "bicubic", "--bench", "set", "--metrics", "niqe",
                    ACUTANCE_WEIGHTS=str(tmp_path / "none"), ACUTANCE_CACHE=str(tmp_path / "cache"))  # fmt: skip
    assert done.returncode == 2 and "niqe_pris_params.npz: not in" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()
