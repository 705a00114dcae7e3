"""Which network a checkpoint's tensors belong to, by their names and shapes alone, and those tensors by our names.

Here RRDBNet (ESRGAN, Real-ESRGAN) in the naming of 2018 (``model.1.sub.0.RDB1.conv1.0``), of the ESRGAN
repository (``RRDB_trunk.0.RDB1.conv1``) and of BasicSR (``body.0.rdb1.conv1``); SRVGGNetCompact; MSRResNet in
BasicSR's naming and that of 2018.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from acutance.errors import BadModel
from acutance.models.model import Argument

if TYPE_CHECKING:
    from torch import nn

Weights = dict[str, np.ndarray]
RENAMINGS = (  # of RRDBNet and MSRResNet, to BasicSR's names
    (r"^model\.0\.", "conv_first."),
    (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"^model\.1\.sub\.(\d+)\.res\.0\.", r"body.\1.conv1."),
    (r"^model\.1\.sub\.(\d+)\.res\.2\.", r"body.\1.conv2."),
    (r"^model\.1\.sub\.\d+\.(weight|bias)$", r"conv_body.\1"),
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"^recon_trunk\.", "body."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^HRconv\.", "conv_hr."),
)
TAIL_2018 = {"rrdb": ("3", "6", "8", "10"), "msrresnet": ("2", "5", "8", "10")}  # two steps of enlargement, x4
UPS = {"rrdb": "conv_up", "msrresnet": "upconv"}


@dataclass(frozen=True)
class Foreign:
    """A checkpoint understood: one of our networks, its arguments, its weights by our names (float32).

    ``notes``: what is not quite as its authors have it.
    """

    network: str
    arguments: dict[str, Argument]
    weights: Weights
    notes: tuple[str, ...] = ()

    def module(self) -> nn.Module:
        """The network with these weights, ready to run. Needs torch."""
        import torch

        from acutance.networks import NETWORKS

        with torch.device("meta"):
            module = NETWORKS[self.network](**self.arguments)  # type: ignore[arg-type]
        module.load_state_dict({key: torch.from_numpy(array) for key, array in self.weights.items()}, assign=True)
        return module.eval()


def classic(weights: Weights) -> Foreign:
    """A compact network, an RRDBNet or an MSRResNet. Raises ``KeyError`` or ``ValueError`` if it is none,
    ``BadModel`` (without the file's name) for a variant that is known and not read."""
    if "body.0.weight" in weights:
        return Foreign("compact", _compact(weights), weights)
    keys = " ".join(weights)
    network = "rrdb" if re.search(r"\.(rdb|RDB)1\.", keys) else "msrresnet"
    weights = _renamed(weights, network)
    if "model.1.sub." in keys and any(key.startswith("model.") for key in weights):
        raise BadModel("ESRGAN in the naming of 2018 is read at scale 4 only; this one is of another")
    first, blocks = weights["conv_first.weight"], count(weights, "body")
    arguments: dict[str, Argument] = {"channels": first.shape[0], "blocks": blocks}
    if network == "rrdb":
        scale = {12: 2, 48: 1}.get(first.shape[1], 4 if "conv_up2.weight" in weights else 3)
        growth = weights["body.0.rdb1.conv1.weight"].shape[0]
        return Foreign(network, {"scale": scale, **arguments, "growth": growth}, weights)
    scale = 4 if "upconv2.weight" in weights else root(weights["upconv1.weight"].shape[0] / first.shape[0])
    return Foreign(network, {"scale": scale, **arguments, "long_skip": "conv_body.weight" in weights}, weights)


def _compact(weights: Weights) -> dict[str, Argument]:
    last = max(int(key.split(".")[1]) for key in weights)
    scale, channels = root(weights[f"body.{last}.weight"].shape[0] / 3), weights["body.0.weight"].shape[0]
    return {"scale": scale, "channels": channels, "convolutions": (last - 2) // 2}


def _renamed(weights: Weights, network: str) -> Weights:
    """To BasicSR's names; names that are none of the old ones stay."""
    up = UPS[network]
    tail = dict(zip(TAIL_2018[network], (f"{up}1", f"{up}2", "conv_hr", "conv_last"), strict=True))
    renamings = [*RENAMINGS, *((rf"^model\.{number}\.", f"{name}.") for number, name in tail.items())]
    if network == "rrdb":
        renamings.append((r"^upconv(\d)\.", r"conv_up\1."))
    result = {}
    for key, tensor in weights.items():
        for old, new in renamings:
            key = re.sub(old, new, key)
        result[key] = tensor
    return result


def count(weights: Weights, chain: str) -> int:
    """How many numbered parts ``chain`` has. Raises ``ValueError`` where none has a number."""
    return 1 + max(int(key.split(".")[1]) for key in weights if key.startswith(f"{chain}."))


def root(ratio: float) -> int:
    """The whole square root. Raises ``ValueError`` where there is none."""
    found = math.isqrt(round(ratio))
    if found**2 != ratio:
        raise ValueError(f"{ratio} is no square")
    return found


def in_colours_kept(found: Foreign) -> Foreign:
    """The same weights in the network that keeps mean colours."""
    return replace(found, network=f"colourfast_{found.network}")
