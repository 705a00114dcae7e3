"""Checkpoints of other programs: recognised by their tensors' names and shapes, never by what they claim.

Read are RRDBNet (ESRGAN, Real-ESRGAN) in the naming of 2018 (``model.1.sub.0.RDB1.conv1.0``), of the ESRGAN
repository (``RRDB_trunk.0.RDB1.conv1``) and of BasicSR (``body.0.rdb1.conv1``); SRVGGNetCompact; MSRResNet in
BasicSR's naming and that of 2018.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from acutance.errors import BadModel
from acutance.files.pickles import read_pickle
from acutance.models.model import LARGEST_ARGUMENT, Argument

if TYPE_CHECKING:
    from torch import Tensor, nn

WRAPPERS = ("params_ema", "params", "state_dict", "model", "generator")
KNOWN = "RRDBNet (ESRGAN, Real-ESRGAN), SRVGGNetCompact and MSRResNet, RGB, of scale 1 to 4 (in the naming of 2018: 4)"
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
    """A checkpoint understood: one of our networks, its arguments, its weights by our names (float32)."""

    network: str
    arguments: dict[str, Argument]
    weights: dict[str, Tensor]

    def module(self) -> nn.Module:
        """The network with these weights, ready to run."""
        import torch

        from acutance.networks import NETWORKS

        with torch.device("meta"):
            module = NETWORKS[self.network](**self.arguments)  # type: ignore[arg-type]
        module.load_state_dict(self.weights, assign=True)
        return module.eval()


def read_foreign(path: Path) -> Foreign:
    """Read a ``.pth`` checkpoint. Raises ``BadModel`` for one that is damaged, unsafe or of another network."""
    import torch

    stored: dict[str, Any] = read_pickle(path)
    for wrapper in WRAPPERS:
        if isinstance(stored.get(wrapper), dict):
            stored = stored[wrapper]
            break
    weights = {str(key).removeprefix("module."): t for key, t in stored.items() if isinstance(t, torch.Tensor)}
    if not weights:
        raise BadModel(f"{path}: holds no tensors by name; import reads checkpoints of {KNOWN}")
    try:
        found = recognise({key: tensor.float() for key, tensor in weights.items()})
        wrong = _difference(found)
    except BadModel as error:
        raise BadModel(f"{path}: {error}") from None
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise BadModel(f"{path}: is of no network known here ({_sample(weights)}); import reads {KNOWN}") from error
    if wrong:
        raise BadModel(f"{path}: looks like {found.network} {_words(found.arguments)}, but {wrong}; it reads {KNOWN}")
    for key, tensor in found.weights.items():
        if not np.isfinite(tensor.numpy()).all():
            raise BadModel(f"{path}: {key} holds NaN or infinite weights; the file is damaged")
    return found


def recognise(weights: dict[str, Tensor]) -> Foreign:
    """The network whose tensors these are, with its arguments. Raises ``KeyError`` or ``ValueError`` if none."""
    if "body.0.weight" in weights:
        return Foreign("compact", _compact(weights), weights)
    keys = " ".join(weights)
    network = "rrdb" if re.search(r"\.(rdb|RDB)1\.", keys) else "msrresnet"
    weights = _renamed(weights, network)
    if "model.1.sub." in keys and any(key.startswith("model.") for key in weights):
        raise BadModel("ESRGAN in the naming of 2018 is read at scale 4 only; this one is of another")
    first, blocks = weights["conv_first.weight"], _blocks(weights)
    arguments: dict[str, Argument] = {"channels": first.shape[0], "blocks": blocks}
    if network == "rrdb":
        scale = {12: 2, 48: 1}.get(first.shape[1], 4 if "conv_up2.weight" in weights else 3)
        return Foreign(
            network, {"scale": scale, **arguments, "growth": weights["body.0.rdb1.conv1.weight"].shape[0]}, weights
        )
    scale = 4 if "upconv2.weight" in weights else _root(weights["upconv1.weight"].shape[0] / first.shape[0])
    return Foreign(network, {"scale": scale, **arguments, "long_skip": "conv_body.weight" in weights}, weights)


def _compact(weights: dict[str, Tensor]) -> dict[str, Argument]:
    last = max(int(key.split(".")[1]) for key in weights)
    scale, channels = _root(weights[f"body.{last}.weight"].shape[0] / 3), weights["body.0.weight"].shape[0]
    return {"scale": scale, "channels": channels, "convolutions": (last - 2) // 2}


def _renamed(weights: dict[str, Tensor], network: str) -> dict[str, Tensor]:
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


def _blocks(weights: dict[str, Tensor]) -> int:
    return 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("body."))


def _root(ratio: float) -> int:
    root = math.isqrt(round(ratio))
    if root**2 != ratio:
        raise ValueError(f"{ratio} is no square")
    return root


def _difference(found: Foreign) -> str:
    """The first difference between the tensors and those of the network they look like, or nothing."""
    import torch

    from acutance.networks import NETWORKS

    if max(found.arguments.values()) > LARGEST_ARGUMENT:
        return "its sizes are out of all bounds"
    with torch.device("meta"):
        expected = NETWORKS[found.network](**found.arguments).state_dict()  # type: ignore[arg-type]
    for key in [*expected, *found.weights]:
        have, want = found.weights.get(key), expected.get(key)
        if have is None or want is None:
            return f"{key} is {'missing' if have is None else 'one too many'}"
        if have.shape != want.shape:
            return f"{key} has the shape {tuple(have.shape)}, not {tuple(want.shape)}"
    return ""


def _words(arguments: dict[str, Argument]) -> str:
    return ", ".join(f"{key} {value}" for key, value in arguments.items())


def _sample(weights: dict[str, Tensor]) -> str:
    return ", ".join([*sorted(weights)[:2], "..."])
