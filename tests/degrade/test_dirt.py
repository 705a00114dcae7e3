"""Dust and scratches: where they are asked for, nowhere else, within range."""

from __future__ import annotations

import numpy as np

from acutance.degrade.dirt import draw_dirt


def test_a_clean_frame_has_no_cover() -> None:
    level, cover = draw_dirt(np.random.default_rng(0), 30, 50, 0, 0)
    assert level.shape == cover.shape == (30, 50) and cover.max() == 0


def test_dust_covers_little_and_scratches_the_whole_height() -> None:
    for seed in range(30):
        level, cover = draw_dirt(np.random.default_rng(seed), 60, 80, 5, 0)
        assert level.dtype == cover.dtype == np.float32
        assert cover.min() >= 0 and cover.max() <= 1 and level.min() >= 0 and level.max() <= 255
        assert (cover > 0.05).mean() < 0.12
    _, cover = draw_dirt(np.random.default_rng(1), 60, 80, 0, 1)
    assert (cover.max(axis=1) > 0.02).mean() > 0.9
    assert (cover > 0.02).sum(axis=1).max() <= 7
