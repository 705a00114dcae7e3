"""Small networks learn one picture by heart, through the real step (checks D7, F9)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from acutance.imaging.bicubic import downscale, upscale
from acutance.networks.ranges import UnitRange
from acutance.networks.rrdb import RRDBNet
from acutance.networks.srresnet import SRResNet
from acutance.training.batch import Batch
from acutance.training.data import PairedCrops
from acutance.training.losses.pixel import l1, mse
from acutance.training.objective import Regression
from acutance.training.recipe import MultiStep, Recipe
from acutance.training.recipes.optimizers import adam
from acutance.training.step import build, step


def synthetic(side: int, fineness: float) -> np.ndarray:
    """Rings, stripes and a checkerboard, one in each channel: what bicubic cannot guess."""
    y, x = np.mgrid[:side, :side] * fineness
    rings = 0.5 + 0.5 * np.sin(np.hypot(x - x.mean(), y - y.mean()) * 1.2)
    stripes = 0.5 + 0.5 * np.sin((x + 0.5 * y) * 1.1)
    board = ((x // 3 + y // 3) % 2).astype(np.float64)
    return np.round(np.stack([rings, stripes, board], -1) * 255).astype(np.uint8)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize(
    ("network", "loss", "rate", "side", "fineness", "steps", "above_bicubic", "at_least"),
    [
        (lambda: SRResNet(channels=16, blocks=2), mse, 2e-3, 48, 1.0, 200, 10.0, 28.0),
        (lambda: RRDBNet(channels=32, growth=16, blocks=2), l1, 1e-3, 96, 0.5, 300, 4.0, 16.5),
    ],
    ids=["srresnet", "rrdb"],
)
def test_one_picture_by_heart(network, loss, rate, side, fineness, steps, above_bicubic, at_least) -> None:
    torch.manual_seed(0)
    hr = synthetic(side, fineness)
    lr = downscale(hr, 4)
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in (lr, hr)]
    recipe = Recipe(
        name="overfit", source="", network="", arguments={}, data=PairedCrops(), schedule=MultiStep(), steps=steps,
        objective=lambda _: Regression(network(), losses=(("loss", 1.0, loss),), optimizer=adam(rate)),
        ema=0.0, mixed=False,
    )  # fmt: skip
    state = build(recipe, None, torch.device("cpu"))
    stream = itertools.repeat(Batch(*tensors))
    for _ in range(steps):
        step(state, stream, recipe, 1.0)
    with torch.inference_mode():
        result = UnitRange(state.objective.generator.eval())(tensors[0])[0]
    learnt = psnr((result.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy(), hr)
    assert learnt > at_least and learnt > psnr(upscale(lr, 4), hr) + above_bicubic
