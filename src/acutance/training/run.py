"""The run folder: what is being trained, so that a run is continued only as itself."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from acutance.errors import BadModel, UsageError
from acutance.files import machine
from acutance.files.atomic import atomic_path
from acutance.files.tensors import read_tensors
from acutance.models.model import read_model
from acutance.training import parallel
from acutance.training.devices import SHORT, compiles, multiplies_in
from acutance.training.history import stage, start_weights
from acutance.training.recipe import Recipe
from acutance.training.step import State

IDENTITY = ("recipe", "features", "teacher", "data", "seed", "start")
NOT_COMPUTED = {
    "objective", "source", "steps", "valid_every", "save_every", "keep_best", "keep_every", "after", "compile",
    "teacher_scale",
}  # fmt: skip
HOW = {"params", "foreach", "fused"}  # of an optimizer: what it moves, and ways that lead to the same numbers
SHOWN = 4  # differences
COUNTER = "num_batches_tracked"
BARE = {"format"}  # what metadata of weights alone says


def open_run(
    out: Path, recipe: Recipe, state: State, features_sha256: str, teacher_sha256: str, data_sha256: str, seed: int,
    start: Path | None,
) -> Path:  # fmt: skip
    """Create ``out/run.json``, or check that the run already there is the same one."""
    facts: dict[str, Any] = {
        "recipe": describe(recipe, state), "features": features_sha256, "teacher": teacher_sha256,
        "data": data_sha256, "seed": seed, "start": str(start or ""),
        "versions": machine.versions(("acutance", "torch", "numpy")),
        "commit": machine.commit(), "machine": machine.processor(), "device": device_name(recipe, state),
    }  # fmt: skip
    path = out / "run.json"
    if parallel.leads() and not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, facts | {"before": stage(start)})
    parallel.wait()
    try:
        before = json.loads(path.read_text())
    except ValueError as error:
        raise UsageError(f"{path}: is damaged, so nobody knows which run this is; choose another --out") from error
    _brought_up(before)
    different = [line for key in IDENTITY for line in differences(key, before.get(key), facts[key])]
    if different:
        more = f"; and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise UsageError(f"{out}: holds another run ({'; '.join(different[:SHOWN])}{more}); choose another --out")
    return out


def _brought_up(facts: dict[str, Any]) -> None:
    """What an earlier version noted of a run, as it is noted now."""
    facts.setdefault("teacher", "")
    noted = facts.get("recipe", {})
    for key in NOT_COMPUTED & set(noted) - {"objective"}:
        del noted[key]
    if "bf16" in noted:
        noted["mixed"] = noted.pop("bf16")
    for optimizer in noted.get("optimizers", {}).values():
        groups = optimizer.get("groups", [])
        optimizer["groups"] = [{k: v for k, v in group.items() if k not in HOW} for group in groups]


def device_name(recipe: Recipe, state: State) -> str:
    """Where the networks are - ``cpu``, or a GPU by its name - how they multiply, and whether compiled."""
    device = next(state.average.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    compiled = ", compiled" if recipe.compile and compiles(device.type) else ""
    return f"{name} in {SHORT[multiplies_in(recipe, device)]}{compiled}"


def device_remark(run: Path, recipe: Recipe, state: State) -> str:
    """What is to be said of a run that was begun elsewhere; empty otherwise."""
    before, now = json.loads((run / "run.json").read_text()).get("device"), device_name(recipe, state)
    return f"begun on {before}, goes on on {now}: not bit for bit the same run" if before not in (None, now) else ""


def differences(name: str, before: Any, now: Any) -> list[str]:
    """What changed between two JSON values, one short line for each place.

    >>> differences("recipe", {"ema": 0.9, "clip": 0}, {"ema": 0.5, "clip": 0})
    ['recipe.ema: was 0.9, now 0.5']
    """
    if isinstance(before, dict) and isinstance(now, dict):
        keys = {**before, **now}
        return [line for key in keys for line in differences(f"{name}.{key}", before.get(key), now.get(key))]
    if before == now:
        return []
    return [f"{name}: was {_short(before)}, now {_short(now)}"]


def _short(value: Any) -> str:
    text = str(value) if value not in ("", None) else "none"
    return text if len(text) <= 60 else f"{text[:57]}..."


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write readable JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1))


def describe(recipe: Recipe, state: State) -> dict[str, Any]:
    """The values of a recipe that decide what is computed, as JSON."""
    values = {f.name: getattr(recipe, f.name) for f in fields(recipe) if f.name not in NOT_COMPUTED}
    described = {k: v if isinstance(v, (str, int, float, dict)) else repr(v) for k, v in values.items()}
    optimizers = {}
    for name, optimizer in state.optimizers.items():
        groups = [{k: repr(v) for k, v in group.items() if k not in HOW} for group in optimizer.param_groups]
        optimizers[name] = {"optimizer": type(optimizer).__name__, "groups": groups}
    return {**described, "objective": state.objective.describe(), "optimizers": optimizers}


def load_start(start: Path, state: State) -> None:
    """Begin with the generator of a run folder or a model file. Raises ``UsageError`` when it is another one."""
    path = start_weights(start)
    if path is None:
        raise UsageError(f"{start}: holds no sound checkpoint to start from")
    weights = {k: torch.from_numpy(v) for k, v in _start_weights(path).items() if not k.endswith(COUNTER)}
    expected = {k: v for k, v in state.objective.generator.state_dict().items() if not k.endswith(COUNTER)}
    wrong = [k for k in expected if k not in weights or weights[k].shape != expected[k].shape]
    if wrong or len(weights) != len(expected):
        first = ", ".join(wrong[:3]) or "extra tensors"
        raise UsageError(f"{path}: belongs to another network (first differences: {first})")
    for network in (state.objective.generator, state.average):
        network.load_state_dict(weights, strict=False)


def _start_weights(path: Path) -> dict[str, np.ndarray]:
    """A model's weights, or bare ones, float32; all of them finite numbers. Raises ``BadModel``."""
    arrays, metadata = read_tensors(path)
    if not metadata.keys() <= BARE:  # a model, or what damage has made of one
        return read_model(path).weights
    weights = {key: array.astype(np.float32) for key, array in arrays.items()}
    for key, array in weights.items():
        if not np.isfinite(array).all():
            raise BadModel(f"{path}: {key} holds NaN or infinite weights; start from another")
    return weights
