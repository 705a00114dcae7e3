"""What trials of training need: a small dataset, and the command that trains the tiny network on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from trials.pictures import saved, scene
from trials.running import Bench

RECIPE = f"{Path(__file__).with_name('recipe.py')}:tiny"
SPOILED = f"{Path(__file__).with_name('recipe.py')}:spoiled"
PHOTOS, SIDES = 4, (320, 288)


def dataset(bench: Bench) -> Path:
    """A packed dataset of drawn pictures, made once by ``acutance prepare``."""
    made, photos = bench.folder / "dataset", bench.folder / "photos"
    if made.is_dir():
        return made
    photos.mkdir()
    for number in range(PHOTOS):
        noise = np.random.default_rng(number).normal(0, 25, (SIDES[1] // 4, SIDES[0] // 4, 1)).repeat(4, 0).repeat(4, 1)
        pixels = (scene(*SIDES, 40 * number) + noise).clip(0, 255).astype(np.uint8)
        (photos / f"{number}.png").write_bytes(saved(Image.fromarray(pixels), "PNG"))
    done = bench.run(["prepare", photos, "-o", made], bench.folder)
    if not made.is_dir():
        raise SystemExit(f"no dataset could be made: {done.err}")
    return made
