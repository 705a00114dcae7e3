"""PSNR and SSIM of a model and of bicubic on Set5, Set14 and BSD100, stored with the per-image figures.

Usage: python benchmarks/quality.py BENCH_FOLDER [--model fidelity]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import store

from acutance.measuring.benchmark import bicubic, evaluate
from acutance.models import store as models
from acutance.pipelines.upscale import Upscaler


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--model", default="fidelity")
    given = parser.parse_args()
    model = models.load(given.model)
    runs = {"bicubic": bicubic(4), given.model: Upscaler(model).array}
    sets = ("Set5", "Set14", "BSD100")
    scores = {name: {s: evaluate(run, given.bench / s, 4) for s in sets} for name, run in runs.items()}
    note = "Y, 4-pixel border; LR of Set5 and Set14 as published, of BSD100 by our bicubic; grey Set14 image as RGB"
    store(f"quality-{given.model}", {"protocol": note, "model_sha256": model.sha256, "scores": scores})


if __name__ == "__main__":
    main()
