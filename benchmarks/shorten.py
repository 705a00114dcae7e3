"""A shallow RRDBNet out of a deep one, to go on training from.

Usage: python benchmarks/shorten.py WEIGHTS.pth DATASET --blocks 6 --licence Apache-2.0 -o MODEL.safetensors
Keeps the first blocks, and fits the convolution behind them by least squares so that it comes as near as a linear
map can to what it said behind all of them. The fit reads crops of the training photographs in DATASET.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from acutance.files.weights import sha256
from acutance.models.foreign import read_foreign
from acutance.networks.rrdb import RRDBNet
from acutance.training.data import PairedCrops
from acutance.training.export import export_model
from acutance.training.pack import Pack

CROPS = PairedCrops(scale=4, patch=192, batch=24, candidates=3)
RIDGE = 1e-4  # of the mean square of a feature: keeps the fit from chasing rounding


def least_squares(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the 3x3 convolution that maps ``features`` nearest to ``target``, both ``(N, C, H, W)``."""
    channels = features.shape[1]
    seen = F.unfold(features, 3, padding=1).transpose(1, 2).flatten(0, 1).double()
    seen = torch.cat([seen, torch.ones(len(seen), 1)], 1)
    wanted = target.flatten(2).transpose(1, 2).flatten(0, 1).double()
    square = seen.T @ seen
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square))
    solution = torch.linalg.solve(square, seen.T @ wanted).float().T
    return solution[:, :-1].reshape(-1, channels, 3, 3), solution[:, -1]


@torch.inference_mode()
def main() -> None:
    """Shorten, fit and write with a receipt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--licence", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    found = read_foreign(given.weights)
    deep, arguments = found.module(), {**found.arguments, "blocks": given.blocks}
    assert isinstance(deep, RRDBNet)
    short = RRDBNet(**arguments)
    short.load_state_dict({key: found.weights[key] for key in short.state_dict()})
    sampler = CROPS.sampler(Pack(given.dataset), 1)
    lr = sampler.batch([sampler.sample(index) for index in range(CROPS.batch)], torch.device("cpu")).lr
    first = deep.conv_first(lr)
    wanted, features = deep.conv_body(deep.body(first)), short.body(first)
    weight, bias = least_squares(features, wanted)
    short.conv_body.load_state_dict({"weight": weight, "bias": bias})
    left = (short.conv_body(features) - wanted).var() / wanted.var()
    print(f"{given.blocks} of {found.arguments['blocks']} blocks; {left:.2f} of the features' variance is not met")
    receipt = {
        "about": f"the first {given.blocks} blocks of {given.weights.name}, to train on", "source": given.weights.name,
        "source_sha256": sha256(given.weights), "licence": given.licence,
    }  # fmt: skip
    given.output.parent.mkdir(parents=True, exist_ok=True)
    export_model(given.output.parent, given.output.stem, found.network, arguments, short, receipt)


if __name__ == "__main__":
    main()
