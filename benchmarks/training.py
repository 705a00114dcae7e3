"""Training steps beside a plain fp32 NCHW loop of the same recipe: on batches in memory, and from the disk; and for
recipes with costly data how much of a step their data is waited for.

Usage: python benchmarks/training.py PHOTOS DATASET --features FILE   (PHOTOS: what DATASET was packed from)
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import peer_training as peer
import torch
from common import store

from acutance.training.batch import Batch
from acutance.training.data import batches
from acutance.training.features import load_features
from acutance.training.pack import Pack
from acutance.training.recipe import Recipe
from acutance.training.recipes import RECIPES
from acutance.training.step import build, step

CPU = torch.device("cpu")
DATA_ONLY = ("restore_psnr_small", "restore_small", "face_srgan_small", "srresnet_small", "unet_srgan_small")
STEPS, ROUNDS = {"compact": 20, "esrgan_small": 4}, 5


def seconds(play: Callable[[], None], count: int) -> float:
    """Per step."""
    begin = time.perf_counter()
    for _ in range(count):
        play()
    return (time.perf_counter() - begin) / count


def watched(own: Iterator[Batch], waits: list[float]) -> Iterator[Batch]:
    """The same batches; how long each was waited for goes into ``waits``."""
    while True:
        begin = time.perf_counter()
        batch = next(own)
        waits.append(time.perf_counter() - begin)
        yield batch


def data_share(recipe: Recipe, features: Any, pack: Pack) -> dict[str, float]:
    """How much of a step its data is waited for."""
    torch.manual_seed(0)
    waits: list[float] = []
    stream = watched(batches(recipe.data.sampler(pack, 0), recipe.data.batch, 0, CPU), waits)
    state = build(recipe, features, CPU)
    seconds(lambda: step(state, stream, recipe, 1.0), 2)
    waits.clear()
    whole = seconds(lambda: step(state, stream, recipe, 1.0), 16)
    return {"seconds_per_step": round(whole, 4), "data_share_of_step": round(statistics.mean(waits) / whole, 3)}


def measure(recipe: Recipe, features: Any, photos: Path, pack: Pack) -> dict[str, Any]:
    """Medians of alternating rounds, seconds per step."""
    count = STEPS[recipe.name]
    torch.manual_seed(0)
    sampler = recipe.data.sampler(pack, 0)
    fixed = next(batches(sampler, recipe.data.batch, 0, CPU))
    plain_objective, plain_optimizers = peer.make(recipe, features)
    other = "uncompiled" if recipe.compile else "compiled"  # than the recipe says
    flipped = replace(recipe, compile=not recipe.compile)
    variants = {"ours": build(recipe, features, CPU), other: build(flipped, features, CPU)}
    memory = {name: itertools.repeat(fixed) for name in variants}
    plays: dict[str, Callable[[], None]] = {
        name: lambda name=name: step(variants[name], memory[name], recipe, 1.0) for name in variants
    }
    nchw = replace(fixed, lr=fixed.lr.contiguous(), hr=fixed.hr.contiguous(), memo={})
    plays["plain"] = lambda: peer.step(plain_objective, plain_optimizers, nchw)
    waits: list[float] = []
    stream = watched(batches(sampler, recipe.data.batch, 0, CPU), waits)
    files = peer.batches(photos, recipe.data.patch, recipe.data.batch, 1000)  # type: ignore[attr-defined]
    plays["ours from disk"] = lambda: step(variants["ours"], stream, recipe, 1.0)
    plays["plain from disk"] = lambda: peer.step(plain_objective, plain_optimizers, next(files))
    for play in plays.values():
        seconds(play, 2)
    waits.clear()
    rows = {name: [] for name in plays}
    for _ in range(ROUNDS):
        for name, play in plays.items():
            rows[name].append(seconds(play, count))
    medians = {name: statistics.median(values) for name, values in rows.items()}
    return {
        "seconds_per_step": {name: round(value, 4) for name, value in medians.items()},
        "ratio_in_memory": round(medians["plain"] / medians["ours"], 2),
        f"ratio_in_memory_{other}": round(medians["plain"] / medians[other], 2),
        "ratio_from_disk": round(medians["plain from disk"] / medians["ours from disk"], 2),
        "data_share_of_step": round(statistics.median(waits) / medians["ours from disk"], 3),
    }


def main() -> None:
    """Both recipes, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--name", default="training", help="of the stored result")
    given = parser.parse_args()
    result, pack = {}, Pack(given.dataset)
    for name in (*STEPS, *DATA_ONLY):
        recipe = RECIPES[name]()
        wanted = recipe.features
        features = load_features(wanted.kind, wanted.last, given.features) if wanted else None
        if name in STEPS:
            result[name] = measure(recipe, features, given.photos, pack)
        else:
            result[name] = data_share(recipe, features, pack)
        print(name, result[name], flush=True)
    store(given.name, {"threads": torch.get_num_threads(), "recipes": result})


if __name__ == "__main__":
    main()
