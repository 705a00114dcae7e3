"""LPIPS, the learned perceptual distance (Zhang et al. 2018, arXiv 1801.03924, eq. 1): 0 for identical
pictures, about 1 at most, lower is better. Needs torch and two weight files that do not come with the package.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from acutance.errors import BadInput, BadModel, UsageError
from acutance.files.weights import find_weights, read_weights
from acutance.measuring.metrics.psnr import crop_border

if TYPE_CHECKING:
    from acutance.networks.lpips import LPIPS, Variant

SMALLEST = 35  # pixels a side below which AlexNet or SqueezeNet run out of positions


@lru_cache(maxsize=3)
def network(variant: str = "squeeze") -> LPIPS:
    """The frozen network of ``squeeze``, ``alex`` or ``vgg``, kept: calling it with two batches
    ``(N, 3, H, W)`` in [0, 1] gives the distances ``(N,)``. Raises ``UsageError`` or ``BadModel``.
    """
    chosen = _variant(variant)
    from acutance.networks.lpips import LPIPS

    backbone, heads = find_weights(*chosen.backbones), find_weights(chosen.heads)
    features, weights = read_weights(backbone), read_weights(heads)
    import torch

    try:
        with torch.random.fork_rng(devices=[]):  # it begins with random weights, and the caller's draws must not move
            return LPIPS(chosen, backbone=features, heads=weights)
    except BadModel as error:
        raise BadModel(f"{backbone}, {heads.name}: {error}") from error


def weight_files(variant: str = "squeeze") -> tuple[tuple[str, ...], ...]:
    """The weight files a variant needs, each with what may stand in for it. Raises ``UsageError``."""
    chosen = _variant(variant)
    return chosen.backbones, (chosen.heads,)


def _variant(name: str) -> Variant:
    need_torch("LPIPS")
    from acutance.networks.lpips import VARIANTS

    if name not in VARIANTS:
        raise UsageError(f"no LPIPS variant {name}; there are {', '.join(VARIANTS)}")
    return VARIANTS[name]


def need_torch(what: str) -> None:
    """Raise ``UsageError`` where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(f'{what} needs torch; install it with: pip install "acutance[train]"')


def lpips(a: np.ndarray, b: np.ndarray, *, border: int = 0, variant: str = "squeeze") -> float:
    """The distance of two 8-bit RGB pictures ``(H, W, 3)`` as a whole, ``border`` pixels cut off every side.

    d = sum over layers of mean over positions of w . (f(a) / |f(a)| - f(b) / |f(b)|)^2, on the CPU in fp32.
    """
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
        raise BadInput(f"LPIPS compares two (H, W, 3) pictures of equal shape, got {a.shape} and {b.shape}")
    a, b = crop_border(a, border), crop_border(b, border)
    if min(a.shape[:2]) < SMALLEST:
        raise BadInput(f"LPIPS needs at least {SMALLEST} pixels a side inside the border, got {a.shape[:2]}")
    import torch

    measure = network(variant)
    with torch.inference_mode():
        pair = (torch.from_numpy(np.array(x)).permute(2, 0, 1)[None].float() / 255 for x in (a, b))
        return float(measure(*pair))
