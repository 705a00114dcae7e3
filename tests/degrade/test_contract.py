"""What holds for every degradation, whatever it does to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.contract import Degradation, trim
from acutance.degrade.film import Film
from acutance.degrade.gaussian import GaussianDown
from acutance.degrade.linear import AntialiasedLinear, Linear
from acutance.degrade.mixed import Mixed
from acutance.degrade.realesrgan import RealESRGAN
from acutance.errors import UsageError

ALL: dict[str, Degradation] = {
    "bicubic": Bicubic(),
    "linear": Linear(),
    "antialiased linear": AntialiasedLinear(),
    "gaussian": GaussianDown(),
    "realesrgan": RealESRGAN(),
    "realesrgan plain": RealESRGAN(sharpen=False),
    "film": Film(),
    "every part of film": Film(monochrome=0.3, sepia=0.3, bleed=1, fade=1, flicker=1, dust=1, scratch=1, comb=1),
    "mixed": Mixed(choices=((0.6, RealESRGAN()), (0.3, Film()), (0.1, Bicubic()))),
}
every = pytest.mark.parametrize("degradation", ALL.values(), ids=ALL.keys())


def generators(first: int, count: int) -> list[np.random.Generator]:
    return [np.random.Generator(np.random.Philox(key=[5, first + i])) for i in range(count)]


def pictures(photo: np.ndarray, count: int, height: int, width: int, margin: int) -> Tensor:
    """Different crops of a photograph, with ``margin`` pixels around ``height`` x ``width``."""
    tall, wide = height + 2 * margin, width + 2 * margin
    crops = [photo[30 + 7 * i : 30 + 7 * i + tall, 120 + 11 * i : 120 + 11 * i + wide] for i in range(count)]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()


def degrade(degradation: Degradation, hr: Tensor, randoms: Sequence[np.random.Generator], scale: int) -> Tensor:
    before = hr.clone()
    lr = degradation(hr, randoms, scale)
    assert torch.equal(hr, before), "the good picture was written to"
    return lr


@every
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_the_exact_size_on_the_8_bit_grid(photo: np.ndarray, degradation: Degradation, scale: int) -> None:
    hr = pictures(photo, 3, 12 * scale, 20 * scale, degradation.margin(scale))
    lr = degrade(degradation, hr, generators(0, 3), scale)
    assert lr.shape == (3, 3, 12, 20) and lr.dtype == torch.float32
    assert lr.min() >= 0 and lr.max() <= 1
    assert torch.equal((lr * 255).round() / 255, lr)


@every
def test_a_sample_is_the_same_in_any_batch(photo: np.ndarray, degradation: Degradation) -> None:
    hr = pictures(photo, 5, 48, 64, degradation.margin(4))
    whole = degrade(degradation, hr, generators(0, 5), 4)
    assert torch.equal(whole, degrade(degradation, hr, generators(0, 5), 4)), "the same seeds, another result"
    for part in (slice(0, 1), slice(2, 5)):
        alone = degrade(degradation, hr[part], generators(part.start, part.stop - part.start), 4)
        assert torch.equal(alone, whole[part])


@every
def test_another_seed_is_another_picture_unless_nothing_is_random(photo: np.ndarray, degradation: Degradation) -> None:
    hr = pictures(photo, 1, 64, 64, degradation.margin(4))
    first, second = (degrade(degradation, hr, generators(seed, 1), 4) for seed in (1, 2))
    fixed = isinstance(degradation, Bicubic | Linear | AntialiasedLinear | GaussianDown)
    assert torch.equal(first, second) == fixed


def displacement(lr: Tensor, reference: Tensor) -> np.ndarray:
    """By how many pixels ``lr`` lies off ``reference`` (x, y): Lucas and Kanade's least squares."""
    lr, reference = (x.mean((0, 1)).double() for x in (lr, reference))
    dx = (reference[1:-1, 2:] - reference[1:-1, :-2]).flatten() / 2
    dy = (reference[2:, 1:-1] - reference[:-2, 1:-1]).flatten() / 2
    system = torch.stack((dx, dy, reference[1:-1, 1:-1].flatten(), torch.ones_like(dx)), 1)
    solution = torch.linalg.lstsq(system, lr[1:-1, 1:-1].flatten()[:, None]).solution[:, 0]
    return (-solution[:2] / solution[2]).numpy()


@every
def test_the_small_picture_lies_on_the_large_one(degradation: Degradation) -> None:
    if isinstance(degradation, Film):
        degradation = replace(degradation, dust=0, scratch=0)  # a line down the picture looks like a shift
    axis = torch.arange(-64, 192) / 10
    wave = 128 + 45 * torch.sin(axis)[:, None] + 45 * torch.cos(0.8 * axis)[None, :]
    wave = wave.round().expand(1, 3, -1, -1)
    plain = Bicubic()(trim(wave, 64 - Bicubic().margin(4)), generators(0, 1), 4)
    hr = trim(wave, 64 - degradation.margin(4))
    offsets = []
    for seed in range(24):
        lr = degrade(degradation, hr, generators(seed, 1), 4)
        offsets.append(displacement(lr, plain))
    assert np.abs(offsets).max() < 0.5, "one sample is off by more than half a pixel"
    assert np.abs(np.mean(offsets, 0)).max() < 0.08, "they are off in the mean"


@every
def test_what_does_not_fit_is_said(degradation: Degradation) -> None:
    m = degradation.margin(4)
    with pytest.raises(UsageError, match="whole multiple"):
        degradation(torch.zeros(1, 3, 62 + 2 * m, 64 + 2 * m), generators(0, 1), 4)
    with pytest.raises(UsageError, match="generators"):
        degradation(torch.zeros(2, 3, 64 + 2 * m, 64 + 2 * m), generators(0, 1), 4)
