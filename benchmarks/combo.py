"""What judging assembled tiles is good for: the same small networks trained with and without the combo.

Usage: python benchmarks/combo.py PHOTOGRAPHS PAINTINGS --out FOLDER [--steps 2000]

All runs see the same number of pictures: with the combo and the term for the jumps where tiles meet, with the combo as
in the article, and without. Then held-out photographs are painted tile by tile, joined without any overlap, and the
seam ratio is measured; also over all neighbours, where what these networks do every 8 pixels anyway hides part of it.
How far the painted are from the photographs is stored too: faint paint would have faint seams.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from common import store
from safetensors.torch import load_file

from acutance.imaging.seams import seams_at
from acutance.networks.stylizer import TileUNet
from acutance.training import checkpoint
from acutance.training.loop import train
from acutance.training.pack import Pack
from acutance.training.recipes.siamese import siamese_small
from acutance.training.style_validation import laid

PHOTOGRAPHS = 20
RUNS = {
    "with combo": siamese_small(),
    "as in the article": siamese_small(joints=0.0),
    "without": siamese_small(tiles=False),
}


def main() -> None:
    """Train all, measure all, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    pack = Pack(given.photographs)
    pictures = [picture for picture, _ in siamese_small().data.pairs(pack, pack.valid[:PHOTOGRAPHS])]
    found, strength = {}, {}
    for name, small in RUNS.items():
        recipe = replace(small, valid_every=10**9)
        run = given.out / name.replace(" ", "-")
        train(recipe, data=given.photographs, style=given.paintings, out=run, steps=given.steps,
              on_event=partial(print, flush=True))  # fmt: skip
        network = TileUNet(**recipe.arguments)
        network.load_state_dict(load_file(checkpoint.checkpoints(run)[-1] / "average.safetensors"))
        painted = [laid(network.eval(), picture) for picture in pictures]
        found[name] = [seams_at(one, network.tile) for one in painted]
        strength[name] = fmean(difference(one, picture) for one, picture in zip(painted, pictures, strict=True))
    found["photographs"] = [seams_at(picture, recipe.arguments["tile"]) for picture in pictures]
    ratio = {name: fmean(one.ratio for one in seams) for name, seams in found.items()}
    plain = {name: fmean(one.plain for one in seams) for name, seams in found.items()}
    store("combo", {"steps": given.steps, "photographs": len(pictures), "mean levels from the photograph": strength,
                    "seam ratio": ratio, **excess(ratio),
                    "beside all neighbours": {"seam ratio": plain, **excess(plain)}})  # fmt: skip


def difference(painted: np.ndarray, picture: np.ndarray) -> float:
    """Mean absolute difference in levels of 255, of what both show."""
    height, width = painted.shape[:2]
    return float(np.abs(painted.astype(float) - np.asarray(picture)[:height, :width]).mean())


def excess(ratio: dict[str, float]) -> dict[str, float]:
    """What the combo leaves of the excess over 1, with the term and without."""
    left = {name: (value - 1) / (ratio["without"] - 1) for name, value in ratio.items()}
    return {f"excess {name} over without": left[name] for name in ("with combo", "as in the article")}


if __name__ == "__main__":
    main()
