"""A temporal stabiliser: what stands still is averaged over neighbouring frames, what moves is left alone.

Every sample becomes a weighted mean over a finite window of frames. A neighbour's weight falls to nothing where its
patch differs by more than grain can explain (non-local means over time, Buades 2005, without the search), so nothing
is moved, and nothing that moved leaves a trail. A lamp that flickers is evened out first: frames are brought to one
exposure, and the exposure to the window's mean. Frames beyond a cut have no weight at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acutance.imaging.boxes import box, grain_sigma

RADIUS = 2  # frames on either side
PATCH = 2  # pixels round a sample that must agree too
PATCH_SLACK, PATCH_FALL = 1.6, 3.0  # times the patch difference that grain gives; how fast the weight falls beyond
PIXEL_SLACK, PIXEL_FALL = 3.0, 1.5  # likewise for one sample, in its standard deviations
LEAST, MOST = 0.3, 8.0  # levels of grain, of 255
LIT, LAMP = 24.0, 1.25  # levels above black that tell of exposure; the most a lamp flickers
COARSE = 3.0  # grain that was compressed looks finer to a spatial measure by up to this much


def steady(window: Sequence[np.ndarray], middle: int, strength: float) -> np.ndarray:
    """Frame ``middle`` of ``window`` (RGB ``(H, W, 3)``, uint8 or uint16, all of one shot), steadied.

    ``strength``: 0 leaves it as it is, 1 gives a still place the plain mean of the window. Same type out.

    >>> frames = [np.full((8, 8, 3), level, np.uint8) for level in (100, 102, 101)]
    >>> int(steady(frames, 1, 1.0)[4, 4, 0])
    101
    """
    depth = window[middle].dtype
    unit = 256.0 if depth == np.uint16 else 1.0
    if len(window) == 1 or strength == 0:
        return window[middle]
    frames = [f.astype(np.float32) / unit for f in window]
    centre = frames[middle]
    gains = [exposure(centre, f) if i != middle else 1.0 for i, f in enumerate(frames)]
    differences = [f / g - centre for i, (f, g) in enumerate(zip(frames, gains, strict=True)) if i != middle]
    sigma = _grain(centre, differences)
    total = np.ones(centre.shape[:2], np.float32)
    change = np.zeros_like(centre)
    for difference in differences:
        weight = strength * _weight(difference, sigma)
        total += weight
        change += weight[:, :, None] * difference
    evened = 1 + strength * (sum(gains) / len(gains) - 1)
    result = (centre + change / total[:, :, None]) * np.float32(unit * evened)
    return np.clip(np.rint(result), 0, np.iinfo(depth).max).astype(depth)


def exposure(centre: np.ndarray, other: np.ndarray) -> float:
    """By how much the lamp shone brighter on ``other``: the median ratio where there is light, within a quarter.

    >>> a = np.full((8, 8, 3), 100, np.float32)
    >>> round(exposure(a, a * 1.1), 3), exposure(a, a * 3), exposure(a * 0, a)
    (1.1, 1.0, 1.0)
    """
    one, two = centre[::2, ::2, 1], other[::2, ::2, 1]
    lit = (one > LIT) & (two > LIT)
    if lit.mean() < 0.1:
        return 1.0
    ratio = float(np.median(two[lit] / one[lit]))
    return ratio if 1 / LAMP <= ratio <= LAMP else 1.0


def _grain(centre: np.ndarray, differences: Sequence[np.ndarray]) -> float:
    """Grain in levels: from what changes over time, but no more than the picture itself lets expect.

    A neighbour that is the same frame again, as telecine gives them, says nothing.
    """
    each = sorted(float(np.median(np.abs(d[:, :, 1]))) / (0.6745 * np.sqrt(2)) for d in differences)
    changing = [value for value in each if value > LEAST / 2]
    over_time = changing[(len(changing) - 1) // 2] if changing else 0.0
    within = COARSE * grain_sigma(centre[:, :, 1]) + LEAST
    return min(max(min(over_time, within), LEAST), MOST)


def _weight(difference: np.ndarray, sigma: float) -> np.ndarray:
    """1 where ``difference`` is grain, falling to 0 where it is not."""
    patch = box((difference**2).mean(axis=2), PATCH) / (2 * sigma**2)
    pixel = np.abs(difference).max(axis=2) / (np.sqrt(2) * sigma)
    doubt = PATCH_FALL * np.maximum(patch - PATCH_SLACK, 0) + PIXEL_FALL * np.maximum(pixel - PIXEL_SLACK, 0)
    return np.exp(-doubt)
