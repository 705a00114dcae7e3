"""Published facts, measured again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acutance.errors import BadInput
from acutance.measuring.methods import interpolation
from acutance.measuring.published import FACTS, Fact
from acutance.measuring.reproduce import own_facts, reproduce, verdict
from acutance.models import store


def test_interpolation_as_the_papers_have_it(shared: Path) -> None:
    """Ledig 2017 and Wang 2018, Set5 and Set14: PSNR, SSIM, and the SSIM of daala's tool."""
    facts = [f for f in FACTS if f.set in ("Set5", "Set14") and f.method in ("bicubic", "nearest")]
    checked = list(reproduce(shared / "bench", {}, facts))
    assert len(checked) == len(facts) == 11 and verdict(checked) == 0
    assert {each.fact.metric for each in checked} == {"psnr_y", "ssim_y", "ssim_daala"}
    baboon = next(each for each in checked if each.fact.image)
    assert baboon.measured == pytest.approx(22.44, abs=0.02)


def test_what_does_not_hold_and_what_cannot_be_measured(tmp_path: Path, small_photo: np.ndarray) -> None:
    (tmp_path / "Set5").mkdir()
    Image.fromarray(small_photo).save(tmp_path / "Set5" / "a.png")
    facts = [
        Fact(method=method, set=bench, image=image, metric="psnr_y", published=99.0, tolerance=0.02, source="nobody")
        for method, bench, image in (
            ("bicubic", "Set5", ""), ("bicubic", "Set5", "z"), ("bicubic", "Set9", ""), ("ESRGAN", "Set5", ""),
        )
    ]  # fmt: skip
    found = {(e.fact.method, e.fact.set, e.fact.image): e for e in reproduce(tmp_path, {}, facts)}
    assert found["bicubic", "Set5", ""].holds is False and verdict(list(found.values())) == 1
    assert found["bicubic", "Set5", "z"].why == "no picture z in Set5"
    assert found["bicubic", "Set9", ""].why == "no folder Set9"
    assert found["ESRGAN", "Set5", ""].why == "no weights of ESRGAN"
    with pytest.raises(BadInput, match="none of the published facts"):
        verdict([found["bicubic", "Set9", ""]])
    named = list(reproduce(tmp_path, {"ESRGAN": interpolation("bicubic", 4)}, facts[3:]))
    assert named[0].measured == found["bicubic", "Set5", ""].measured


def test_receipts_are_facts(shared: Path) -> None:
    facts = own_facts({"fidelity": store.load("fidelity")})
    assert {(fact.set, fact.metric) for fact in facts} >= {("Set5", "psnr_y"), ("BSD100", "psnr_y")}


def test_the_command(acutance, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "Set5").symlink_to(shared / "bench" / "Set5")
    done = acutance("reproduce", "--bench", "bench", "--sets", "Set5", "--json", ACUTANCE_WEIGHTS=str(tmp_path))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    facts = {(e["method"], e["metric"]): e for e in events if e["event"] == "fact"}
    assert facts["fidelity", "psnr_y"]["holds"] and facts["nearest", "psnr_y"]["holds"]
    assert facts["fidelity_x2", "psnr_y"]["holds"], "at its own scale"
    assert abs(facts["bicubic", "psnr_y"]["measured"] - 28.43) < 0.01
    assert done.returncode == 0 and facts["texture", "lpips"]["holds"] is None
    assert "squeezenet" in facts["texture", "lpips"]["why"]
    empty = acutance("reproduce", "--bench", "nowhere")
    assert empty.returncode == 3 and "Traceback" not in empty.stderr
