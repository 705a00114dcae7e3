"""The kernels of Real-ESRGAN: sizes, sums, symmetry, ranges, formulas (check G1)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acutance.degrade.kernels import (
    Kernel,
    KernelLaw,
    bell,
    convolve,
    draw_kernel,
    draw_sinc,
    fast_length,
    pad,
    ring,
    sinc,
)  # fmt: skip

LAWS = {"first": KernelLaw(), "second": KernelLaw(sigma=(0.2, 1.5))}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_a_thousand_kernels_keep_to_their_law(law: KernelLaw) -> None:
    random = np.random.default_rng(0)
    drawn = [draw_kernel(random, law) for _ in range(1000)]
    assert {k.size for k in drawn} == set(range(7, 22, 2))
    for k in drawn:
        weights = k.weights()
        assert weights.shape == (k.size, k.size) and weights.dtype == np.float32
        assert abs(weights.sum(dtype=np.float64) - 1) < 1e-5
        padded = pad(weights)
        assert padded.shape == (21, 21) and padded.sum() == pytest.approx(weights.sum())
        np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-7)  # all are even in both axes together
        if k.family == "sinc":
            assert (math.pi / 3 if k.size < 13 else math.pi / 5) <= k.cutoff <= math.pi
            continue
        assert all(law.sigma[0] <= s <= law.sigma[1] for s in k.sigma) and abs(k.rotation) <= math.pi
        low, high = {"gaussian": (1, 1), "generalised": (0.5, 4), "plateau": (1, 2)}[k.family]
        assert low <= k.beta <= high
        if k.sigma[0] == k.sigma[1]:
            assert k.rotation == 0
            for other in (weights.T, weights[::-1], weights[:, ::-1]):
                np.testing.assert_allclose(weights, other, atol=1e-7)


def test_the_families_come_as_often_as_published() -> None:
    random = np.random.default_rng(1)
    drawn = [draw_kernel(random, KernelLaw()) for _ in range(4000)]
    share = {f: np.mean([k.family == f for k in drawn]) for f in ("sinc", "gaussian", "generalised", "plateau")}
    assert share == pytest.approx({"sinc": 0.1, "gaussian": 0.63, "generalised": 0.135, "plateau": 0.135}, abs=0.025)
    isotropic = np.mean([k.sigma[0] == k.sigma[1] for k in drawn if k.family != "sinc"])
    assert isotropic == pytest.approx(0.69, abs=0.025)
    assert np.mean([k.beta < 1 for k in drawn if k.family == "generalised"]) == pytest.approx(0.5, abs=0.08)
    assert np.mean([k.beta == 1 for k in drawn if k.family == "plateau"]) == pytest.approx(0.5, abs=0.08)


def test_the_formulas_at_single_points() -> None:
    def ratio(weights: np.ndarray) -> float:
        return float(weights[3, 5] / weights[3, 3])  # two pixels right of the centre, and the centre

    assert ratio(bell("gaussian", 7, (2.0, 1.0))) == pytest.approx(math.exp(-0.5))
    assert ratio(bell("gaussian", 7, (2.0, 1.0), math.pi / 2)) == pytest.approx(math.exp(-2), rel=1e-5)
    assert ratio(bell("generalised", 7, (1.0, 1.0), beta=0.5)) == pytest.approx(math.exp(-1))
    assert ratio(bell("plateau", 7, (1.0, 1.0), beta=1.5)) == pytest.approx(1 / 9)


def test_the_sinc_in_its_centre_and_beside_it() -> None:
    for cutoff in (math.pi / 5, 1.0, math.pi):
        weights = ring(21, cutoff)
        assert weights[10, 10] == pytest.approx(cutoff**2 / (4 * math.pi))
        # J1(x) = x/2 - x^3/16 + x^5/384 - ... at the pixel beside the centre
        x, series = cutoff, 0.0
        for n in range(20):
            series += (-1) ** n * (x / 2) ** (2 * n + 1) / (math.factorial(n) * math.factorial(n + 1))
        assert weights[10, 11] == pytest.approx(cutoff * series / (2 * math.pi))
        np.testing.assert_allclose(sinc(21, cutoff), weights / weights.sum(), rtol=1e-6)


def test_a_small_sinc_has_no_low_cutoff() -> None:
    random = np.random.default_rng(2)
    assert min(draw_sinc(random, 11).cutoff for _ in range(300)) >= math.pi / 3
    assert min(draw_sinc(random, 13).cutoff for _ in range(300)) < math.pi / 3


@pytest.mark.parametrize(("size", "height", "width"), [(7, 40, 51), (21, 33, 64), (21, 6, 30)])
def test_filtering_is_the_sum_of_products(size: int, height: int, width: int) -> None:
    picture = torch.from_numpy(np.random.default_rng(3).uniform(0, 255, (2, 3, height, width)).astype(np.float32))
    weights = Kernel("gaussian", size, (2.5, 0.8), 0.6).weights()
    mode = "reflect" if size // 2 < min(height, width) else "replicate"
    wide = F.pad(picture, (size // 2,) * 4, mode=mode).flatten(0, 1)[:, None]
    want = F.conv2d(wide, torch.from_numpy(weights)[None, None]).view(picture.shape)
    torch.testing.assert_close(convolve(picture, weights), want, atol=2e-3, rtol=0)
    torch.testing.assert_close(convolve(picture, pad(weights)), convolve(picture, weights), atol=60, rtol=0)
    inner = (..., slice(10, -10), slice(10, -10))
    if height > 20:
        torch.testing.assert_close(convolve(picture, pad(weights))[inner], convolve(picture, weights)[inner])


def test_lengths_are_fast_even_and_not_much_longer() -> None:
    for length in range(1, 600):
        fast = fast_length(length)
        assert length <= fast <= 1.25 * length + 2 and fast % 2 == 0
