"""Make a test set of damaged pictures: python benchmarks/damaged.py BENCH OUT [--chain film] [--scale 2] [--seed 1]

The originals of BENCH go to OUT/HR, cropped to whole multiples of the scale (4); OUT/LRx4 holds what a chain like
the one ``restore`` was trained against makes of them, picture number n with the random numbers of (seed, n). OUT is
then a test set for acutance evaluate --bench OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from acutance.degrade.contract import Degradation
from acutance.degrade.film import Film
from acutance.degrade.mixed import Mixed
from acutance.degrade.realesrgan import RealESRGAN
from acutance.files.pixels import read_rgb8, write_png
from acutance.imaging.bicubic import modcrop
from acutance.measuring.pairs import find_pairs
from acutance.training.data import as_levels, generator, padded

SEED = 2024
MIXED = Mixed(choices=((0.6, RealESRGAN()), (0.4, Film())))
CHAINS: dict[str, Degradation] = {"mixed": MIXED, "realesrgan": RealESRGAN(), "film": Film()}


def damaged(hr: np.ndarray, chain: Degradation, number: int, scale: int = 4, seed: int = SEED) -> np.ndarray:
    """The damaged small picture of ``hr``, uint8 ``(H / scale, W / scale, 3)``."""
    wide = padded(hr, 0, 0, (hr.shape[0], hr.shape[1]), chain.margin(scale))
    lr = chain(as_levels([wide], torch.device("cpu")), [generator(seed, number)], scale)[0]
    return (lr * 255).round().byte().permute(1, 2, 0).numpy()


def main() -> None:
    """Write every pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chain", choices=sorted(CHAINS), default="mixed")
    parser.add_argument("--scale", type=int, choices=(2, 4), default=4)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    small = f"LRx{given.scale}"
    for folder in ("HR", small):
        (given.out / folder).mkdir(parents=True)
    for number, (path, _) in enumerate(find_pairs(given.bench, given.scale)):
        hr = modcrop(read_rgb8(path), given.scale)
        write_png(given.out / "HR" / f"{path.stem}.png", hr)
        write_png(
            given.out / small / f"{path.stem}.png", damaged(hr, CHAINS[given.chain], number, given.scale, given.seed)
        )


if __name__ == "__main__":
    main()
