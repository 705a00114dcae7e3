"""Noise has the strength it was asked for, and Poisson's counts Poisson's moments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acutance.degrade.noise import add_gaussian, add_poisson


def random() -> np.random.Generator:
    return np.random.default_rng(4)


def test_gaussian_noise_has_its_sigma() -> None:
    noise = add_gaussian(torch.full((1, 3, 128, 128), 128.0), random(), 12.0, grey=False) - 128
    assert noise.std().item() == pytest.approx(12, rel=0.02) and abs(noise.mean().item()) < 0.2


@pytest.mark.parametrize("add", [add_gaussian, add_poisson])
def test_grey_noise_is_the_same_in_all_channels(add) -> None:
    ramp = torch.linspace(60, 180, 64).expand(1, 3, 64, 64).round()
    noise = add(ramp, random(), 3.0, grey=True) - ramp
    torch.testing.assert_close(noise[:, 0], noise[:, 2])
    colour = add(ramp, random(), 3.0, grey=False) - ramp
    assert (colour[:, 0] - colour[:, 2]).abs().max() > 1


def test_poisson_noise_has_poissons_moments() -> None:
    # 256 levels in the first rows make the brightest one count 256 photons: mean m, variance m
    picture = torch.cat((torch.arange(256.0).expand(1, 3, 2, 256), torch.full((1, 3, 254, 256), 40.0)), 2)
    counts = add_poisson(picture, random(), 1.0, grey=False)[:, :, 2:] * (256 / 255)
    mean = 40 * 256 / 255
    deviation = (counts - mean).flatten().double()
    assert deviation.mean().item() == pytest.approx(0, abs=0.05)
    assert deviation.square().mean().item() == pytest.approx(mean, rel=0.02)
    assert deviation.pow(3).mean().item() == pytest.approx(mean, rel=0.3)


def test_black_counts_nothing() -> None:
    assert add_poisson(torch.zeros(1, 3, 32, 32), random(), 3.0, grey=False).abs().max() == 0
