"""Where a run comes from: what the stages before it were, so that a model file tells of its whole training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from acutance.errors import BadModel
from acutance.files.weights import sha256
from acutance.models.model import read_facts
from acutance.models.store import find
from acutance.training import checkpoint

KEPT = ("recipe", "data", "seed", "start", "steps", "versions", "commit", "source", "source_sha256", "licence",
        "trained_on", "mixed", "weights_sha256", "teacher", "before")  # fmt: skip


def start_weights(start: Path) -> Path | None:
    """The file of weights that ``--from start`` means; None where a run folder holds no sound checkpoint."""
    if start.is_dir():
        sound = [c for c in checkpoint.checkpoints(start) if checkpoint.damage(c) is None]
        return sound[-1] / "average.safetensors" if sound else None
    return start if start.suffix == ".safetensors" and start.exists() else find(str(start))


def stage(start: Path | None) -> dict[str, Any]:
    """The receipt of ``start``, a model or a run folder, with the checksum of the file of weights that was read, and
    the receipt of its own start under ``before``; {} if unknown."""
    weights = start_weights(start) if start else None
    if start is None or weights is None:
        return {}
    try:
        read = {"weights_sha256": sha256(weights)}
        if not start.is_dir():
            return _kept(read_facts(weights)["receipt"] | read)
        facts = json.loads((start / "run.json").read_text()) | read
    except (OSError, ValueError, BadModel):  # bare weights, say
        return {}
    return _kept(facts | {"steps": checkpoint.step_of(weights.parent)})


def _kept(receipt: dict[str, Any]) -> dict[str, Any]:
    return {key: receipt[key] for key in KEPT if receipt.get(key)}
