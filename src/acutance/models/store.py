"""Where models are found: built in, in the user's models folder, or by path."""

from __future__ import annotations

import difflib
from pathlib import Path

from acutance.errors import BadModel, UsageError
from acutance.files.atomic import atomic_path
from acutance.files.folders import user_folder
from acutance.models.graph import read_graph
from acutance.models.model import Model, read_model

BUILTIN = Path(__file__).parent / "builtin"
CARDS = Path(__file__).parent / "cards"
DEFAULT = "fidelity"
PICKLES = {".pth", ".pt", ".ckpt", ".bin", ".pkl"}


def models_folder() -> Path:
    """The user's models: ``$ACUTANCE_MODELS``, else ``~/.local/share/acutance/models``."""
    return user_folder("ACUTANCE_MODELS", "models")


def available() -> dict[str, Path]:
    """Model files by name; the user's folder goes before what is built in."""
    found = {path.stem: path for path in sorted(BUILTIN.glob("*.safetensors"))}
    folder = models_folder()
    if folder.is_dir():
        found |= {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return found


def is_builtin(name: str) -> bool:
    """Whether ``name`` stands for a model that came with acutance: the user's own of that name would go before it."""
    return available().get(name, Path()).parent == BUILTIN


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
        if not files:
            raise UsageError(
                f"{path}: holds no model; a run has one when it is finished (the same train command goes on)"
            )
        raise UsageError(f"{path}: holds {len(files)} model files; name one of them")
    if path.is_file():
        if path.suffix in PICKLES:
            raise BadModel(
                f"{path}: is a pickle, which can run code when opened; refused. "
                "Only .safetensors models written by acutance run; make one with: acutance models import FILE"
            )
        return path
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"built in: {', '.join(known)}"
    raise UsageError(f"no model called {name}, and no such file; {hint}")


def load(name: str = DEFAULT) -> Model:
    """Read and check the model ``name`` stands for."""
    return read_model(find(name))


def card(model: Model) -> str:
    """The model card of a built-in model (Markdown without its pictures), or an empty string: another may be called
    the same."""
    path = CARDS / f"{model.name}.md"
    known = model.path.parent == BUILTIN and path.is_file()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if known else []
    return "".join(line for line in lines if not line.startswith(("<!--", "![")))


def copy_files(model: Model, target: Path) -> Path:
    """Copy a model to ``target`` and its graph beside it; returns the graph's path."""
    graph = copy_graph(model, target.parent)
    with atomic_path(target) as temporary:
        temporary.write_bytes(model.path.read_bytes())
    return graph


def copy_graph(model: Model, folder: Path) -> Path:
    """Copy ``model``'s graph into ``folder`` unless it is there. Raises ``UsageError`` rather than replace another."""
    read_graph(model)  # sound, and of these weights
    target, data = folder / model.graph.name, model.graph.read_bytes()
    if target.exists():
        if target.read_bytes() != data:
            raise UsageError(f"{target}: is a graph of other models, made by another version; choose another folder")
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)
    return target
