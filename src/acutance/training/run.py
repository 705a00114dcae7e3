"""The run folder: what is being trained, so that a run is continued only as itself."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from acutance.errors import UsageError
from acutance.files.atomic import atomic_path
from acutance.training import checkpoint
from acutance.training.recipe import Recipe

IDENTITY = ("recipe", "data", "seed", "start")


def open_run(out: Path, recipe: Recipe, data_sha256: str, seed: int, start: Path | None) -> Path:
    """Create ``out/run.json``, or check that the run already there is the same one."""
    facts: dict[str, Any] = {
        "recipe": describe(recipe), "data": data_sha256, "seed": seed, "start": str(start or ""),
        "versions": {name: version(name) for name in ("acutance", "torch", "numpy")},
        "commit": commit(), "machine": platform.processor() or platform.machine(),
    }  # fmt: skip
    path = out / "run.json"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, facts)
        return out
    before = json.loads(path.read_text())
    different = [f"{key}: was {before.get(key)}, now {facts[key]}" for key in IDENTITY if before.get(key) != facts[key]]
    if different:
        raise UsageError(f"{out}: holds another run ({'; '.join(different)}); choose another --out")
    return out


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write readable JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1))


def describe(recipe: Recipe) -> dict[str, Any]:
    """The values of a recipe that decide what is computed, as JSON."""
    return {
        "name": recipe.name, "network": recipe.network, "arguments": recipe.arguments,
        "data": repr(recipe.data), "schedule": repr(recipe.schedule), "ema": recipe.ema,
        "bf16": recipe.bf16, "clip": recipe.clip, **_described(recipe),
    }  # fmt: skip


def _described(recipe: Recipe) -> dict[str, Any]:
    """What the objective minimises and how: known only once it is built."""
    with torch.random.fork_rng():
        objective = recipe.objective()
    turns = {}
    for turn in objective.turns:
        optimizer = turn.optimizer([p for name in turn.networks for p in objective.get_submodule(name).parameters()])
        groups = [{k: repr(v) for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        turns[turn.name] = {"networks": list(turn.networks), "optimizer": type(optimizer).__name__, "groups": groups}
    return {"losses": [[name, weight] for name, weight, _ in objective.losses], "turns": turns}


def commit() -> str:
    """The commit this code stands at, or an empty string outside a checkout."""
    here = Path(__file__).parent
    found = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() if found.returncode == 0 else ""


def start_weights(start: Path, network: nn.Module) -> dict[str, Tensor]:
    """The weights of a run folder or a model file, checked against ``network``."""
    if start.is_dir():
        sound = [c for c in checkpoint.checkpoints(start) if checkpoint.damage(c) is None]
        if not sound:
            raise UsageError(f"{start}: holds no sound checkpoint to start from")
        path = sound[-1] / "average.safetensors"
    elif start.suffix == ".safetensors" and start.exists():
        path = start
    else:
        raise UsageError(f"{start}: neither a run folder nor a .safetensors model")
    weights = load_file(path)
    expected = network.state_dict()
    weights |= {k: t for k, t in expected.items() if k.endswith("num_batches_tracked") and k not in weights}
    wrong = [k for k in expected if k not in weights or weights[k].shape != expected[k].shape]
    if wrong or len(weights) != len(expected):
        first = ", ".join(wrong[:3]) or "extra tensors"
        raise UsageError(f"{path}: belongs to another network (first differences: {first})")
    device = next(network.parameters()).device
    return {key: tensor.to(device) for key, tensor in weights.items()}
