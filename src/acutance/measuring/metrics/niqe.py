"""NIQE, how natural a picture looks without any reference (Mittal, Soundararajan and Bovik 2013): 0 and more, lower
is better; undistorted photographs have about 2 to 6.

Locally normalised luma (eq. 1) in blocks of 96x96 at two scales gives 36 features a block: parameters of an
asymmetric generalised Gaussian (AGGD) fitted to it and to products of neighbours (eqs. 4-8). NIQE is the distance of
their Gaussian from that of pristine photographs (eq. 10): sqrt(d^T ((C1 + C2) / 2)^+ d), d = m1 - m2. The pristine
Gaussian is the authors', in a file that does not come with the package.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, BadModel
from acutance.files.weights import find_weights, read_arrays
from acutance.imaging.bicubic import resize
from acutance.imaging.colour import luma
from acutance.measuring.metrics.psnr import crop_border

PRISTINE = "niqe_pris_params.npz"
BLOCK = 96  # pixels a side, no overlap (the authors' code)
RADIUS, SIGMA = 3, 7 / 6  # of the 7x7 Gaussian window
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # the neighbours whose products are fitted (sec. II-B)
FLAT = 1e-9  # below it a normalised value is what rounding left of a constant area


@lru_cache(maxsize=1)
def pristine(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``(36,)`` and covariance ``(36, 36)`` of the features of pristine photographs. Raises ``BadModel``."""
    stored = read_arrays(path)
    try:
        return stored["mu_pris_param"].reshape(36), stored["cov_pris_param"].reshape(36, 36)
    except (KeyError, ValueError) as error:
        raise BadModel(f"{path}: holds no NIQE parameters") from error


@lru_cache(maxsize=1)
def shapes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The candidates 0.2, 0.201 ... 10 for alpha; G(2/a)^2 / (G(1/a) G(3/a)), which rises with a; log G(1/a).

    >>> alpha, ratio, _ = shapes()
    >>> len(alpha), round(float(ratio[1800]), 6) == round(2 / math.pi, 6)  # alpha = 2: the normal distribution
    (9801, True)
    """
    alpha = 0.2 + 0.001 * np.arange(9801)
    one, two, three = (np.array([math.lgamma(k / a) for a in alpha]) for k in (1, 2, 3))
    return alpha, np.exp(2 * two - one - three), one


def normalised(image: np.ndarray) -> np.ndarray:
    """(I - m) / (s + 1) with Gaussian local mean m and deviation s (eqs. 1-3); edges repeat."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()

    def blur(values: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            length = values.shape[axis]
            padded = np.pad(values, [(RADIUS, RADIUS) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
            values = np.zeros_like(values)
            for start, weight in enumerate(weights):
                values += weight * (padded[start : start + length] if axis == 0 else padded[:, start : start + length])
        return values

    mean = blur(image)
    result = (image - mean) / (np.sqrt(np.abs(blur(image * image) - mean * mean)) + 1)
    result[np.abs(result) < FLAT] = 0
    return result


def fit(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """AGGD of each row of ``(N, samples)`` by moments (eqs. 5-7): alpha, left and right width, mean, each ``(N,)``.

    As in the authors' code a row with nothing on one side has alpha 0.2 and no widths (NaN).
    """
    negative = values < 0
    squares = values * values
    left, right = squares.sum(1, where=negative), squares.sum(1, where=values > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt(left / negative.sum(1))
        right = np.sqrt(right / (values > 0).sum(1))
        g = left / right
        ratio = np.abs(values).mean(1) ** 2 / squares.mean(1)
        ratio *= (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    alphas, ratios, log_gamma = shapes()
    after = np.clip(np.searchsorted(ratios, np.nan_to_num(ratio)), 1, len(ratios) - 1)
    nearest = np.where(ratio - ratios[after - 1] <= ratios[after] - ratio, after - 1, after)
    nearest[np.isnan(ratio)] = 0
    alpha, one = alphas[nearest], log_gamma[nearest]
    three, two = (np.array([math.lgamma(k / a) for a in alpha]) for k in (3, 2))
    widen = np.exp((one - three) / 2)
    left, right = left * widen, right * widen
    return alpha, left, right, (right - left) * np.exp(two - one)


def features(image: np.ndarray, block: int) -> np.ndarray:
    """The 18 features of every block at one scale (sec. II-B), a row of blocks at a time: ``(blocks, 18)``."""
    found = []
    for top in range(0, image.shape[0], block):
        blocks = image[top : top + block].reshape(block, -1, block).swapaxes(0, 1)
        alpha, left, right, _ = fit(blocks.reshape(len(blocks), -1))
        columns = [alpha, (left + right) / 2]
        for shift in SHIFTS:
            product = blocks * np.roll(blocks, shift, (1, 2))
            alpha, left, right, mean = fit(product.reshape(len(blocks), -1))
            columns += [alpha, mean, left, right]
        found.append(np.stack(columns, 1))
    return np.concatenate(found)


def niqe(image: np.ndarray) -> float:
    """NIQE of one band ``(H, W)`` on the scale 0..255; what is left over beyond whole blocks is not looked at.

    Raises ``BadInput`` where fewer than two blocks have structure: a constant or a small picture has no NIQE.
    """
    if image.ndim != 2:
        raise BadInput(f"NIQE takes one band (H, W), got {image.shape}")
    height, width = (side - side % BLOCK for side in image.shape)
    if height * width < 2 * BLOCK**2:
        raise BadInput(
            f"NIQE needs at least two blocks of {BLOCK}x{BLOCK} pixels inside the border, "
            f"got {image.shape[1]}x{image.shape[0]}"
        )
    mean, covariance = pristine(find_weights(PRISTINE))
    fine = image[:height, :width].astype(np.float64)
    coarse = resize(fine, height // 2, width // 2, scale=0.5)
    found = np.concatenate([features(normalised(fine), BLOCK), features(normalised(coarse), BLOCK // 2)], 1)
    whole = found[~np.isnan(found).any(1)]
    if len(whole) < 2:
        raise BadInput("NIQE is not defined for a picture without structure: fewer than two of its blocks have any")
    difference = mean - np.nanmean(found, 0)
    inverse = np.linalg.pinv((covariance + np.cov(whole, rowvar=False)) / 2)
    return math.sqrt(float(difference @ inverse @ difference))


def niqe_y(image: np.ndarray, *, border: int = 4) -> float:
    """NIQE of an 8-bit RGB picture ``(H, W, 3)`` as PIRM 2018 and BasicSR measure it: luma rounded to whole levels,
    ``border`` pixels cut off. The authors' code takes grey of full range instead; on "baboon" the two differ by 0.002.
    """
    return niqe(crop_border(np.rint(luma(image)), border))
