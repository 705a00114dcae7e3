"""The laws of tiling, for every geometry a model may have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acutance.imaging.tiling import ceil_to, plan_grid, ramps, spans

geometries = st.tuples(
    st.integers(1, 400),
    st.integers(1, 40),
    st.sampled_from([1, 2, 8, 16]),
    st.integers(0, 12),
    st.integers(1, 60),
)


@given(geometries)
def test_kept_parts_cover_once_and_respect_the_halo(geometry: tuple[int, int, int, int, int]) -> None:
    side, halo, multiple, overlap, payload = geometry
    length = ceil_to(side, multiple)
    tile = ceil_to(2 * halo + overlap + payload, multiple) + multiple
    row = spans(length, tile, halo, multiple, overlap)
    assert row[0].start == row[0].keep == 0
    assert row[-1].stop == row[-1].until == length
    sizes = {span.stop - span.start for span in row}
    assert len(sizes) == 1 and sizes.pop() <= max(tile, length if len(row) == 1 else tile)
    for span in row:
        assert span.start % multiple == 0 and (span.stop - span.start) % multiple == 0
        assert 0 <= span.start <= span.keep < span.until <= span.stop <= length
    for before, after in itertools.pairwise(row):
        assert before.until - after.keep == overlap
        assert after.keep - after.start >= halo and before.stop - before.until >= halo


@given(st.integers(1, 300), st.integers(1, 4), st.sampled_from([16, 64]), st.integers(0, 8))
def test_fixed_tiles_have_exactly_their_size(side: int, scale: int, tile: int, overlap: int) -> None:
    grid = plan_grid(side, side, tile=0, halo=0, fixed=tile, overlap=overlap)
    assert grid.tile == (tile, tile)
    assert grid.padded_height == max(side, tile)
    total = np.zeros(grid.padded_height * scale)
    for span, weight in zip(grid.rows, ramps(grid.rows, scale), strict=True):
        total[span.keep * scale : span.until * scale] += weight
    np.testing.assert_allclose(total, 1.0)


def test_a_network_with_global_statistics_gets_the_whole_picture() -> None:
    grid = plan_grid(100, 70, tile=32, halo=None, multiple=16)
    assert len(grid) == 1 and grid.tile == (112, 80)


def test_tiles_shrink_to_what_their_number_needs() -> None:
    assert plan_grid(1024, 1024, tile=288, halo=18).tile == (283, 283)


def test_a_tile_smaller_than_its_halo_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        spans(100, 20, 10)
