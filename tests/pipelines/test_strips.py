"""Tiled equals whole, for toy networks of every geometry and for every kind of sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter

from acutance.errors import Interrupted
from acutance.imaging.tiling import Grid, plan_grid
from acutance.pipelines.strips import Layout, peak_of, upscale_strips


class ToyEngine:
    """Runs a function on float tiles ``(3, h, w)``; uint8 tiles are converted as engines do."""

    name, precision = "toy", "fp32"

    def __init__(self, network: Callable[[np.ndarray], np.ndarray]) -> None:
        self.network, self.shapes = network, set()

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for tile in tiles:
            self.shapes.add(tile.shape)
            if tile.dtype != np.uint8:
                yield self.network(tile)
                continue
            result = self.network(tile.transpose(2, 0, 1).astype(np.float32) / 255)
            yield np.rint(np.clip(result, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)


def enlarge(x: np.ndarray, scale: int) -> np.ndarray:
    return x.repeat(scale, axis=1).repeat(scale, axis=2)


def local(halo: int, scale: int) -> Callable[[np.ndarray], np.ndarray]:
    """A mean over (2 halo + 1) squared pixels, zero outside, then nearest: receptive radius = halo."""

    def network(x: np.ndarray) -> np.ndarray:
        size = (1, 2 * halo + 1, 2 * halo + 1)
        return enlarge(uniform_filter(x, size, mode="constant"), scale)

    return network


def strided(stride: int, scale: int) -> Callable[[np.ndarray], np.ndarray]:
    """Every aligned block of ``stride`` squared pixels becomes its mean: breaks unless tiles are aligned."""

    def network(x: np.ndarray) -> np.ndarray:
        blocks = x.reshape(3, x.shape[1] // stride, stride, x.shape[2] // stride, stride).mean((2, 4))
        return enlarge(blocks, stride * scale)

    return network


def run(image: np.ndarray, grid: Grid, scale: int, network: Callable) -> np.ndarray:
    layout = Layout(image.shape[2], image.dtype, peak_of(image.dtype))
    engine = ToyEngine(network)
    strips = list(upscale_strips(lambda a, b: image[a:b], layout, grid, scale, engine))
    assert len(engine.shapes) == 1, "every tile has the compiled shape"
    return np.concatenate(strips)


sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 7), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_local_networks(size: tuple[int, int], halo: int, scale: int, payload: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((*size, 3), dtype=np.float32)
    network = local(halo, scale)
    tiled = run(image, plan_grid(*size, tile=2 * halo + payload, halo=halo), scale, network)
    whole = network(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    np.testing.assert_allclose(tiled, whole, atol=2e-6)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_networks_of_stride_16(size: tuple[int, int], scale: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((*size, 3), dtype=np.float32)
    network = strided(16, scale)
    tiled = run(image, plan_grid(*size, tile=48, halo=0, multiple=16), scale, network)
    padded = np.pad(image, [(0, -size[0] % 16), (0, -size[1] % 16), (0, 0)], mode="edge")
    whole = network(padded.transpose(2, 0, 1)).transpose(1, 2, 0)[: size[0] * scale, : size[1] * scale]
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(1, 2), st.integers(0, 8), st.integers(0, 2**32 - 1))
def test_networks_of_fixed_tile_blend_to_the_same(size, scale: int, overlap: int, seed: int) -> None:
    """An identity network on overlapping, blended tiles gives the picture back, at any size."""
    image = np.random.default_rng(seed).integers(0, 65536, (*size, 3), np.uint16)
    grid = plan_grid(*size, tile=0, halo=0, fixed=32, overlap=overlap)
    tiled = run(image, grid, scale, lambda x: enlarge(x, scale))
    np.testing.assert_allclose(tiled, image.repeat(scale, 0).repeat(scale, 1), atol=1)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_every_depth_and_band_count_comes_back(depth: type, bands: int) -> None:
    peak = 1.0 if depth == np.float32 else np.iinfo(depth).max
    image = (np.random.default_rng(1).random((50, 70, bands)) * peak).astype(depth)
    if bands in (2, 4):
        image[:30, :, -1] = peak  # an opaque part, so that constant opacity is met too
    grid = plan_grid(50, 70, tile=24, halo=2)
    out = run(image, grid, 2, lambda x: enlarge(x, 2))
    assert out.dtype == depth
    np.testing.assert_allclose(out, image.repeat(2, 0).repeat(2, 1), rtol=1e-6, atol=0.51 if peak > 1 else 1e-6)


def test_cancelling_stops_between_tiles() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    grid = plan_grid(64, 64, tile=16, halo=0)
    done: list[int] = []
    strips = upscale_strips(
        lambda a, b: image[a:b], Layout(3, image.dtype, 255.0), grid, 2, ToyEngine(lambda x: enlarge(x, 2)),
        on_tile=done.append, cancelled=lambda: len(done) >= 5,
    )  # fmt: skip
    with pytest.raises(Interrupted):
        list(strips)
    assert len(done) == 5
