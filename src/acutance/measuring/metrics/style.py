"""What a change of style did to a picture: how much of its drawing is left, and what texture it has now (ours)."""

from __future__ import annotations

import numpy as np

SCALES = (1, 2, 4)  # reductions at which texture is looked at
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def edge_agreement(photograph: np.ndarray, painted: np.ndarray, factor: int = 4) -> float:
    """Correlation of the two gradient magnitudes of luma, of pictures ``(H, W, 3)`` reduced by ``factor``: 1 for the
    same drawing, near 0 for another. Strokes finer than the reduction do not count.

    >>> x = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    >>> round(edge_agreement(x, x), 6)
    1.0
    """
    one, other = (_gradients(_reduced(x, factor))[0].ravel() for x in (photograph, painted))
    return float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 0.0


def texture(picture: np.ndarray, scale: int = 1) -> np.ndarray:
    """Statistics of the texture of ``(H, W, 3)``, reduced by ``scale``: per channel the logarithm of the mean
    gradient and the kurtosis of the Laplacian, and how far gradients of neighbouring places agree in
    direction (strokes: much; noise: little). Seven numbers.
    """
    small = _reduced(picture, scale)
    found: list[float] = []
    for band in np.moveaxis(small, 2, 0):
        steep, _ = _gradients_of(band)
        bend = band[1:-1, 1:-1] * 4 - band[:-2, 1:-1] - band[2:, 1:-1] - band[1:-1, :-2] - band[1:-1, 2:]
        deviation = bend.std() + 1e-6
        found += [float(np.log(steep.mean() + 1e-6)), float(np.log(((bend / deviation) ** 4).mean() + 1e-6))]
    return np.array([*found, _coherence(small @ LUMA)])


def texture_distance(pictures: list[np.ndarray], others: list[np.ndarray]) -> dict[int, float]:
    """By scale: how far the mean texture of one set lies from the other's, in the other's deviations
    (root mean square over the seven numbers). Lower is more alike."""
    found = {}
    for scale in SCALES:
        one, other = (np.stack([texture(p, scale) for p in group]) for group in (pictures, others))
        away = (one.mean(0) - other.mean(0)) / (other.std(0) + 1e-6)
        found[scale] = float(np.sqrt(np.square(away).mean()))
    return found


def matched_colours(picture: np.ndarray, example: np.ndarray) -> np.ndarray:
    """``picture`` with every channel's histogram made that of ``example``: only colours move, uint8.

    >>> matched_colours(np.array([[[0], [9]]], np.uint8), np.array([[[40], [70]]], np.uint8)).ravel().tolist()
    [40, 70]
    """
    result = np.empty_like(picture)
    for band in range(picture.shape[2]):
        flat = picture[..., band].ravel()
        order = np.argsort(flat, kind="stable")
        wanted = np.sort(example[..., band].ravel())
        places = (np.arange(flat.size) + 0.5) / flat.size * wanted.size
        values = np.empty(flat.size, picture.dtype)
        values[order] = wanted[places.astype(int).clip(0, wanted.size - 1)]
        result[..., band] = values.reshape(picture.shape[:2])
    return result


def _reduced(picture: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor * factor for side in picture.shape[:2])
    cells = picture[:height, :width].astype(np.float32) / 255
    return cells.reshape(height // factor, factor, width // factor, factor, -1).mean((1, 3))


def _gradients(small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _gradients_of(small @ LUMA)


def _gradients_of(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude and the double-angle vector of the gradient, inside the border."""
    down, across = np.gradient(band)
    return np.hypot(down, across), np.stack([across**2 - down**2, 2 * across * down])


def _coherence(luma: np.ndarray) -> float:
    """The length of the mean structure tensor's direction over its size, in cells of 8 pixels; 1: all one way."""
    steep, vector = _gradients_of(luma)
    height, width = (side // 8 * 8 for side in luma.shape)

    def cells(x: np.ndarray) -> np.ndarray:
        return x[..., :height, :width].reshape(*x.shape[:-2], height // 8, 8, width // 8, 8).mean((-3, -1))

    return float(np.hypot(*cells(vector)).mean() / (cells(steep**2).mean() + 1e-9))
