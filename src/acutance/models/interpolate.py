"""Network interpolation (ESRGAN, Wang et al. 2018, sec. 3.4): between two models, weight by weight.

theta = (1 - alpha) theta_A + alpha theta_B. It mixes what networks do, not the pictures they make, and is
sensible where B was trained on from A: a PSNR model and the GAN model that started from it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadModel, UsageError
from acutance.models.model import Model, halved, in_bf16, is_in_bf16, write_model
from acutance.models.store import copy_graph


def interpolate(a: Model, b: Model, alpha: float) -> dict[str, np.ndarray]:
    """The weights between ``a`` (``alpha`` 0) and ``b`` (1), float32; exact at both ends; of 8 significant bits where
    both ends are.

    Raises ``UsageError`` for another alpha, ``BadModel`` naming the first difference for unequal networks.
    """
    if not 0 <= alpha <= 1:
        raise UsageError(f"--alpha {alpha:g}: expected a number from 0 (all {a.name}) to 1 (all {b.name})")
    if difference := first_difference(a, b):
        raise BadModel(f"{a.path} and {b.path}: {difference}; only models of one network can be interpolated")
    near, far = np.float64(1 - alpha), np.float64(alpha)
    between = {key: (near * first + far * b.weights[key]).astype(np.float32) for key, first in a.weights.items()}
    return in_bf16(between) if is_in_bf16(a.weights) and is_in_bf16(b.weights) else between


def first_difference(a: Model, b: Model) -> str:
    """What keeps two models from being interpolated, in words; empty if nothing."""
    if a.network != b.network:
        return f"one is a {a.network}, the other a {b.network}"
    for key in [*a.arguments, *b.arguments]:
        if a.arguments.get(key) != b.arguments.get(key):
            return f"{key} is {a.arguments.get(key)} in one and {b.arguments.get(key)} in the other"
    for key in [*a.weights, *b.weights]:
        if key not in a.weights or key not in b.weights:
            return f"{key} is in one of them only"
        if a.weights[key].shape != b.weights[key].shape:
            return f"{key} is {a.weights[key].shape} in one and {b.weights[key].shape} in the other"
    return ""


def write_interpolated(a: Model, b: Model, alpha: float, path: Path) -> None:
    """Write the model between ``a`` and ``b`` to ``path``, with the graph beside it and both in its receipt."""
    weights = interpolate(a, b, alpha)
    copy_graph(a, path.parent)
    receipt: dict[str, Any] = {
        "about": f"{1 - alpha:g} of {a.name} and {alpha:g} of {b.name}, weight by weight",
        "alpha": alpha, "a": _named(a), "b": _named(b),
    }  # fmt: skip
    facts = {
        "name": path.stem, "network": a.network, "arguments": a.arguments, "geometry": asdict(a.geometry),
        "graph": {"file": a.graph.name, "sha256": a.graph_sha256}, "receipt": receipt,
    }  # fmt: skip
    write_model(path, halved(weights), facts)


def _named(model: Model) -> dict[str, Any]:
    known = {key: model.receipt[key] for key in ("licence", "trained_on") if key in model.receipt}
    return {"name": model.name, "sha256": model.sha256, **known}
