"""Feature networks for perceptual losses, from local weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import nn

from acutance.errors import UsageError
from acutance.files.pickles import read_pickle
from acutance.networks.vgg import VGG19
from acutance.training.recipe import Features


def load_features(wanted: Features | None, file: Path | None) -> tuple[nn.Module | None, str]:
    """temporary"""
    if wanted is None:
        return None, ""
    if file is None:
        raise UsageError("needs --features")
    return VGG19(last=wanted.last, weights=read_pickle(file)), hashlib.sha256(file.read_bytes()).hexdigest()
