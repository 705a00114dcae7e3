"""Dust and scratches, drawn as a layer over a frame of film (numpy; numbers are ours)."""

from __future__ import annotations

import numpy as np


def draw_dirt(
    random: np.random.Generator, height: int, width: int, specks: int, scratches: int
) -> tuple[np.ndarray, np.ndarray]:
    """A layer of dirt: its levels 0..255 and its cover 0..1, both float32 ``(height, width)``.

    Dust on a print is dark, on a negative bright; a scratch runs along the film, that is down the
    frame, wavering by less than a pixel.
    """
    level = np.full((height, width), 128, np.float32)
    cover = np.zeros((height, width), np.float32)
    bright = random.random() < 0.5
    for _ in range(specks):
        mask, rows, columns = speck(random, height, width)
        cover[rows, columns] = np.maximum(cover[rows, columns], mask)
        level[rows, columns] = random.uniform(190, 255) if bright else random.uniform(0, 50)
    for _ in range(scratches):
        mask, columns = scratch(random, height, width)
        cover[:, columns] = np.maximum(cover[:, columns], mask)
        level[:, columns] = random.uniform(190, 255) if random.random() < 0.7 else random.uniform(0, 50)
    return level, cover


def speck(random: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, slice, slice]:
    """One soft ellipse: its cover and the rows and columns it lies on."""
    y, x = random.uniform(0, height), random.uniform(0, width)
    long, angle, opacity = random.gamma(3, 0.35) + 0.3, random.uniform(0, np.pi), random.uniform(0.4, 1)
    short = long * random.uniform(0.3, 1)
    reach = int(long) + 3
    rows = slice(max(int(y) - reach, 0), min(int(y) + reach + 1, height))
    columns = slice(max(int(x) - reach, 0), min(int(x) + reach + 1, width))
    down, across = np.mgrid[rows, columns]
    down, across = down - y, across - x
    u = (np.cos(angle) * across + np.sin(angle) * down) / long
    v = (np.cos(angle) * down - np.sin(angle) * across) / short
    edge = 1 + (1 - np.hypot(u, v)) * short  # one pixel wide
    return (opacity * np.clip(edge, 0, 1)).astype(np.float32), rows, columns


def scratch(random: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, slice]:
    """One thin line down the frame: its cover ``(height, n)`` and the columns it lies on."""
    x, slope, thickness = random.uniform(0, width), random.uniform(-0.01, 0.01), random.uniform(0.4, 1.2)
    along = np.arange(height)
    path = x + slope * along + 0.4 * np.sin(along * random.uniform(0.02, 0.2) + random.uniform(0, 2 * np.pi))
    strength = random.uniform(0.15, 0.6) * np.clip(0.7 + 0.3 * random.standard_normal(height), 0, 1)
    columns = slice(max(int(path.min()) - 2, 0), min(int(path.max()) + 3, width))
    distance = np.arange(columns.start, columns.stop) - path[:, None]
    cover = strength[:, None] * np.exp(-0.5 * (distance / thickness) ** 2)
    return cover.astype(np.float32), columns
