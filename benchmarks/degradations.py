"""Look at the degradations and time them: python benchmarks/degradations.py PICTURE [-o SHEETS]

Writes one contact sheet for each chain (16 crops: bicubic left, the chain right, low resolution
enlarged by repeating pixels) and prints the processor milliseconds one sample takes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.contract import Degradation, trim
from acutance.degrade.film import Film
from acutance.degrade.realesrgan import RealESRGAN

SCALE = 4
CHAINS: dict[str, Degradation] = {
    "realesrgan": RealESRGAN(),
    "realesrgan-plain": RealESRGAN(sharpen=False),
    "film": Film(),
    "film-old": Film(monochrome=0.3, sepia=0.3, dust=1.0, scratch=1.0, comb=1.0, bleed=1.0, fade=1.0),
}


def generators(count: int) -> list[np.random.Generator]:
    return [np.random.Generator(np.random.Philox(key=[1, i])) for i in range(count)]


def crops(picture: np.ndarray, count: int, side: int, margin: int) -> Tensor:
    """Crops of ``side`` pixels spread over ``picture``, with their margin: (count, 3, H, W) levels."""
    random, wide = np.random.default_rng(0), side + 2 * margin
    corners = [[int(random.integers(length - wide + 1)) for length in picture.shape[:2]] for _ in range(count)]
    pieces = np.stack([picture[y : y + wide, x : x + wide] for y, x in corners])
    return torch.from_numpy(pieces).permute(0, 3, 1, 2).float()


def sheet(chain: Degradation, picture: np.ndarray) -> Image.Image:
    hr, plain = crops(picture, 16, 128, chain.margin(SCALE)), Bicubic()
    beside = plain(trim(hr, chain.margin(SCALE) - plain.margin(SCALE)), generators(16), SCALE)
    pairs = torch.cat((beside, chain(hr, generators(16), SCALE)), 3)
    levels = (pairs * 255).round().byte().view(4, 4, *pairs.shape[1:]).permute(0, 3, 1, 4, 2)
    flat = Image.fromarray(levels.reshape(4 * pairs.shape[2], 4 * pairs.shape[3], 3).numpy())
    return flat.resize((flat.width * 6, flat.height * 6), Image.Resampling.NEAREST)


def milliseconds(chain: Degradation, picture: np.ndarray, side: int, samples: int = 32, rounds: int = 5) -> float:
    """Processor time of one sample on one thread: each sample's best round, then the mean."""
    hr = crops(picture, samples, side, chain.margin(SCALE)).split(1)
    best = np.full(samples, np.inf)
    for _ in range(rounds):
        for i, random in enumerate(generators(samples)):
            start = time.thread_time()
            chain(hr[i], [random], SCALE)
            best[i] = min(best[i], time.thread_time() - start)
    return float(best.mean() * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, help="a photograph of at least 320 x 320 pixels")
    parser.add_argument("-o", "--output", type=Path, help="folder for the sheets; none are written without it")
    arguments = parser.parse_args()
    picture = np.asarray(Image.open(arguments.picture).convert("RGB"))
    torch.set_num_threads(1)
    for name, chain in CHAINS.items():
        if arguments.output:
            arguments.output.mkdir(parents=True, exist_ok=True)
            sheet(chain, picture).save(arguments.output / f"{name}.png")
        times = " ".join(f"{milliseconds(chain, picture, side):6.2f} ms at {side}" for side in (128, 256))
        print(f"{name:20s}{times}", flush=True)


if __name__ == "__main__":
    main()
