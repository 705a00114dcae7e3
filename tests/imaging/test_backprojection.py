"""Back-projection (specification 5.4): the streamed form equals the formula, whatever the strips."""

from __future__ import annotations

import numpy as np
import pytest

from acutance.imaging.backprojection import BackProjection
from acutance.imaging.bicubic import resize


def by_the_formula(lr: np.ndarray, out: np.ndarray, scale: int, iterations: int) -> np.ndarray:
    height, width = lr.shape[:2]
    for _ in range(iterations):
        shrunk = resize(out, height, width, scale=1 / scale)
        out = out + resize(lr - shrunk, height * scale, width * scale, scale=float(scale))
    return out


def streamed(lr: np.ndarray, out: np.ndarray, scale: int, iterations: int, rows: int) -> np.ndarray:
    projection = BackProjection(*lr.shape[:2], scale, iterations)
    read, done = 0, []
    for top in range(0, len(out), rows):
        needed = min(len(lr), (top + rows) // scale + 3)
        if needed > read:
            projection.put_small(lr[read:needed])
            read = needed
        done.append(projection.put_large(out[top : top + rows]))
    return np.concatenate(done)


@pytest.mark.parametrize(
    ("height", "width", "scale", "iterations", "bands"),
    [(20, 17, 4, 20, 3), (90, 30, 4, 20, 3), (50, 9, 4, 1, 1), (7, 5, 2, 20, 4), (1, 1, 4, 20, 3), (2, 3, 3, 5, 2)],
)
def test_streamed_equals_the_formula(height: int, width: int, scale: int, iterations: int, bands: int) -> None:
    generator = np.random.default_rng(0)
    lr = generator.random((height, width, bands)) * 255
    out = generator.random((height * scale, width * scale, bands)) * 255
    expected = by_the_formula(lr, out, scale, iterations)
    whole = streamed(lr, out, scale, iterations, 10**6)
    np.testing.assert_allclose(whole, expected, atol=1e-3)
    for rows in (1, 7, 40):
        np.testing.assert_array_equal(streamed(lr, out, scale, iterations, rows), whole)


def test_few_rows_are_held() -> None:
    """Memory depends on the width and the iterations, not on the height."""
    projection = BackProjection(400, 4, 4, 20)
    held = 0
    for _ in range(400):
        projection.put_small(np.zeros((1, 4, 1)))
        projection.put_large(np.zeros((4, 16, 1)))
        held = max(held, projection._large.stop - projection._large.start)
    assert held <= (3 * 20 + 6) * 4
