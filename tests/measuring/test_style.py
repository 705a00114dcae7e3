"""Drawing kept and texture changed, on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.measuring.metrics.style import SCALES, edge_agreement, matched_colours, texture, texture_distance


def strokes(seed: int, length: int) -> np.ndarray:
    """Random colour smeared along rows: length 1 is noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (128, 128 + length - 1, 3)).astype(float)
    smeared = np.stack([noise[:, i : i + 128] for i in range(length)]).mean(0)
    return np.clip(128 + (smeared - 128) * length**0.5, 0, 255).astype(np.uint8)


def test_drawing(photo: np.ndarray) -> None:
    assert edge_agreement(photo, photo) == pytest.approx(1)
    assert edge_agreement(photo, 255 - photo) == pytest.approx(1)
    grained = np.clip(photo.astype(int) + np.random.default_rng(0).integers(-20, 21, photo.shape), 0, 255)
    other = photo[::-1, ::-1]
    assert edge_agreement(photo, grained.astype(np.uint8)) > 0.9 > 0.3 > abs(edge_agreement(photo, other))
    assert edge_agreement(photo, np.zeros_like(photo)) == 0


def test_strokes_are_more_coherent_than_noise() -> None:
    short, long = (texture(strokes(0, length))[-1] for length in (1, 16))
    assert long > 3 * short and 0.7 < long <= 1
    turned = texture(strokes(0, 16).transpose(1, 0, 2).copy())
    assert turned[-1] == pytest.approx(long, abs=0.02)


def test_distance_finds_the_nearer_set() -> None:
    paintings = [strokes(seed, 12) for seed in range(6)]
    near, far = ([strokes(seed, n) for seed in range(10, 16)] for n in (10, 1))
    close, away = texture_distance(near, paintings), texture_distance(far, paintings)
    assert close.keys() == set(SCALES) and all(close[scale] < away[scale] for scale in SCALES)


def test_matching_colours_moves_colours_only(photo: np.ndarray) -> None:
    example = np.random.default_rng(0).integers(90, 160, (64, 64, 3)).astype(np.uint8)
    result = matched_colours(photo[:64, :96], example)
    assert result.shape == (64, 96, 3)
    for band in range(3):
        assert np.median(result[..., band]) == pytest.approx(np.median(example[..., band]), abs=1)
        order = np.argsort(photo[:64, :96, band].ravel(), kind="stable")
        assert (np.diff(result[..., band].ravel()[order].astype(int)) >= 0).all()
