"""DISTS, a learned distance of structure and texture (Ding et al. 2020, arXiv 2004.07728, eq. 7): 0 for identical
pictures, about 1 at most, lower is better. Unlike LPIPS it forgives texture that is moved or drawn anew. Needs torch
and two weight files that do not come with the package.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from acutance.errors import BadInput, BadModel
from acutance.files.weights import find_weights, read_weights
from acutance.measuring.metrics.lpips import need_torch

if TYPE_CHECKING:
    from acutance.networks.dists import DISTS

WEIGHTS = (("vgg16-397923af.pth",), ("dists_weights.pt",))
SMALLEST = 32  # pixels a side: two by two at the deepest stage


@lru_cache(maxsize=1)
def network() -> DISTS:
    """The frozen network, kept: calling it with two batches ``(N, 3, H, W)`` in [0, 1] gives the distances ``(N,)``.

    Raises ``UsageError`` or ``BadModel``.
    """
    need_torch("DISTS")
    from acutance.networks.dists import DISTS

    backbone, weights = (find_weights(*names) for names in WEIGHTS)
    features, stored = read_weights(backbone), read_weights(weights)
    try:
        return DISTS(backbone=features, weights=stored)
    except BadModel as error:
        raise BadModel(f"{backbone}, {weights.name}: {error}") from error


def dists(a: np.ndarray, b: np.ndarray) -> float:
    """The distance of two 8-bit RGB pictures ``(H, W, 3)`` as a whole and in their own size, on the CPU in fp32.

    The authors' example program first shrinks pictures to 256 pixels on the shorter side; libraries do not.
    """
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
        raise BadInput(f"DISTS compares two (H, W, 3) pictures of equal shape, got {a.shape} and {b.shape}")
    if min(a.shape[:2]) < SMALLEST:
        raise BadInput(f"DISTS needs at least {SMALLEST} pixels a side, got {a.shape[1]}x{a.shape[0]}")
    import torch

    measure = network()
    with torch.inference_mode():
        pair = (torch.from_numpy(np.array(x)).permute(2, 0, 1)[None].float() / 255 for x in (a, b))
        return max(float(measure(*pair)), 0.0)
