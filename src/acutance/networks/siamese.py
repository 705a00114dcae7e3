"""The siamese critic: a picture becomes a vector whose length says how unlike a painting it is, and whose
difference from another picture's vector says how the two differ in content (Pasini 2019; TraVeLGAN,
Amodio & Krishnaswamy 2019).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class SiameseCritic(nn.Module):
    """``(N, 3, size, size)`` in [-1, 1] to vectors ``(N, vector)``, without a last activation or any norm.

    4x4 convolutions of stride 2 with 1, 2, 4, 8 and 8 times ``width`` channels, as many as leave at least
    2 pixels, then dense: 8,000,064 parameters at size 128. ``spectral``: spectral norm on all layers (ours).
    """

    def __init__(self, *, size: int = 128, width: int = 64, vector: int = 128, spectral: bool = False) -> None:
        super().__init__()
        self.size = size
        wrapped = spectral_norm if spectral else (lambda layer: layer)
        layers: list[nn.Module] = []
        before, side = 3, size
        for factor in (1, 2, 4, 8, 8):
            if side % 2 or side < 4:
                break
            layers.append(wrapped(nn.Conv2d(before, factor * width, 4, stride=2, padding=1)))
            before, side = factor * width, side // 2
        self.layers = nn.ModuleList(layers)
        self.head = wrapped(nn.Linear(before * side * side, vector))

    def forward(self, x: Tensor) -> Tensor:
        """See the class; raises ``ValueError`` for any other size."""
        if x.shape[2:] != (self.size, self.size):
            raise ValueError(f"this critic takes {self.size}x{self.size}, got {x.shape[3]}x{x.shape[2]}")
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return self.head(x.flatten(1))
