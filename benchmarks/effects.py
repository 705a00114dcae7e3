"""What a finished run does to a test set: scores beside its starting point and bicubic, and a sheet.

Usage: python benchmarks/effects.py RUN BENCH [--before RUN_OR_MODEL] [--metrics psnr_y ssim_y lpips ...]
       python benchmarks/effects.py RUN DATASET --held-out [--beside MODEL...]
RUN is a finished run's folder or, once it is shipped, the model. Writes results/training/NAME.json, .jpg and the log of
the run as NAME.jsonl, NAME being that of the recipe.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from common import RESULTS, receipt
from PIL import Image

from acutance.cli.train import find_recipe
from acutance.imaging.bicubic import upscale
from acutance.measuring.metrics import score
from acutance.measuring.pairs import find_pairs, load_pair
from acutance.models import store
from acutance.pipelines.upscale import Settings, Upscaler
from acutance.training.pack import Pack
from acutance.training.sheet import busiest_crops, sheet

USUAL = ("psnr_y", "ssim_y", "lpips")


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Of every metric, rounded."""
    return {name: round(sum(row[name] for row in rows) / len(rows), 4) for name in rows[0]}


def main() -> None:
    """Measure, store, and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("bench", type=Path, help="a test set, or with --held-out a dataset")
    parser.add_argument("--before", help="the run or model it started from")
    parser.add_argument(
        "--held-out", action="store_true", help="the pictures a dataset holds out, degraded as the recipe does"
    )
    parser.add_argument("--beside", nargs="*", default=[], help="other models, on the same pictures")
    parser.add_argument("--metrics", nargs="+", default=USUAL, help="see acutance evaluate --metrics list")
    given = parser.parse_args()
    is_run = (given.run / "run.json").is_file()
    facts = json.loads((given.run / "run.json").read_text()) if is_run else store.load(str(given.run)).receipt
    recipe = find_recipe(facts["recipe"]["name"])
    scale = recipe.data.scale
    if given.held_out:
        pack = Pack(given.bench)
        pairs = recipe.data.pairs(pack, pack.valid)
    else:
        found = [load_pair(*paths, scale) for paths in find_pairs(given.bench, scale)]
        pairs = [(pair.lr, pair.hr) for pair in found]
    models = {"bicubic": lambda lr: upscale(lr, scale)}
    for label, name in (("before", given.before), ("after", str(given.run)), *((n, n) for n in given.beside)):
        if name:
            models[label] = Upscaler(store.load(name), Settings()).array
    scores = {}
    for label, run in models.items():
        results = [(run(lr), hr, lr) for lr, hr in pairs]
        scores[label] = means(
            [{name: score(name, r, original=hr, lr=lr, scale=scale) for name in given.metrics} for r, hr, lr in results]
        )
    name = facts["recipe"]["name"]
    folder = RESULTS / "training"
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--held-out"] * given.held_out + ["--beside", *given.beside] * bool(given.beside)
    flags += ["--before", given.before] if given.before else []
    flags += ["--metrics", *given.metrics] if given.metrics != USUAL else []
    what = f"runs/{given.run.name}" if is_run else str(given.run)
    command = " ".join(["python benchmarks/effects.py", what, given.bench.name, *flags])
    result = {"command": command, **receipt(),
              "recipe": name, "steps": facts["steps"], "trained_at": facts["commit"], "pictures": len(pairs),
              "set": given.bench.name, "scores": scores}  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    if is_run:
        shutil.copyfile(given.run / "metrics.jsonl", folder / f"{name}.jsonl")
    Image.fromarray(sheet(busiest_crops(pairs, 3), models["after"])).save(folder / f"{name}.jpg", quality=88)
    print(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
