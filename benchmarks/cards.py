"""Scores and example crops of the model cards, from stored results and photographs that nothing was trained on.

Usage: python benchmarks/cards.py PHOTOS  (the training photographs: elementary/ holds one that was held out)
Reads results/quality*.json, as `acutance evaluate --out` writes them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
from common import RESULTS
from damaged import CHAINS, damaged
from PIL import Image
from skimage import data

from acutance import Upscaler
from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import downscale, modcrop, upscale
from acutance.measuring.metrics import METRICS
from acutance.measuring.report.text import figure
from acutance.measuring.scores import from_json
from acutance.models import store
from acutance.models.store import CARDS

DOCS = Path(__file__).parents[1] / "docs" / "cards"
SIDE = 144
# Where a model was measured, and beside what
MEASURED = {
    "fidelity": ("quality-fidelity", ("bicubic", "fidelity")),
    "texture": ("quality", ("bicubic", "texture", "ESRGAN")),
    "fidelity_x2": ("quality-x2", ("bicubic", "fidelity_x2")),
    "fidelity_x2_fast": ("quality-x2", ("bicubic", "fidelity_x2_fast")),
    "restore_x2": ("quality-damaged-x2", ("bicubic", "fidelity_x2", "restore_x2")),
    "srresnet": ("quality", ("bicubic", "fidelity", "srresnet")),
    "srgan": ("quality", ("bicubic", "texture", "srresnet", "srgan")),
    "esrgan": ("quality", ("bicubic", "texture", "srgan", "esrgan", "ESRGAN")),
    "unet_srgan": ("quality-unet", ("bicubic", "unet_srgan")),
    "restore": ("quality-damaged", ("bicubic", "fidelity", "realesr-general-x4v3", "RealESRGAN_x4plus", "restore")),
}
LEGEND = (
    "*PSNR-Y, SSIM-Y and LR-PSNR (the result, reduced again, beside its input): higher is better. LPIPS, NIQE and\n"
    "colour (by how many levels of 255 the mean of a channel drifts): lower is.*"
)
# Held out of training (Unsplash); scikit-image's cat (CC0) and astronaut (NASA, public domain).
PLACES = (("elementary/Cheng_Feng.jpg", 620, 380), ("chelsea", 148, 64), ("astronaut", 170, 60))


def scores(name: str) -> str:
    """The table of a model beside others, out of the stored results."""
    file, methods = MEASURED[name]
    stored = json.loads((RESULTS / f"{file}.json").read_text())
    metrics = stored["metrics"]
    head = [f"x{stored['scale']}", *(METRICS[m].title for m in metrics)]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for found in stored["sets"]:
        if found["method"] in methods:
            cells = [figure(m, from_json(found["mean"][m])) for m in metrics]
            rows.append(f"| {found['set']}, {found['method']} | " + " | ".join(cells) + " |")
    return "\n".join([*rows, "", LEGEND])


def examples(name: str, photos: Path) -> Image.Image:
    """Rows of bicubic, the model, the original; twice as large, pixel by pixel."""
    rows, upscaler = [], Upscaler(name)
    times = store.load(name).geometry.scale
    for number, (file, x, y) in enumerate(PLACES):
        hr = modcrop(read_rgb8(photos / file) if "/" in file else getattr(data, file)(), times)
        lr = damaged(hr, CHAINS["mixed"], number, times) if name.startswith("restore") else downscale(hr, times)
        cut = np.s_[y : y + SIDE, x : x + SIDE]
        rows.append(np.concatenate([p[cut] for p in (upscale(lr, times), upscaler(lr), hr)], axis=1))
    return Image.fromarray(np.concatenate(rows).repeat(2, 0).repeat(2, 1))


def main() -> None:
    """Fill in every card whose model was measured."""
    for card in sorted(CARDS.glob("*.md")):
        if card.stem not in MEASURED or not (RESULTS / f"{MEASURED[card.stem][0]}.json").exists():
            continue
        block = f"<!-- scores -->\n{scores(card.stem)}\n<!-- /scores -->"
        card.write_text(re.sub(r"<!-- scores -->.*<!-- /scores -->", block, card.read_text(), flags=re.S))
        examples(card.stem, Path(sys.argv[1])).save(DOCS / f"{card.stem}.jpg", quality=90)


if __name__ == "__main__":
    main()
