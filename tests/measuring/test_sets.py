"""Distances of sets: closed forms, another implementation, and real pictures through the real network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from acutance.errors import BadInput, UsageError
from acutance.files.pixels import read_rgb8
from acutance.measuring import sets
from acutance.measuring.metrics.fid import frechet
from acutance.measuring.metrics.kid import kid, mmd


def gauss(count: int, width: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)) @ np.random.default_rng(9).normal(size=(width,) * 2)


def test_frechet_has_its_closed_forms() -> None:
    """Equal sets 0; moved by v: |v|^2; stretched by s about its mean: (s - 1)^2 tr C; v and s together: their sum."""
    a, v = gauss(300), np.arange(16.0)
    trace = np.trace(np.cov(a, rowvar=False))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, a + v) == pytest.approx(v @ v)
    stretched = (a - a.mean(0)) * 3 + a.mean(0)
    assert frechet(a, stretched) == pytest.approx(4 * trace) == frechet(stretched, a)
    assert frechet(a, stretched + v) == pytest.approx(4 * trace + v @ v)


def test_frechet_with_another_matrix_root() -> None:
    """Heusel's own form, with scipy's root of the product, which is not symmetric."""
    from scipy.linalg import sqrtm

    a, b = gauss(200), gauss(250, seed=1) * np.linspace(0.5, 2, 16) + 1
    c, d = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    apart = a.mean(0) - b.mean(0)
    assert frechet(a, b) == pytest.approx(apart @ apart + np.trace(c + d - 2 * np.real(sqrtm(c @ d))), rel=1e-9)


def test_frechet_is_safe_with_fewer_samples_than_features() -> None:
    a = gauss(5, 64)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + 1) == pytest.approx(64, rel=1e-12)
    same = np.ones((3, 8))
    assert frechet(same, same) == 0 and frechet(same, same + 2) == pytest.approx(32)


def test_kernel_distance_is_its_definition() -> None:
    a, b = gauss(7, 3), gauss(9, 3, seed=4)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 3 + 1) ** 3

    within_a = np.mean([k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    assert mmd(a, b) == pytest.approx(within_a + within_b - 2 * np.mean([k(x, y) for x in a for y in b]))


def test_kernel_distance_has_no_bias() -> None:
    """Of two draws from one distribution it is 0 within chance at any size; the Frechet distance is not."""
    draws = [mmd(np.random.default_rng(s).normal(size=(20, 8)), np.random.default_rng(s + 999).normal(size=(20, 8)))
             for s in range(400)]  # fmt: skip
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20
    a, b = gauss(800), gauss(800, seed=1)
    equal, moved = kid(a, b, size=100), kid(a, b + 1, size=100)
    assert abs(equal.mean) < 3 * equal.deviation < moved.mean
    assert kid(a, b).size == 400 and kid(a[:2], b).size == 2
    assert kid(a, b, seed=1) != kid(a, b) == kid(a, b, seed=0)


def test_what_cannot_be_compared() -> None:
    for a, b in ((np.zeros((1, 4)), np.zeros((5, 4))), (np.zeros((5, 4)), np.zeros((5, 3)))):
        with pytest.raises(BadInput, match="at least 2 samples"):
            frechet(a, b)
    with pytest.raises(BadInput, match="not finite"):
        kid(np.full((4, 2), np.nan), np.zeros((4, 2)))


def test_features_do_not_depend_on_batches(photo: np.ndarray) -> None:
    """A counting extractor: every crop of every picture once, in order, in batches of bounded size."""
    seen: list[int] = []

    def extract(crops: np.ndarray) -> np.ndarray:
        seen.append(len(crops))
        return crops.reshape(len(crops), -1).mean(1, keepdims=True).astype(float)

    extractor = sets.Extractor(name="mean", about="mean level", crop=64, extract=extract)
    found = sets.features((photo[: 64 * n, : 64 * n] for n in (1, 3, 2)), extractor)
    assert len(found) == sum(seen) == 14 and max(seen) <= sets.BATCH
    assert found[1:10, 0].tolist() == [photo[y : y + 64, x : x + 64].mean() for y in (0, 64, 128) for x in (0, 64, 128)]
    with pytest.raises(BadInput, match="none of these pictures holds a crop of 64x64"):
        sets.features([photo[:63]], extractor)


def test_real_pictures_through_the_real_network(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are nearer to others than they are once blurred; names say what was measured."""
    from acutance.imaging.bicubic import downscale, upscale

    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    sets.vgg19.cache_clear()
    extractor = sets.vgg19()
    pictures = [read_rgb8(p)[:128, :256] for p in sorted((shared / "bench" / "BSD100" / "HR").iterdir())[:20]]
    blurred = [upscale(downscale(p, 4), 4) for p in pictures[:10]]
    near = sets.compare_sets(pictures[:10], pictures[10:], extractor)
    far = sets.compare_sets(blurred, pictures[10:], extractor)
    kid, fid = "kid_vgg19_relu3_4_evened", "fid_vgg19_relu3_4_evened"
    assert set(near) == {kid, f"{kid}_deviation", fid, "features", "crops", "reference_crops"}
    assert str(near["features"]).startswith("Oxford VGG19, relu3_4, mean over crops of 128x128") and near["crops"] == 20
    assert float(near[kid]) < float(far[kid])
    json.dumps(near, allow_nan=False)


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    sets.vgg19.cache_clear()
    with pytest.raises(UsageError, match=r"vgg19-d01eb7cb\.pth: not in"):
        sets.vgg19()
