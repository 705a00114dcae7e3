"""Bicubic resizing equal to MATLAB's ``imresize`` (numpy), the low-resolution model of the field.

The published Set5 and Set14 pictures come from ``imresize`` on 8-bit input: rows first, then
columns, rounded and clipped to 8 bit after each pass. Newer MATLAB mirrors the border
("symmetric"), older MATLAB repeats the edge pixel ("replicate").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Border = Literal["symmetric", "replicate"]


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel with a = -0.5 (Keys 1981, eq. 15).

    >>> cubic(np.array([0.0, 0.5, 1.0, 1.5, 2.0])).tolist()
    [1.0, 0.5625, 0.0, -0.0625, 0.0]
    """
    a = np.abs(x)
    near = 1.5 * a**3 - 2.5 * a**2 + 1
    far = -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2
    return np.where(a <= 1, near, np.where(a < 2, far, 0.0))


def lanczos3(x: np.ndarray) -> np.ndarray:
    """Lanczos' windowed sinc of three lobes, zero from |x| = 3 on.

    >>> lanczos3(np.array([0.0, 0.5, 1.0, 3.0])).round(4).tolist()
    [1.0, 0.6079, 0.0, 0.0]
    """
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


@dataclass(frozen=True)
class Kernel:
    """A function of the distance in samples, and the width of where it is not zero."""

    weigh: Callable[[np.ndarray], np.ndarray]
    width: float


CUBIC = Kernel(cubic, 4.0)
LANCZOS3 = Kernel(lanczos3, 6.0)


def taps(
    length: int,
    out_length: int,
    scale: float | None = None,
    border: Border = "symmetric",
    kernel: Kernel = CUBIC,
) -> tuple[np.ndarray, np.ndarray]:
    """Source indices and weights of every output sample along one axis.

    ``length``, ``out_length``: samples in and out; ``scale``: their ratio unless given. Returns
    ``indices`` (out, taps) int and ``weights`` (out, taps) float64, each row summing to 1. When
    shrinking the kernel is stretched by 1/scale, which suppresses aliasing.

    >>> indices, weights = taps(64, 16)
    >>> [round(float(w) * 1024, 2) for w in weights[8][:8]]
    [-1.75, -11.25, -18.75, -12.25, 23.25, 99.75, 186.25, 246.75]
    """
    ratio = out_length / length if scale is None else scale
    stretch = min(ratio, 1.0)
    width = kernel.width / stretch
    centre = (np.arange(out_length) + 0.5) / ratio - 0.5
    left = np.floor(centre - width / 2).astype(np.int64)
    index = left[:, None] + np.arange(int(np.ceil(width)) + 2)
    weight = stretch * kernel.weigh(stretch * (centre[:, None] - index))
    weight /= weight.sum(axis=1, keepdims=True)
    used = np.any(weight != 0, axis=0)
    index, weight = index[:, used], weight[:, used]
    if border == "replicate":
        return np.clip(index, 0, length - 1), weight
    period = np.mod(index, 2 * length)
    return np.where(period < length, period, 2 * length - 1 - period), weight


def resize(
    image: np.ndarray,
    height: int,
    width: int,
    *,
    scale: float | None = None,
    border: Border = "symmetric",
    kernel: Kernel = CUBIC,
) -> np.ndarray:
    """Bicubic resize of ``(H, W)`` or ``(H, W, C)``; uint8 is rounded and clipped after each pass.

    uint8 in, uint8 out (the published rule); float in, float64 out, unclipped. ``scale`` fixes the
    sampling ratio where it is not exactly out/in.
    """
    result = image.astype(np.float64)
    for axis, out_length in ((0, height), (1, width)):
        index, weight = taps(result.shape[axis], out_length, scale, border, kernel)
        lines = np.moveaxis(result, axis, 0)
        resized = np.zeros((out_length, *lines.shape[1:]))
        for tap in range(index.shape[1]):
            factor = weight[:, tap].reshape(-1, *([1] * (lines.ndim - 1)))
            resized += factor * lines[index[:, tap]]
        if image.dtype == np.uint8:
            resized = np.clip(np.floor(resized + 0.5), 0, 255)
        result = np.moveaxis(resized, 0, axis)
    return result.astype(np.uint8) if image.dtype == np.uint8 else result


def modcrop(image: np.ndarray, multiple: int) -> np.ndarray:
    """Crop bottom and right so that height and width are multiples of ``multiple``."""
    height, width = (side - side % multiple for side in image.shape[:2])
    return image[:height, :width]


def downscale(image: np.ndarray, factor: int, *, border: Border = "symmetric") -> np.ndarray:
    """The low-resolution partner of ``image`` (modcropped first): MATLAB bicubic by 1/``factor``."""
    image = modcrop(image, factor)
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return resize(image, height, width, scale=1 / factor, border=border)


def upscale(image: np.ndarray, factor: int, *, border: Border = "symmetric") -> np.ndarray:
    """MATLAB bicubic by ``factor``: the base line every network is compared with."""
    height, width = image.shape[0] * factor, image.shape[1] * factor
    return resize(image, height, width, scale=float(factor), border=border)


def lanczos(image: np.ndarray, factor: int) -> np.ndarray:
    """Lanczos-3 by ``factor``, in MATLAB's geometry; uint8 is rounded and clipped after each pass."""
    height, width = image.shape[0] * factor, image.shape[1] * factor
    return resize(image, height, width, scale=float(factor), kernel=LANCZOS3)


def nearest(image: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel as a square of ``factor`` pixels a side: the worst that counts as enlarging.

    >>> nearest(np.array([[1, 2]]), 2).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)
