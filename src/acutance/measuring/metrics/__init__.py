"""The one table of measures of a picture, and how to ask it.

``METRICS[name]`` says what a measure is and holds ``measure(result, reference, scale) -> float``: 8-bit RGB pictures
``(H, W, 3)``; ``reference`` is what ``needs`` names, the original, the low-resolution input (``"lr"``) or, for
``"nothing"``, None. ``score(name, result, original=..., lr=..., scale=...)`` picks the reference itself.
Values may be infinite (PSNR of equal pictures), never NaN. Importing this loads no torch; the measures that need it
(LPIPS, DISTS) load it when called. Measures of whole sets of pictures (KID, FID) are not here: see ``measuring.sets``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.download import Terms
from acutance.files.weights import obtain_weights
from acutance.measuring.metrics.colour import colour
from acutance.measuring.metrics.consistency import consistency
from acutance.measuring.metrics.dists import WEIGHTS as dists_weights
from acutance.measuring.metrics.dists import dists
from acutance.measuring.metrics.lpips import lpips, weight_files
from acutance.measuring.metrics.ms_ssim import ms_ssim_y
from acutance.measuring.metrics.niqe import PRISTINE, niqe_y
from acutance.measuring.metrics.psnr import psnr, psnr_y
from acutance.measuring.metrics.seam import seam
from acutance.measuring.metrics.ssim import ssim_y
from acutance.measuring.metrics.ssim_daala import ssim_daala_y

Needs = Literal["original", "lr", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One measure. ``title``: for tables and plots; ``unit``: "dB", "levels" or empty; ``best``: the value of a
    perfect result; ``protocol``: border, bands and what else decides the number; ``weights``: the weight files it
    needs, each with what may stand in for it."""

    name: str
    title: str
    measure: Callable[[np.ndarray, Any, int], float]
    needs: Needs
    better: Literal["higher", "lower"]
    best: float
    decimals: int
    about: str
    protocol: str
    unit: str = ""
    weights: Callable[[], tuple[tuple[str, ...], ...]] = tuple


_LUMA = "luma in float, a border of SCALE pixels cut off"
_WHOLE = "RGB, the whole picture"

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="psnr_y", title="PSNR-Y", needs="original", better="higher", best=math.inf, decimals=2, unit="dB",
            measure=lambda result, original, scale: psnr_y(result, original, border=scale),
            about="peak signal-to-noise ratio of luma, as in the SRGAN and ESRGAN tables", protocol=_LUMA,
        ),
        Metric(
            name="psnr_rgb", title="PSNR-RGB", needs="original", better="higher", best=math.inf, decimals=2, unit="dB",
            measure=lambda result, original, scale: psnr(result, original, border=scale),
            about="peak signal-to-noise ratio of RGB, as in BasicSR's tables",
            protocol="RGB, a border of SCALE pixels cut off",
        ),
        Metric(
            name="ssim_y", title="SSIM-Y", needs="original", better="higher", best=1, decimals=4,
            measure=lambda result, original, scale: ssim_y(result, original, border=scale),
            about="structural similarity of luma, as in the ESRGAN tables", protocol=_LUMA,
        ),
        Metric(
            name="ssim_daala", title="SSIM-daala", needs="original", better="higher", best=1, decimals=4,
            measure=lambda result, original, scale: ssim_daala_y(result, original, border=scale),
            about="structural similarity of luma as daala computes it, as in the SRGAN tables", protocol=_LUMA,
        ),
        Metric(
            name="ms_ssim", title="MS-SSIM", needs="original", better="higher", best=1, decimals=4,
            measure=lambda result, original, scale: ms_ssim_y(result, original, border=scale),
            about="structural similarity over five scales, at least 176 pixels a side", protocol=_LUMA,
        ),
        Metric(
            name="lpips", title="LPIPS", needs="original", better="lower", best=0, decimals=4,
            measure=lambda result, original, scale: lpips(result, original, variant="squeeze"),
            weights=lambda: weight_files("squeeze"),
            about="learned perceptual distance, SqueezeNet features", protocol=_WHOLE,
        ),
        Metric(
            name="lpips_alex", title="LPIPS-alex", needs="original", better="lower", best=0, decimals=4,
            measure=lambda result, original, scale: lpips(result, original, variant="alex"),
            weights=lambda: weight_files("alex"),
            about="learned perceptual distance, AlexNet features", protocol=_WHOLE,
        ),
        Metric(
            name="lpips_vgg", title="LPIPS-vgg", needs="original", better="lower", best=0, decimals=4,
            measure=lambda result, original, scale: lpips(result, original, variant="vgg"),
            weights=lambda: weight_files("vgg"),
            about="learned perceptual distance, VGG16 features", protocol=_WHOLE,
        ),
        Metric(
            name="dists", title="DISTS", needs="original", better="lower", best=0, decimals=4,
            measure=lambda result, original, scale: dists(result, original), weights=lambda: dists_weights,
            about="learned distance of structure and texture", protocol=_WHOLE,
        ),
        Metric(
            name="niqe", title="NIQE", needs="nothing", better="lower", best=0, decimals=3,
            measure=lambda result, nothing, scale: niqe_y(result, border=scale), weights=lambda: ((PRISTINE,),),
            about="how far from natural photographs, without a reference",
            protocol="luma in whole levels, a border of SCALE pixels cut off",
        ),
        Metric(
            name="consistency", title="LR-PSNR", needs="lr", better="higher", best=math.inf, decimals=2, unit="dB",
            measure=lambda result, lr, scale: consistency(result, lr, scale=scale),
            about="PSNR between the result reduced by bicubic and the input", protocol=_WHOLE,
        ),
        Metric(
            name="colour", title="colour", needs="original", better="lower", best=0, decimals=2, unit="levels",
            measure=lambda result, original, scale: colour(result, original),
            about="largest drift of a channel's mean from the original's", protocol=_WHOLE,
        ),
        Metric(
            name="colour_lr", title="colour-LR", needs="lr", better="lower", best=0, decimals=2, unit="levels",
            measure=lambda result, lr, scale: colour(result, lr),
            about="largest drift of a channel's mean from the input's", protocol=_WHOLE,
        ),
        Metric(
            name="seam", title="seam", needs="nothing", better="lower", best=1, decimals=3,
            measure=lambda result, nothing, scale: seam(result),
            about="how visible the borders are in a picture assembled from tiles; 1 is not at all",
            protocol="RGB, the whole picture, borders every 64 pixels",
        ),
    )
}  # fmt: skip
USUAL = ("psnr_y", "ssim_y")


def chosen_metrics(text: str) -> tuple[str, ...]:
    """Names of ``METRICS`` out of a list with commas, each once. Raises ``UsageError`` that offers the nearest name.

    >>> chosen_metrics("psnr_y, lpips,lpips")
    ('psnr_y', 'lpips')
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(name.lower().replace("-", "_"), METRICS, n=1)
            hint = f", did you mean {near[0]}?" if near else "."
            raise UsageError(f"--metrics {text}: no metric {name}{hint} There are {', '.join(METRICS)}")
    if not names:
        raise UsageError(f"--metrics {text}: names no metric; there are {', '.join(METRICS)}")
    return names


def score(
    name: str, result: np.ndarray, *, original: np.ndarray | None = None, lr: np.ndarray | None = None, scale: int = 4
) -> float:
    """One measure of one 8-bit RGB picture. Raises ``BadInput`` where what it needs is not given or does not fit.

    >>> grey = np.full((32, 32, 3), 99, np.uint8)
    >>> round(score("psnr_y", grey + 1, original=grey), 2), score("colour", grey, original=grey)
    (49.45, 0.0)
    """
    metric = METRICS[name]
    reference = {"original": original, "lr": lr, "nothing": None}[metric.needs]
    if reference is None and metric.needs != "nothing":
        what = "the original" if metric.needs == "original" else "the low-resolution input"
        raise BadInput(f"{metric.title} needs {what}; there is none")
    return metric.measure(result, reference, scale)


def fetch_missing(names: Sequence[str], terms: Terms) -> None:
    """Bring the weight files that these metrics need and that are not there, checked by size and SHA-256.

    Raises ``UsageError`` for a file that cannot be had, and whatever fetching raises.
    """
    for name in names:
        for files in METRICS[name].weights():
            obtain_weights(*files, terms=terms)
