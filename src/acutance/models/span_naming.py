"""SPAN's checkpoints: with the branches that train beside each convolution, or folded to plain ones.

A branch is a 1x1, a 3x3 and a 1x1 convolution in a row, and another 1x1 beside them (Wan et al. 2024, sec. 3.3): all of
it is linear, so one 3x3 convolution does the same. The picture is framed with zeros before the first, so this holds at
the borders, too.
"""

from __future__ import annotations

import re

import numpy as np

from acutance.models.namings import Foreign, Weights, count, root

MEAN = np.array([114.0, 111.0, 103.0])  # what our network takes away from levels of 255
AUTHORS_MEAN = np.array([0.4488, 0.4371, 0.4040])  # not stored by them


def fits(weights: Weights) -> bool:
    """Whether these are a SPAN's tensors."""
    return any(key.startswith("conv_cat.") for key in weights) and any(re.match(r"block_1\.c1", key) for key in weights)


def recognise(weights: Weights) -> Foreign:
    """The network ``span`` with plain convolutions. Raises ``KeyError`` or ``ValueError``."""
    plain = {_renamed(key): tensor for key, tensor in folded(weights).items()}
    mean = plain.pop("mean", AUTHORS_MEAN).astype(np.float64).flatten() * 255
    notes = []
    if plain.pop("no_norm", None) is not None:  # it sees [0, 1] as it is
        first = plain["conv_1.weight"].astype(np.float64) / 255
        plain["conv_1.weight"], mean = first.astype(np.float32), np.zeros(3)
        notes.append("the outermost pixels of its results differ a little from other programs'")
    off = (plain["conv_1.weight"].astype(np.float64).sum((2, 3)) * (MEAN - mean)).sum(1)
    plain["conv_1.bias"] = (plain["conv_1.bias"] + off).astype(np.float32)
    scale = root(plain["upsampler.weight"].shape[0] / 3)
    channels = plain["conv_1.weight"].shape[0]
    arguments = {"scale": scale, "channels": channels, "blocks": count(plain, "blocks")}
    return Foreign("span", arguments, plain, tuple(notes))


def folded(weights: Weights) -> Weights:
    """``weights`` with one convolution, under the name of all, in the place of branches."""
    branched = {key.removesuffix(".sk.weight") for key in weights if key.endswith(".sk.weight")}
    served = {key.removesuffix(".eval_conv.weight") for key in weights if key.endswith(".eval_conv.weight")}
    plain = {key: tensor for key, tensor in weights.items() if not re.search(r"\.(sk|conv\.\d|eval_conv)\.", key)}
    for name in branched:
        plain[f"{name}.weight"], plain[f"{name}.bias"] = fold(weights, name)
    for name in served - branched:  # the branches are gone, what they fold to is there
        for part in ("weight", "bias"):
            plain[f"{name}.{part}"] = weights[f"{name}.eval_conv.{part}"]
    return plain


def fold(weights: Weights, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight ``(out, in, 3, 3)`` and bias ``(out,)`` of the convolution that does what ``name``'s branches do."""
    (w1, b1), (w2, b2), (w3, b3), (skip, skip_bias) = (
        [weights[f"{name}.{part}.{kind}"].astype(np.float64) for kind in ("weight", "bias")]
        for part in ("conv.0", "conv.1", "conv.2", "sk")
    )
    narrow = w3[:, :, 0, 0]
    weight = np.einsum("om,mnyx,ni->oiyx", narrow, w2, w1[:, :, 0, 0])
    weight[:, :, 1, 1] += skip[:, :, 0, 0]
    bias = narrow @ (w2.sum((2, 3)) @ b1 + b2) + b3 + skip_bias
    return weight.astype(np.float32), bias.astype(np.float32)


def _renamed(key: str) -> str:
    """To our names: blocks counted from 0, ``c1`` for ``c1_r``, one upsampler."""
    key = re.sub(r"^block_(\d+)\.c(\d)(_r)?\.", lambda found: f"blocks.{int(found[1]) - 1}.c{found[2]}.", key)
    return re.sub(r"^upsampler\.0\.", "upsampler.", key)
