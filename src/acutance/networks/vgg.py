"""VGG19 and VGG16 features (Simonyan & Zisserman 2015, configurations E and D) for perceptual losses and style.

Weights come in the Oxford/Keras naming (``block3_conv4.weight``), torchvision's (``features.16.weight``)
or that of ESRGAN's MINC network (``conv53.weight``). What the network was trained to be fed is a value of
its own, ``Normalisation``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.errors import BadModel


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """RGB in [0, 1] becomes (x - mean) / std, ``bgr``: with the channels reversed first."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bgr: bool = False


OXFORD = Normalisation(mean=(103.939 / 255, 116.779 / 255, 123.68 / 255), std=(1 / 255, 1 / 255, 1 / 255), bgr=True)
"""BGR in 0..255 less the channel means (sec. 2.1; the means of the released networks)."""
TORCHVISION = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""ImageNet's mean and deviation."""
RAW = Normalisation()
"""As it comes, whatever its range: ESRGAN's MINC network, the face SRGAN."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """``blocks``: channels and number of convolutions of each, with a pooling between; ``ceil``: an odd row or
    column at the edge is pooled too; ``normalisation`` where the weights do not say."""

    name: str
    blocks: tuple[tuple[int, int], ...]
    ceil: bool = False
    normalisation: Normalisation = OXFORD

    @property
    def layers(self) -> tuple[str, ...]:
        """The convolutions by name.

        >>> MINC.layers[-3:]
        ('conv5_1', 'conv5_2', 'conv5_3')
        """
        return tuple(f"conv{b}_{c}" for b, (_, count) in enumerate(self.blocks, 1) for c in range(1, count + 1))


E = Configuration(name="VGG19", blocks=((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)))
D = Configuration(name="VGG16", blocks=((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)))
MINC = Configuration(name="VGG16 (MINC)", blocks=D.blocks, ceil=True, normalisation=RAW)
"""Trained to tell materials (Bell et al. 2015); ESRGAN's MINC loss (sec. 3.3) compares conv5_3 before its ReLU."""


class VGG(nn.Module):
    """Frozen features up to ``last`` of RGB ``(N, 3, H, W)``, in [0, 1] unless ``normalisation`` is raw.

    Returns the wanted layers by name, ``convB_C`` before the ReLU, ``reluB_C`` after it and ``poolB`` at the
    end of a block, and computes no deeper than they need. 20,024,384 parameters up to VGG19's conv5_4,
    14,714,688 up to VGG16's conv5_3. Without ``weights`` the network is random, for tests of shapes only.
    ``normalisation`` is by default the one that goes with the naming of the weights; give it where that says
    nothing, as for Oxford weights under torchvision's names.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        configuration: Configuration = E,
        *,
        last: str,
        weights: Mapping[str, Tensor] | None = None,
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        if last not in configuration.layers:
            raise ValueError(f"no layer {last}; {configuration.name} has {', '.join(configuration.layers)}")
        self.configuration = configuration
        self.names = configuration.layers[: configuration.layers.index(last) + 1]
        self.ends = {f"conv{block}_{count}" for block, (_, count) in enumerate(configuration.blocks, 1)}
        self.layers = nn.ModuleDict()
        before = 3
        for name in self.names:
            after = configuration.blocks[int(name[4]) - 1][0]
            self.layers[name] = nn.Conv2d(before, after, 3, padding=1)
            before = after
        keys, natural = _naming(configuration, weights or {})
        if weights is not None:
            self._load(weights, keys)
        self.normalisation = normalisation or natural
        for name in ("mean", "std"):
            value = torch.tensor(getattr(self.normalisation, name)).view(1, 3, 1, 1)
            self.register_buffer(name, value, persistent=False)
        self.requires_grad_(False).eval()

    def _load(self, stored: Mapping[str, Tensor], keys: Mapping[str, str]) -> None:
        for name in self.names:
            layer, key = self.layers[name], keys[name]
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            weight, bias = stored.get(f"{key}.weight"), stored.get(f"{key}.bias")
            if not (_fits(weight, layer.weight) and _fits(bias, layer.bias)):
                raise BadModel(
                    f"no fitting {key} among the {self.configuration.name} weights; {self.names[-1]} needs it"
                )
            assert weight is not None and bias is not None
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)

    def forward(self, x: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """See the class."""
        left = set(wanted)
        if unknown := left - {*self.names, *(after for name in self.names for after in _after(name))}:
            raise ValueError(f"no layer {', '.join(sorted(unknown))}; this network ends at {self.names[-1]}")
        x = ((x.flip(1) if self.normalisation.bgr else x) - self.mean) / self.std
        found: dict[str, Tensor] = {}
        for name in self.names:
            x = self.layers[name](x)
            relu, pool = _after(name)
            for layer in (name, relu, *([pool] if name in self.ends else [])):
                if layer == relu:
                    x = F.relu(x)
                elif layer == pool:
                    x = F.max_pool2d(x, 2, ceil_mode=self.configuration.ceil)
                if layer in left:
                    found[layer] = x
                    left.remove(layer)
                if not left:
                    return found
        return found


class VGG19(VGG):
    """Configuration E; see ``VGG``."""

    def __init__(
        self,
        *,
        last: str = "conv5_4",
        weights: Mapping[str, Tensor] | None = None,
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__(E, last=last, weights=weights, normalisation=normalisation)


def _after(name: str) -> tuple[str, str]:
    """What follows a convolution.

    >>> _after("conv4_4")
    ('relu4_4', 'pool4')
    """
    return name.replace("conv", "relu"), f"pool{name[4]}"


def _fits(stored: object, own: Tensor) -> bool:
    return isinstance(stored, Tensor) and stored.shape == own.shape


def _naming(configuration: Configuration, stored: Mapping[str, Tensor]) -> tuple[dict[str, str], Normalisation]:
    """What the layers are called among the weights, and the normalisation that goes with such names.

    >>> _naming(E, {"features.0.weight": torch.zeros(1)})[0]["conv3_4"]
    'features.16'
    """
    layers = configuration.layers
    if "features.0.weight" in stored:
        pools = [sum(n.endswith("_1") for n in layers[1 : i + 1]) for i in range(len(layers))]
        return {n: f"features.{2 * i + pools[i]}" for i, n in enumerate(layers)}, TORCHVISION
    if "conv11.weight" in stored:
        return {n: n.replace("_", "") for n in layers}, RAW
    return {n: f"block{n[4]}_conv{n[6]}" for n in layers}, configuration.normalisation
