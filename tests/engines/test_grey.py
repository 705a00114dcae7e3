"""Pictures without colour get none, whatever a network draws."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.engines.grey import RADIUS, without_colour
from acutance.models import store
from acutance.pipelines.upscale import Settings, Upscaler


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    y, x = np.mgrid[:60, :70]
    noise = np.random.default_rng(1).normal(0, 12, (60, 70))
    return (120 + 60 * np.sin(x / 5) * np.cos(y / 7) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_three_equal_bands_give_three_equal_bands(grey: np.ndarray, engine: str, depth: type) -> None:
    upscaler = Upscaler(store.load("restore"), Settings(engine=engine, precision="fp32"))  # type: ignore[arg-type]
    picture = np.repeat(grey[..., None], 3, 2)
    picture = {np.uint8: picture, np.uint16: picture * np.uint16(257), np.float32: picture / np.float32(255)}[depth]
    result = upscaler.array(picture)
    assert (result[..., :1] == result).all() and result.std() > 0
    single = upscaler.array(np.ascontiguousarray(picture[..., 0]))
    assert np.abs(single.astype(float) - result[..., 0]).max() <= (1e-6 if depth is np.float32 else 1)


def test_the_network_alone_would_tint_it(grey: np.ndarray) -> None:
    from acutance.engines.cpu import CpuEngine

    engine = CpuEngine(store.load("restore"), grey.shape, "fp32", deep=False)  # type: ignore[arg-type]
    result = next(engine.stream([np.repeat(grey[..., None], 3, 2)])).astype(int)
    assert np.abs(result - result[..., :1]).max() > 3


def test_where_tiles_lie_does_not_matter(grey: np.ndarray) -> None:
    """Half of the picture has colour; the other half is grey up to its border and no further."""
    picture = np.repeat(np.tile(grey, (1, 2))[..., None], 3, 2)
    picture[:, :70, 0] = np.roll(picture[:, :70, 0], 3, 0)
    whole, tiled = (
        Upscaler(store.load("restore"), Settings(precision="fp32", tile=tile)).array(picture) for tile in (200, 80)
    )
    assert np.abs(whole.astype(int) - tiled).max() <= 1
    rest = whole[:, 4 * (70 + RADIUS) :]
    assert (rest[..., :1] == rest).all()
    assert np.ptp(whole[:, : 4 * 60].astype(int), axis=2).max() > 20


def test_one_coloured_sample_colours_its_surroundings_alone() -> None:
    tile = np.full((40, 50, 3), 9, np.uint8)
    assert without_colour(tile).all()  # type: ignore[union-attr]
    tile[20, 30] = (9, 9, 10)
    expected = np.ones((40, 50), bool)
    expected[20 - RADIUS : 21 + RADIUS, 30 - RADIUS : 31 + RADIUS] = False
    for found in (without_colour(tile), without_colour(tile.transpose(2, 0, 1).astype(np.float32))):
        assert np.array_equal(found, expected)  # type: ignore[arg-type]
    assert without_colour(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)) is None
