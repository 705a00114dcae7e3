"""Checkpoints that are whole or absent: a folder written as ``.tmp``, manifest last, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor
from torch.optim import Optimizer

from acutance.files.atomic import resource_error, sync_file, sync_folder

Tensors = dict[str, dict[str, Tensor]]


def save(run: Path, step: int, tensors: Tensors, state: dict[str, Any]) -> Path:
    """Write ``run/checkpoints/step-N``: one safetensors file per entry and ``state.json``.

    The manifest of SHA-256 comes last and the folder gets its name only when all of it is on disk.
    """
    final = run / "checkpoints" / f"step-{step:08d}"
    temporary = final.with_suffix(".tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, group in tensors.items():
            contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in group.items()}
            (temporary / f"{name}.safetensors").write_bytes(serialise(contiguous))
        (temporary / "state.json").write_text(json.dumps({"step": step, **state}))
        manifest = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
        for path in temporary.iterdir():
            sync_file(path)
        (temporary / "manifest.json").write_text(json.dumps(manifest))
        sync_file(temporary / "manifest.json")
        sync_folder(temporary)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
        sync_folder(final.parent)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise resource_error(error, final) from error
    return final


def checkpoints(run: Path) -> list[Path]:
    """Finished checkpoint folders, oldest first."""
    return sorted(p for p in (run / "checkpoints").glob("step-*") if p.suffix != ".tmp")


def step_of(checkpoint: Path) -> int:
    """The step a checkpoint folder stands for."""
    return int(checkpoint.name.removeprefix("step-"))


def damage(checkpoint: Path) -> str | None:
    """Why a checkpoint cannot be trusted, or None."""
    try:
        manifest = json.loads((checkpoint / "manifest.json").read_text())
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or not manifest:
        return "its manifest is missing or damaged"
    for name, digest in manifest.items():
        if not (checkpoint / name).exists():
            return f"{name} is missing"
        if _sha256(checkpoint / name) != digest:
            return f"{name} does not match its SHA-256"
    return None


def load(checkpoint: Path) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and the state of a checkpoint that ``damage`` found whole."""
    tensors = {path.stem: load_file(path) for path in checkpoint.glob("*.safetensors")}
    return tensors, json.loads((checkpoint / "state.json").read_text())


def prune(run: Path, keep: set[int]) -> None:
    """Remove every checkpoint but those of the steps in ``keep`` and the newest two."""
    for checkpoint in checkpoints(run)[:-2]:
        if step_of(checkpoint) not in keep:
            shutil.rmtree(checkpoint)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The per-parameter state of an optimiser as flat names ``INDEX.KEY``."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what ``optimizer_tensors`` took out; groups and rates come from the recipe."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    for parameter, entry in optimizer.state.items():  # laid out like its parameter, as fast paths want it
        alike = {key: value for key, value in entry.items() if key != "step" and value.shape == parameter.shape}
        entry |= {key: torch.empty_like(parameter, dtype=value.dtype).copy_(value) for key, value in alike.items()}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
