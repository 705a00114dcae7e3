"""PLKSR's checkpoints, as its authors name them and as RealPLKSR does."""

from __future__ import annotations

from acutance.errors import BadModel
from acutance.models.model import Argument
from acutance.models.namings import Foreign, Weights, count, root


def fits(weights: Weights) -> bool:
    """Whether these are a PLKSR's tensors."""
    return "feats.0.weight" in weights and "feats.1.refine.weight" in weights


def recognise(weights: Weights) -> Foreign:
    """The network ``plksr`` or ``real_plksr``. Raises ``KeyError`` or ``ValueError``, ``BadModel`` for variants."""
    if any(key.startswith("to_img.") for key in weights):
        raise BadModel("is a RealPLKSR that enlarges by DySample, which moves samples as it likes; not read")
    if "feats.1.lk.conv.weight" not in weights:
        raise BadModel("is a PLKSR whose large kernels are sparse or rectangular; only plain ones are read")
    real = "feats.1.channel_mixer.0.weight" in weights
    plain = {key.replace(".channe_mixer.", ".channel_mixer."): tensor for key, tensor in weights.items()}  # sic
    last = count(plain, "feats") - 1
    kernel = plain["feats.1.lk.conv.weight"]
    arguments: dict[str, Argument] = {
        "scale": root(plain[f"feats.{last}.weight"].shape[0] / 3), "channels": plain["feats.0.weight"].shape[0],
        "blocks": last - 2 if real else last - 1, "kernel": kernel.shape[2], "large": kernel.shape[0],
        "attention": "feats.1.attn.f.0.weight" in plain,
    }  # fmt: skip
    if real:
        return Foreign("real_plksr", {**arguments, "pixel_norm": "feats.1.layer_norm.weight" in plain}, plain)
    before, behind = (plain[f"feats.1.channel_mixer.{place}.weight"].shape[2] for place in (0, 2))
    return Foreign("plksr", {**arguments, "before": before, "behind": behind}, plain)
