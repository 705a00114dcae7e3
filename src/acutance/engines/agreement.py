"""How far a model's results in bf16 are from those in fp32, on a picture of our own making that looks like photographs.

The built-in models stay above ``FAITHFUL``; deep chains of residuals, as published models have, may not.
"""

from __future__ import annotations

import math

import numpy as np

from acutance.engines.cpu import CpuEngine, has_bf16
from acutance.models.model import Model

FAITHFUL = 55.0  # dB; below it, a level of 255 may differ here and there
SLOPE = 1.2  # with which detail of photographs falls off towards high frequencies
SIDE = 96  # pixels; a multiple of what networks fold


def in_bf16(model: Model) -> float | None:
    """PSNR in dB between its 8-bit results in bf16 and fp32; None where this processor has no bf16.

    Infinite where they are equal. Raises ``BadModel`` where fp32 gives NaN or infinity.
    """
    tile = photograph_like(model.geometry.tile or SIDE)
    results = [_run(model, tile, precision) for precision in (["fp32", "bf16"] if has_bf16() else ["fp32"])]
    if len(results) < 2:
        return None
    error = float(np.mean((results[0].astype(np.float64) - results[1]) ** 2))
    return 10 * math.log10(255**2 / error) if error else math.inf


def photograph_like(side: int) -> np.ndarray:
    """uint8 ``(side, side, 3)``: clouds of all sizes as in nature, a bright and a dark shape with hard edges, noise."""
    random = np.random.default_rng(2024)
    y, x = np.mgrid[:side, :side] / side
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    spectrum = np.fft.fft2(random.normal(size=(side, side, 3)), axes=(0, 1))
    clouds = np.fft.ifft2(spectrum / np.maximum(frequency, 1 / side)[..., None] ** SLOPE, axes=(0, 1)).real
    picture = 120 + 30 * clouds / clouds.std() + 40 * (x - 0.5)[..., None]
    picture[(x - 0.3) ** 2 + (y - 0.4) ** 2 < 0.03] = (235, 215, 180)
    picture[(abs(x - 0.7) < 0.12) & (y > 0.5)] = (25, 30, 45)
    return (picture + random.normal(0, 0.7, picture.shape)).clip(0, 255).round().astype(np.uint8)


def _run(model: Model, tile: np.ndarray, precision: str) -> np.ndarray:
    engine = CpuEngine(model, (tile.shape[0], tile.shape[1]), precision, deep=False)
    return next(iter(engine.stream([tile]))).copy()
