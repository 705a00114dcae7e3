"""Networks that the package ``spandrel`` knows and we do not: built by it, traced, and how far they look measured.

Their weights come through our own reader, so nothing in a file can run. Such networks often lay windows by the size of
the picture, so the graph is for tiles of one size. A network that looks farther than a tile can afford, as global
attention does, is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from acutance.engines.agreement import photograph_like
from acutance.errors import BadModel
from acutance.models.graph import shapes_of
from acutance.models.model import Geometry
from acutance.training.export import graph_of

TILE = 192  # pixels
WINDOW = 32  # tiles begin at multiples of it, so that windows of up to this size lie as on the whole picture
FARTHEST = 72  # of a tile's 192; what is kept must be worth it
UNSEEN = 0.1 / 255  # by which a change far away may move a sample
STANDS_FOR = "torchvision.transforms.functional"
NAMES = ("InterpolationMode", "rotate", "normalize")  # all that spandrel takes from there, for networks of other kinds


@dataclass(frozen=True)
class Traced:
    """A network as a graph for one tile size, and its weights."""

    network: str
    graph_name: str
    graph: dict[str, Any]
    geometry: Geometry
    weights: dict[str, np.ndarray]


def trace(tensors: dict[str, np.ndarray]) -> Traced:
    """The network of these tensors. Raises ``BadModel``, without the file's name, where it cannot run in tiles."""
    module, name, scale = _built(tensors)
    halo = _reach(module, scale)
    stored = {key: tensor for key, tensor in module.state_dict().items() if tensor.is_floating_point()}
    try:
        graph = graph_of(module, {key: tuple(tensor.shape) for key, tensor in stored.items()}, f"spandrel_{name}", TILE)
    except BadModel:
        raise
    except Exception as error:  # whatever the tracer and the converter cannot do
        raise BadModel(f"is a {name}, which cannot be made a graph ({type(error).__name__})") from error
    shapes = shapes_of(graph)
    mark = hashlib.sha256(f"{TILE} {halo} {graph['ir']}".encode()).hexdigest()[:12]
    geometry = Geometry(scale=scale, halo=halo, multiple=WINDOW, tile=TILE)
    weights = {key: stored[key].detach().numpy().astype(np.float32) for key in shapes}
    return Traced(f"spandrel_{name}", f"spandrel_{name}-{mark}.graph", graph, geometry, weights)


def _built(tensors: dict[str, np.ndarray]) -> tuple[nn.Module, str, int]:
    """The network in evaluation mode, what it is called, and its scale."""
    with _without_torchvision():
        from spandrel import ImageModelDescriptor, ModelLoader  # pyright: ignore[reportMissingImports]

    weights = {key: _torch(tensor) for key, tensor in tensors.items()}
    try:
        found = ModelLoader().load_from_state_dict(weights)
    except Exception as error:  # it has no class of its own for all that can be wrong with a file
        text = " ".join(str(error).split())[:120]
        raise BadModel(f"is of no network that spandrel knows, or does not fit it ({text})") from error
    name = "".join(letter for letter in str(found.architecture.id) if letter.isalnum())
    if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (3, 3):
        raise BadModel(f"is a {name}, which does not make RGB of RGB; only such networks are imported")
    return found.model.float().eval().requires_grad_(False), name, int(found.scale)


def _torch(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32 if np.issubdtype(array.dtype, np.floating) else array.dtype))


@contextlib.contextmanager
def _without_torchvision() -> Iterator[None]:
    """Where torchvision is absent, stand in for the names that spandrel imports, while it does so."""
    if importlib.util.find_spec("torchvision") is not None:
        yield
        return
    parts = STANDS_FOR.split(".")
    names = [".".join(parts[: count + 1]) for count in range(len(parts))]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    for name in NAMES:
        setattr(sys.modules[STANDS_FOR], name, None)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _reach(module: nn.Module, scale: int) -> int:
    """How many input pixels away a change is still seen. Raises ``BadModel`` where that is too far for tiles.

    Everything beyond a line is changed at once: so changes that add up are seen, too.
    """
    picture = torch.from_numpy(photograph_like(TILE)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        result = _run(module, picture, scale)
        far = 0
        for axis in (2, 3):
            changed = picture.clone()
            changed.narrow(axis, 0, TILE // 2).copy_(1 - picture.narrow(axis, 0, TILE // 2).flip(axis))
            moved = (_run(module, changed, scale) - result).abs().amax(tuple({0, 1, 2, 3} - {axis}))
            seen = torch.nonzero(moved > UNSEEN)
            far = max(far, (int(seen.max()) // scale) - TILE // 2 + 1) if len(seen) else far
    if far > FARTHEST:
        raise BadModel(f"looks {far} pixels around or at the whole picture, too far to run in tiles; refused")
    return far


def _run(module: nn.Module, picture: Tensor, scale: int) -> Tensor:
    try:
        result = module(picture.clone())
    except Exception as error:
        raise BadModel(f"cannot run on {TILE}x{TILE} pixels ({type(error).__name__})") from error
    if result.shape != (1, 3, TILE * scale, TILE * scale) or not bool(result.isfinite().all()):
        raise BadModel("gives NaN, infinity or another size than it says; refused")
    return result
