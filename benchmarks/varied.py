"""Twenty varied crops by every built-in model to look at, and what the eye finds first as figures: grids and colour.

Usage: python benchmarks/varied.py DATASET [MODEL...]
DATASET: the packed training photographs, of which those held out are shown; scikit-image's make twenty of them.
Writes results/varied/MODEL.jpg (bicubic, the model, the original) and results/varied.json; for models that are named
results/varied-DATASET.json. ``grid``: a grey ramp with
grey noise of so many levels; how far the means of the 4x4 (2x2) places within an input pixel lie apart, in levels.
``colour``: by how many levels the mean of a crop's worst channel moves, the mean over the crops and the largest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from common import RESULTS, store
from PIL import Image
from skimage import data

from acutance import Upscaler
from acutance.imaging.bicubic import downscale, modcrop, upscale
from acutance.models import store as models
from acutance.training.pack import Pack

SIDE = 128
SAMPLES = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
NAMES = (
    "fidelity",
    "texture",
    "srresnet",
    "srgan",
    "esrgan",
    "unet_srgan",
    "restore",
    "fidelity_x2",
    "fidelity_x2_fast",
    "restore_x2",
)
NOISE = (1, 2, 3, 5)
COLUMNS = 4


def grid(name: str, scale: int, noise: float) -> float:
    """See the module; the mean of four ramps."""
    found, (y, x) = [], np.mgrid[:48, :48]
    for seed in range(4):
        ramp = 150 + 20 * np.sin(x / 30) + 15 * np.cos(y / 25)
        grey = ramp + np.random.default_rng(seed).normal(0, noise, ramp.shape)
        picture = np.repeat(grey.clip(0, 255).round().astype(np.uint8)[..., None], 3, 2)
        inner = Upscaler(name)(picture).astype(float).mean(2)[8 * scale : -8 * scale, 8 * scale : -8 * scale]
        places = inner.reshape(inner.shape[0] // scale, scale, -1, scale).mean((0, 2))
        found.append(np.ptp(places))
    return round(float(np.mean(found)), 2)


def crops(dataset: Path) -> list[np.ndarray]:
    """Centres of photographs that no model learned from."""
    pack = Pack(dataset)
    large = [item for item in pack.valid if min(item["width"], item["height"]) >= SIDE + 64][: 20 - len(SAMPLES)]
    found = []
    for picture in [*(np.asarray(pack.picture(item)) for item in large), *(getattr(data, name)() for name in SAMPLES)]:
        top, left = ((side - SIDE) // 2 // 4 * 4 for side in picture.shape[:2])
        found.append(picture[top - 32 : top + SIDE + 32, left - 32 : left + SIDE + 32, :3])
    return found


def main() -> None:
    """One sheet and one row a model."""
    rows, shown = {}, crops(Path(sys.argv[1]))
    (RESULTS / "varied").mkdir(exist_ok=True)
    for name in sys.argv[2:] or [n for n in NAMES if n in models.available()]:
        scale, upscaler = models.load(name).geometry.scale, Upscaler(name)
        cells, drift, inner = [], [], np.s_[32:-32, 32:-32]
        for hr in shown:
            hr = modcrop(hr, scale)
            lr = downscale(hr, scale)
            result = upscaler(lr)
            drift.append(abs((result[inner].astype(float) - hr[inner]).mean((0, 1))).max())
            cells.append(np.concatenate([p[inner] for p in (upscale(lr, scale), result, hr)], 1))
        sheet = [np.concatenate(cells[i : i + COLUMNS], 1) for i in range(0, len(cells), COLUMNS)]
        Image.fromarray(np.concatenate(sheet)).save(RESULTS / "varied" / f"{name}.jpg", quality=88)
        rows[name] = {
            "grid": {f"noise {n}": grid(name, scale, n) for n in NOISE},
            "colour": {"mean": round(float(np.mean(drift)), 2), "largest": round(float(np.max(drift)), 2)},
        }
        print(name, rows[name], flush=True)
    store(f"varied-{Path(sys.argv[1]).name}" if sys.argv[2:] else "varied", {"models": rows})


if __name__ == "__main__":
    main()
