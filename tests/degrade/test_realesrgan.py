"""The Real-ESRGAN chain: a thousand draws keep to the published ranges (check G1)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from acutance.degrade import realesrgan
from acutance.degrade.contract import trim
from acutance.degrade.realesrgan import FIRST, SECOND, RealESRGAN, Stage, StageDraw
from acutance.degrade.sharpen import MARGIN, unsharp


@pytest.fixture(scope="module")
def draws() -> list[realesrgan.Draw]:
    random = np.random.default_rng(0)
    return [RealESRGAN().draw(random) for _ in range(1000)]


def keeps_to(stages: list[StageDraw], law: Stage) -> None:
    """Ranges exactly, probabilities within four standard errors."""
    factors = np.array([s.factor for s in stages])
    assert factors.min() >= law.factor[0] and factors.max() <= law.factor[1]
    shares = [(factors > 1).mean(), (factors < 1).mean(), (factors == 1).mean()]
    assert shares == pytest.approx(law.resize, abs=0.06)
    assert {s.method for s in stages} == {"area", "bilinear", "bicubic"}
    for kind, (low, high) in ((True, law.sigma), (False, law.poisson)):
        strengths = [s.strength for s in stages if s.gaussian is kind]
        assert low <= min(strengths) < max(strengths) <= high
        assert len(strengths) == pytest.approx(500, abs=65)
    assert np.mean([s.grey for s in stages]) == pytest.approx(0.4, abs=0.06)
    assert np.mean([s.kernel is not None for s in stages]) == pytest.approx(law.blur, abs=0.06)


def test_the_published_numbers() -> None:
    assert (FIRST.resize, FIRST.factor, FIRST.sigma, FIRST.poisson) == (
        (0.2, 0.7, 0.1),
        (0.15, 1.5),
        (1, 30),
        (0.05, 3),
    )
    assert (SECOND.resize, SECOND.factor, SECOND.sigma, SECOND.poisson) == (
        (0.3, 0.4, 0.3),
        (0.3, 1.2),
        (1, 25),
        (0.05, 2.5),
    )
    assert (FIRST.blur, SECOND.blur, FIRST.kernel.sigma, SECOND.kernel.sigma) == (1.0, 0.8, (0.2, 3), (0.2, 1.5))


def test_a_thousand_draws_keep_to_them(draws: list[realesrgan.Draw]) -> None:
    keeps_to([d.first for d in draws], FIRST)
    keeps_to([d.second for d in draws], SECOND)
    quality = np.array([d.quality for d in draws])
    assert quality.min() == 30 and quality.max() == 95
    assert np.mean([d.jpeg_last for d in draws]) == pytest.approx(0.5, abs=0.065)
    sincs = [d.sinc for d in draws if d.sinc]
    assert len(sincs) == pytest.approx(800, abs=50)
    assert all(k.family == "sinc" and math.pi / 3 <= k.cutoff <= math.pi for k in sincs)
    assert {k.size for k in sincs} == set(range(7, 22, 2))
    assert {p for d in draws for pair in d.phase for p in pair} == set(range(16))


def test_it_sees_the_sharpened_target(photo: np.ndarray) -> None:
    """Sharpening inside is sharpening before; the margin grows by what that needs."""
    hr = torch.from_numpy(photo[:96, 160:256].copy()).permute(2, 0, 1)[None].float()
    inside, before = RealESRGAN(), RealESRGAN(sharpen=False)
    assert inside.margin(4) == before.margin(4) + MARGIN
    sharp = trim(unsharp(hr), MARGIN)
    one, other = inside(hr, [np.random.default_rng(3)], 4), before(sharp, [np.random.default_rng(3)], 4)
    assert torch.equal(one, other)


def test_it_is_harder_than_bicubic_but_the_same_picture(photo: np.ndarray) -> None:
    chain = RealESRGAN(sharpen=False)
    m = chain.margin(4)
    hr = torch.from_numpy(photo[40 : 168 + 2 * m, 140 : 268 + 2 * m].copy()).permute(2, 0, 1)[None].float()
    hr = hr.expand(12, -1, -1, -1)
    lr = chain(hr, [np.random.default_rng(i) for i in range(12)], 4) * 255
    plain = torch.nn.functional.avg_pool2d(trim(hr, m), 4)
    error = (lr - plain).abs().mean((1, 2, 3))
    assert error.min() > 1 and error.max() < 40
    assert (lr.mean((1, 2, 3)) - plain.mean((1, 2, 3))).abs().max() < 6  # no change of light
