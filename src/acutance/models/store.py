"""Where models are found: built in, in the user's models folder, or by path."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from acutance.errors import BadModel, UsageError
from acutance.models.model import Model, read_model

BUILTIN = Path(__file__).parent / "builtin"
DEFAULT = "fidelity"
PICKLES = {".pth", ".pt", ".ckpt", ".bin", ".pkl"}


def models_folder() -> Path:
    """The user's models: ``$ACUTANCE_MODELS``, else ``~/.local/share/acutance/models``."""
    named = os.environ.get("ACUTANCE_MODELS")
    if named:
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "acutance" / "models"


def available() -> dict[str, Path]:
    """Model files by name; the user's folder goes before what is built in."""
    found = {path.stem: path for path in sorted(BUILTIN.glob("*.safetensors"))}
    folder = models_folder()
    if folder.is_dir():
        found |= {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return found


def find(name: str) -> Path:
    """The file behind a name, a path to a model file, or a run folder. Raises ``UsageError``."""
    known = available()
    if name in known:
        return known[name]
    path = Path(name)
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) == 1:
            return files[0]
        raise UsageError(f"{path}: holds {len(files)} model files; name one of them")
    if path.is_file():
        if path.suffix in PICKLES:
            raise BadModel(
                f"{path}: is a pickle, which can run code when opened; refused. "
                "Only .safetensors models written by acutance are accepted"
            )
        return path
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"built in: {', '.join(known)}"
    raise UsageError(f"no model called {name}, and no such file; {hint}")


def load(name: str = DEFAULT) -> Model:
    """Read and check the model ``name`` stands for."""
    return read_model(find(name))
