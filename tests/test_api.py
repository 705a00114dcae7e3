"""The Python interface, as those meet it who type it in."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import acutance


def test_a_misspelt_setting_is_answered() -> None:
    with pytest.raises(TypeError, match="no setting sclae, did you mean scale"):
        acutance.Upscaler("fidelity", sclae=2)
    with pytest.raises(TypeError, match="no setting strenght, did you mean strength"):
        acutance.Stylizer(strenght=0.5)


def test_its_names_can_be_listed() -> None:
    assert {"Upscaler", "Stylizer", "upscale"} <= set(dir(acutance))


def test_threads_may_share_one(photo: np.ndarray) -> None:
    up = acutance.Upscaler()
    pictures = [np.ascontiguousarray(photo[:side, : side + 8]) for side in (40, 48, 56)]
    wanted = [up(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(up, pictures * 8))
    for number, result in enumerate(found):
        np.testing.assert_array_equal(result, wanted[number % 3])


def test_numbers_of_any_kind_mean_the_same_plan(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo[:24, :24]).save(tmp_path / "a.png")
    for texture, scale in ((1.0, 3.0), (1, 3), (np.float64(1), np.float32(3))):
        done = acutance.Upscaler(texture=texture, scale=scale).file(tmp_path / "a.png", tmp_path / "b.png")
    assert done["status"] == "kept"
    acutance.Upscaler(width=np.int64(50)).file(tmp_path / "a.png", tmp_path / "c.png")


def test_arrays_are_enlarged_by_the_scale_that_a_sibling_has(photo: np.ndarray) -> None:
    twice = acutance.Upscaler("fidelity", scale=2)(photo[:24, :28])
    assert twice.shape == (48, 56, 3) and (twice == acutance.Upscaler("fidelity_x2")(photo[:24, :28])).all()
    assert acutance.Upscaler("fidelity", scale=4)(photo[:24, :28]).shape == (96, 112, 3)
    for sizes in ({"scale": 3}, {"scale": 1}, {"width": 56}):
        with pytest.raises(acutance.AcutanceError, match="by the model's own scale"):
            acutance.Upscaler("fidelity", **sizes)(photo[:24, :28])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_does_not_hang(tmp_path: Path, photo: np.ndarray) -> None:
    """Arrays work; files, whose library keeps threads, are refused with the remedy."""
    Image.fromarray(photo[:24, :24]).save(tmp_path / "a.png")
    code = (
        "import os, sys, warnings, numpy as np, acutance; warnings.simplefilter('ignore')\n"
        "up, picture = acutance.Upscaler(), np.zeros((24, 24, 3), np.uint8)\n"
        "before = up(picture); up.file('a.png', 'b.png')\n"
        "if not (child := os.fork()):\n"
        "    same = (up(picture) == before).all()\n"
        "    try: up.file('a.png', 'c.png')\n"
        "    except acutance.AcutanceError as error: os._exit(7 if same and 'spawn' in str(error) else 1)\n"
        "    os._exit(2)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 7
