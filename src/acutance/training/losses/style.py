"""Style as a distribution of features: what a painter's crops have in common, whatever they show (ours).

The distance is the sliced Wasserstein distance of feature vectors (Heitz et al. 2021, arXiv 2006.07229, sec. 3),
per picture, at several scales of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POSITIONS = 1024  # of a feature map that are compared
# The mean variance of Oxford's features over places of crops of paintings, measured: makes layers comparable.
SPREAD = {"relu1_1": 7e2, "relu2_1": 1.9e4, "relu3_1": 3.9e4, "relu3_4": 3.5e5}
Scales = tuple[tuple[int, tuple[tuple[str, float], ...]], ...]


def sliced(a: Tensor, b: Tensor, directions: int) -> Tensor:
    """Mean squared distance of two sets of vectors ``(N, C, P)`` each, sorted along random directions.

    >>> x = torch.rand(1, 3, 50)
    >>> sliced(x, x.flip(2), 4).item()
    0.0
    """
    along = F.normalize(torch.randn(directions, a.shape[1]), dim=1).to(a.device)  # the CPU's numbers are checkpointed
    with torch.autocast(a.device.type, enabled=False):
        with torch.no_grad():
            wanted = (along @ b.float()).sort(2)[0]
        found = (along @ a.float()).sort(2)[0]
        return (found - wanted).square().mean()


@dataclass(frozen=True, kw_only=True)
class Style:
    """Weighted sum of ``sliced`` distances of features over their ``SPREAD``. ``features``: a frozen network
    ``(x, wanted) -> {name: features}``; ``scales``: (reduction, ((layer, weight), ...)), the picture reduced by
    averages before it is looked at, so that large strokes count as well as fine ones. ``palette``: the share
    of the difference in mean colour that counts; the paintings are moved by the rest, so that what is compared
    is how paint lies, not that a sky is no field. ``means``: weight of the squared logarithms of the ratios of
    channels' means: sorted distances hardly hear a channel that paintings leave silent and the result does not."""

    features: nn.Module
    scales: Scales
    palette: float = 1.0
    means: float = 0.0
    directions: int = 32

    def __repr__(self) -> str:
        """What is computed, the same text in every process."""
        return f"Style({self.scales}, palette={self.palette}, means={self.means}, directions={self.directions})"

    def __call__(self, painted: Tensor, paintings: Tensor) -> Tensor:
        """A scalar of two batches in [0, 1] of equal size, picture by picture; gradients reach the first only."""
        total = painted.new_zeros((), dtype=torch.float32)
        mean, aim = (x.detach().mean((2, 3), keepdim=True) for x in (painted, paintings))
        paintings = paintings + (1 - self.palette) * (mean - aim)
        for factor, layers in self.scales:
            wanted = tuple(name for name, _ in layers)
            with torch.no_grad():
                aims = self.features(_reduced(paintings, factor), wanted)
            found = self.features(_reduced(painted, factor), wanted)
            for name, weight in layers:
                a, b = found[name].flatten(2), aims[name].flatten(2)
                chosen = torch.randperm(a.shape[2])[:POSITIONS].to(a.device)
                distance = sliced(a[:, :, chosen], b[:, :, chosen], self.directions)
                total = total + weight / SPREAD[name] * distance
                if self.means:
                    total = total + self.means * _apart(a.float().mean(2), b.float().mean(2))
        return total


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Of means ``(N, C)``, each at least 0: 0 where they are equal, 1 where they are e times as large."""
    least = (0.03 * b.mean()).clamp_min(1e-6)
    return ((a + least) / (b + least)).log().square().mean()


def _reduced(x: Tensor, factor: int) -> Tensor:
    return F.avg_pool2d(x, factor) if factor > 1 else x


@dataclass(frozen=True, kw_only=True)
class Content:
    """What must stay: features of ``layer`` of the reduced picture, as a share of their size, plus ``view`` times
    the mean absolute difference of the pictures' means over 16x16 pixels (so colours stay near)."""

    features: nn.Module
    layer: str
    factor: int = 2
    view: float = 1.0

    def __repr__(self) -> str:
        """What is computed, the same text in every process."""
        return f"Content({self.layer}, factor={self.factor}, view={self.view})"

    def __call__(self, painted: Tensor, photographs: Tensor) -> Tensor:
        """A scalar of two batches in [0, 1]; gradients reach the first only."""
        with torch.no_grad():
            aim = self.features(_reduced(photographs, self.factor), (self.layer,))[self.layer].float()
        found = self.features(_reduced(painted, self.factor), (self.layer,))[self.layer].float()
        shape = (found - aim).square().mean() / aim.square().mean().clamp_min(1e-6)
        view = (F.avg_pool2d(painted, 16) - F.avg_pool2d(photographs, 16)).abs().mean()
        return shape + self.view * view
