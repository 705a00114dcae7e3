"""New model files: where they may go, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import click

from acutance.cli import console
from acutance.errors import UsageError

SUFFIX = ".safetensors"
overwrite = click.option("--overwrite", is_flag=True, help="Replace a file that is there.")


def target(path: Path, overwrite: bool, *inputs: Path, suffix: str = SUFFIX) -> Path:
    """``path`` if it may be written. Raises ``UsageError``."""
    if path.suffix != suffix:
        raise UsageError(f"{path}: name it with {suffix}")
    if path.exists() and any(path.samefile(each) for each in inputs):
        raise UsageError(f"{path}: is the model itself; choose another -o")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: is there already; use --overwrite or choose another name")
    return path


def tell(path: Path, json: bool) -> None:
    """Say what a new model file is."""
    from acutance.models.model import read_model

    model = read_model(path)
    if json:
        console.emit({"event": "made", "name": model.name, "path": str(path), "sha256": model.sha256,
                      "network": model.network, "arguments": model.arguments, "parameters": model.parameters,
                      "scale": model.geometry.scale})  # fmt: skip
        return
    console.say(f"{path}  {model.network}, x{model.geometry.scale}, {model.parameters:,} parameters")
    console.say(f"use it with: acutance {model.verb} PICTURE --model {_as_given(path)}")


def _as_given(path: Path) -> str:
    from acutance.models.store import models_folder

    return path.stem if path.parent == models_folder() else str(path)
