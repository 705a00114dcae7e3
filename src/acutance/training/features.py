"""The frozen network a perceptual loss looks through, with weights from a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from acutance.errors import BadModel, UsageError
from acutance.files.download import Terms
from acutance.files.weights import find_weights, obtain_weights, read_weights
from acutance.networks.vgg import MINC, OXFORD, RAW, TORCHVISION, VGG, Configuration, E, Normalisation

SHALLOW = "srgan_vgg34"  # the recipe for those who have no deeper layers than conv3_4


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One training of one network. ``files``: the weight files that hold it, each with its deepest layer.

    Kinds are kept apart because the weight of a loss belongs to one: the size of features follows from
    the training, so that with another kind the same recipe would mean something else.
    """

    name: str
    configuration: Configuration
    normalisation: Normalisation
    files: tuple[tuple[str, str], ...]


OXFORD_VGG19 = Kind(
    name="Oxford's VGG19",
    configuration=E,
    normalisation=OXFORD,
    files=(("vgg19_conv1_1-conv3_4.pth", "conv3_4"), ("vgg19-d01eb7cb.pth", "conv5_4")),
)
"""The network SRGAN used; what its factor 1/12.75 presumes."""
OXFORD_VGG19_RAW = replace(OXFORD_VGG19, normalisation=RAW)
"""The same, fed what comes: the face SRGAN gives it [-1, 1]."""
TORCHVISION_VGG19 = Kind(
    name="torchvision's VGG19",
    configuration=E,
    normalisation=TORCHVISION,
    files=(("vgg19-dcbb9e9d.pth", "conv5_4"),),
)
"""The network of ESRGAN's reference code."""
MINC_VGG16 = Kind(
    name="ESRGAN's MINC VGG16",
    configuration=MINC,
    normalisation=RAW,
    files=(("VGG16minc_53.pth", "conv5_3"),),
)
"""Trained to tell materials; fed [0, 1] as it is."""
KINDS = (OXFORD_VGG19, TORCHVISION_VGG19, MINC_VGG16)


def load_features(kind: Kind, last: str, file: Path | None = None, terms: Terms | None = None) -> VGG:
    """The features of ``kind`` up to ``last``, from ``file`` or from the weights folder.

    With ``terms`` a file that is not there and can be had is fetched. Raises ``UsageError`` where no file is
    there or ``file`` is another kind's, ``BadModel`` where it is damaged, unsafe or has no such layers.
    """
    path = file if file is not None else _find(kind, last, terms)
    others = [k for k in KINDS if k.files != kind.files and path.name in dict(k.files)]
    if others:
        raise UsageError(f"{path}: holds {others[0].name}; this recipe is made for {kind.name}")
    stored = read_weights(path)
    if kind.files == TORCHVISION_VGG19.files and "block1_conv1.weight" in stored:
        raise UsageError(f"{path}: holds {OXFORD_VGG19.name}; this recipe is made for {kind.name}")
    try:
        return VGG(kind.configuration, last=last, weights=stored, normalisation=kind.normalisation)
    except BadModel as error:
        raise BadModel(f"{path}: {error}{_advice(kind, last)}") from error


def digest(network: nn.Module | None) -> str:
    """One SHA-256 over the weights that are used; empty without a network."""
    if network is None:
        return ""
    total = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        total.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.cpu().numpy().tobytes())
    return total.hexdigest()


def _find(kind: Kind, last: str, terms: Terms | None) -> Path:
    """The file in the weights folder that goes as deep as ``last``; fetched, if need be and where it can be."""
    layers = kind.configuration.layers
    fitting = [name for name, deepest in kind.files if layers.index(deepest) >= layers.index(last)]
    try:
        return find_weights(*fitting) if terms is None else obtain_weights(*fitting, terms=terms)
    except UsageError as error:
        raise UsageError(f"{error}; or name another with --features{_advice(kind, last)}") from error


def _advice(kind: Kind, last: str) -> str:
    """What else can be done: only Oxford's VGG19 has a recipe that needs no deep layers."""
    if kind.configuration is not E or last <= "conv3_4":
        return ""
    return f"; with layers up to conv3_4 only, train {SHALLOW}"
