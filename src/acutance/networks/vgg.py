"""VGG19 features (Simonyan & Zisserman 2015, configuration E) for perceptual losses and style measures.

Weights are of the Oxford/Keras kind (keys ``block3_conv4.weight``; input BGR, 0..255, minus the channel
means) or of torchvision's (keys ``features.16.weight``; input RGB, normalised).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from acutance.errors import BadModel

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
LAYERS = tuple(f"conv{b}_{c}" for b, (_, count) in enumerate(BLOCKS, 1) for c in range(1, count + 1))
OXFORD_MEAN = (103.939, 116.779, 123.68)  # BGR
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG19(nn.Module):
    """Frozen features up to ``last`` of RGB ``(N, 3, H, W)`` in [0, 1].

    Returns the wanted layers by name, ``convB_C`` before the ReLU and ``reluB_C`` after it. 20,024,384
    parameters up to conv5_4. Without ``weights`` the network is random, for tests of shapes only.
    """

    def __init__(self, *, last: str = "conv5_4", weights: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        if last not in LAYERS:
            raise ValueError(f"no layer {last}; VGG19 has {', '.join(LAYERS)}")
        self.names = LAYERS[: LAYERS.index(last) + 1]
        self.layers = nn.ModuleDict()
        before = 3
        for name in self.names:
            after = BLOCKS[int(name[4]) - 1][0]
            self.layers[name] = nn.Conv2d(before, after, 3, padding=1)
            before = after
        self.oxford = True
        if weights is not None:
            self._load(weights)
        self.requires_grad_(False).eval()

    def _load(self, stored: Mapping[str, Tensor]) -> None:
        self.oxford = "block1_conv1.weight" in stored
        for index, name in enumerate(self.names):
            key = f"block{name[4]}_{name[:4]}{name[6]}" if self.oxford else f"features.{_torchvision(index)}"
            layer = self.layers[name]
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            try:
                layer.weight.data.copy_(stored[f"{key}.weight"])
                layer.bias.data.copy_(stored[f"{key}.bias"])
            except (KeyError, RuntimeError) as error:
                raise BadModel(f"no fitting {key} among the VGG19 weights; {self.names[-1]} needs it") from error

    def forward(self, x: Tensor, wanted: tuple[str, ...]) -> dict[str, Tensor]:
        """See the class."""
        x = self._normalised(x)
        found: dict[str, Tensor] = {}
        for name in self.names:
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = self.layers[name](x)
            if name in wanted:
                found[name] = x
            x = F.relu(x)
            if (after := name.replace("conv", "relu")) in wanted:
                found[after] = x
        return found

    def _normalised(self, x: Tensor) -> Tensor:
        if self.oxford:
            return x.flip(1) * 255 - x.new_tensor(OXFORD_MEAN).view(1, 3, 1, 1)
        return (x - x.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / x.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)


def _torchvision(index: int) -> int:
    """The position in torchvision's ``features`` of the convolution number ``index``.

    >>> [_torchvision(i) for i in (0, 1, 2, 15)]
    [0, 2, 5, 34]
    """
    pools = sum(1 for name in LAYERS[1 : index + 1] if name.endswith("_1"))
    return 2 * index + pools
