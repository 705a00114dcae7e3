"""DISTS, a distance of structure and texture (Ding, Ma, Wang and Simoncelli 2020, arXiv 2004.07728)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.errors import BadModel
from acutance.networks.lpips import vgg16
from acutance.networks.vgg import TORCHVISION

CHANNELS = (3, 64, 128, 256, 512, 512)  # the picture itself, then relu1_2, 2_2, 3_3, 4_3 and 5_3
TAPS = (3, 8, 15, 22, 29)
C1 = C2 = 1e-6


class L2Pool(nn.Module):
    """Halves a map: the root of its squares under a 3x3 Hann window, one for each channel (sec. 3.1, eq. 2)."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([0.5, 1.0, 0.5])
        self.register_buffer("window", (line[:, None] * line / 4)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, H/2, W/2)``, rounded up."""
        window = self.window.expand(x.shape[1], 1, 3, 3)
        return (F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


class DISTS(nn.Module):
    """The distance of two batches of RGB ``(N, 3, H, W)`` in [0, 1], as ``(N,)``; 0 for equal ones, lower is better.

    d = 1 - sum over channels c of all stages of alpha_c l_c + beta_c s_c, where l compares the means of a channel and
    s its structure, both over the whole map (eqs. 5-7), and alpha and beta sum to 1 together. Frozen; without
    ``backbone`` (torchvision's VGG16) and ``weights`` the network is random, for tests of shapes only.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, *, backbone: Mapping[str, Tensor] | None = None, weights: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(*(L2Pool() if isinstance(x, nn.MaxPool2d) else x for x in vgg16()))
        self.alpha, self.beta = (nn.Parameter(torch.rand(sum(CHANNELS))) for _ in range(2))
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(TORCHVISION, name)).view(1, 3, 1, 1))
        if backbone is not None:
            self._load_backbone(backbone)
        if weights is not None:
            self._load_weights(weights)
        self.requires_grad_(False).eval()

    def _load_backbone(self, stored: Mapping[str, Tensor]) -> None:
        own = {key.removeprefix("features."): v for key, v in stored.items() if key.startswith("features.")}
        try:
            self.features.load_state_dict(own)
        except (RuntimeError, AttributeError, TypeError) as error:
            raise BadModel("these weights are not torchvision's VGG16, which DISTS needs") from error

    def _load_weights(self, stored: Mapping[str, Tensor]) -> None:
        for name, own in (("alpha", self.alpha), ("beta", self.beta)):
            value = stored.get(name)
            if not isinstance(value, Tensor) or value.numel() != own.numel() or bool((value < 0).any()):
                raise BadModel(f"no fitting {name} among the DISTS weights")
            own.data.copy_(value.flatten())

    def stages(self, x: Tensor) -> list[Tensor]:
        """The picture and the five maps that are compared."""
        found = [x]
        x = (x - self.mean) / self.std
        for position, layer in enumerate(self.features):
            x = layer(x)
            if position in TAPS:
                found.append(x)
        return found

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """See the class."""
        pairs = [_alike(x, y) for x, y in zip(self.stages(a), self.stages(b), strict=True)]
        texture, structure = torch.cat([t for t, _ in pairs], 1), torch.cat([s for _, s in pairs], 1)
        alike = (texture * self.alpha + structure * self.beta).sum(1)
        return 1 - alike / (self.alpha.sum() + self.beta.sum())


def _alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """How alike the means, and the structure, of every channel of two maps are: ``(N, C)`` each (eqs. 5, 6)."""
    mean_a, mean_b = a.mean((2, 3)), b.mean((2, 3))
    centred_a, centred_b = a - mean_a[:, :, None, None], b - mean_b[:, :, None, None]
    variances = centred_a.square().mean((2, 3)) + centred_b.square().mean((2, 3))
    covariance = (centred_a * centred_b).mean((2, 3))
    texture = (2 * mean_a * mean_b + C1) / (mean_a.square() + mean_b.square() + C1)
    return texture, (2 * covariance + C2) / (variances + C2)
