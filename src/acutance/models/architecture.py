"""What is known of a network without running it: tensors, geometry, and its graph where that comes with us.

``published/`` holds the graphs of networks that others have published much in, packed, with their geometry, so that
such checkpoints become models without torch.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import UsageError
from acutance.models.graph import fitting_graph, shapes_of, write_graph
from acutance.models.model import Argument, Geometry

PUBLISHED = Path(__file__).parent / "published"
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Architecture:
    """A network with its arguments: the tensors it takes, by name, and what tiling must know."""

    shapes: Shapes
    geometry: Geometry


def graph_name(network: str, arguments: Mapping[str, Argument]) -> str:
    """The file name of an architecture's graph, of all its arguments in the order of the network's signature.

    >>> graph_name("compact", {"scale": 4, "channels": 64, "convolutions": 16})
    'compact-scale4-channels64-convolutions16.graph'
    """
    return "-".join([network, *(f"{key}{value}" for key, value in arguments.items())]) + ".graph"


def architecture(network: str, arguments: Mapping[str, Argument]) -> Architecture:
    """From the published graph, or the network itself. Raises ``UsageError`` where that needs an absent torch."""
    graph = published(graph_name(network, arguments))
    if graph is not None:
        return Architecture(shapes_of(graph), Geometry(**graph["geometry"]))
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            f"holds the network {network} ({words(arguments)}), whose graph does not come with acutance; "
            'making it needs torch: pip install "acutance[train]"'
        )
    import torch

    from acutance.networks import NETWORKS

    if network not in NETWORKS:
        raise UsageError(f"there is no network {network}; leave out --keep-colours")
    with torch.device("meta"):
        module = NETWORKS[network](**arguments)  # type: ignore[arg-type]
    return Architecture({key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}, geometry_of(module))


def geometry_of(module: Any) -> Geometry:
    """What a network (``networks``) says of itself."""
    return Geometry(
        scale=module.scale, halo=module.halo, multiple=getattr(module, "multiple", 1),
        tile=getattr(module, "tile", None), overlap=getattr(module, "overlap", 0), ground=getattr(module, "ground", 0),
    )  # fmt: skip


def words(arguments: Mapping[str, Argument]) -> str:
    """Arguments as people read them."""
    return ", ".join(f"{key} {value}" for key, value in arguments.items())


def published(name: str) -> dict[str, Any] | None:
    """The graph that comes with us under this file name, or None."""
    path = PUBLISHED / f"{name}.gz"
    return json.loads(gzip.decompress(path.read_bytes())) if path.is_file() else None


def write_published(name: str, graph: dict[str, Any], geometry: Mapping[str, Any]) -> Path:
    """Add a graph to ``published/``; the same graph gives the same bytes."""
    path = PUBLISHED / f"{name}.gz"
    data = json.dumps({**graph, "geometry": dict(geometry)}, sort_keys=True).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    return path


def place_graph(
    folder: Path, name: str, tensors: Mapping[str, np.ndarray], builtin: Path, make: Callable[[], dict[str, Any]]
) -> str:
    """The SHA-256 of the graph called ``name`` in ``folder``: there already, built in, published, or made now.

    One that is there and fits stays as it is, because other models refer to it.
    """
    weights = dict(tensors)
    if sha256 := fitting_graph(folder / name, weights):
        return sha256
    if fitting_graph(builtin / name, weights):
        return write_graph(folder / name, json.loads((builtin / name).read_text()))
    graph = published(name)
    if graph is None or shapes_of(graph) != {key: tensor.shape for key, tensor in weights.items()}:
        graph = make()
    return write_graph(folder / name, graph)
