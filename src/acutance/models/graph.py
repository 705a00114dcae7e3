"""A compute graph without weights: one file per architecture, shared by all its models.

``ARCHITECTURE.graph`` is JSON: the names of the tensors in the order in which the graph expects
them, the few constants that are no weights (shapes, axes), and the graph itself as OpenVINO's
intermediate representation, whose constants are byte ranges of one buffer. Weights therefore go
from a safetensors file - or from a mix of two - straight into the graph, in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadModel
from acutance.files.atomic import atomic_path
from acutance.models.model import Model

FORMAT = 1
MAX_BYTES = 64 << 20
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
CONSTANT = re.compile(r'(<data [^>]*?)offset="(\d+)" size="(\d+)"')


def read_graph(model: Model) -> tuple[bytes, np.ndarray]:
    """The intermediate representation and the buffer of constants for ``model``'s weights."""
    path = model.graph
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except OSError as error:
        raise BadModel(f"{path}: the graph of {model.path.name} is missing; keep the two together") from error
    if hashlib.sha256(data).hexdigest() != model.graph_sha256:
        raise BadModel(f"{path}: is not the graph {model.path.name} was made with; get both files again")
    try:
        graph, shapes = _parse(data)
        constants, ir = base64.b64decode(graph["constants"]), graph["ir"].encode()
    except DAMAGE as error:
        raise BadModel(f"{path}: is no graph that this version reads; get it again or update acutance") from error
    have = {name: tensor.shape for name, tensor in model.weights.items()}
    if shapes != have:
        wrong = sorted(name for name in shapes.keys() | have.keys() if shapes.get(name) != have.get(name))
        raise BadModel(f"{model.path}: weights do not fit {path.name} (first: {', '.join(wrong[:3])})")
    parts = [model.weights[entry["name"]].astype("<f4").tobytes() for entry in graph["tensors"]]
    buffer = bytearray(b"".join([*parts, constants]))
    return ir, np.frombuffer(buffer, np.uint8)


def fitting_graph(path: Path, weights: dict[str, np.ndarray]) -> str:
    """The SHA-256 of the graph at ``path`` if it is sound and takes just these weights, else an empty string."""
    try:
        data = path.read_bytes()
        _, shapes = _parse(data)
    except (OSError, *DAMAGE):
        return ""
    fits = shapes == {name: tensor.shape for name, tensor in weights.items()}
    return hashlib.sha256(data).hexdigest() if fits else ""


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """A graph file's content and the tensors it expects. Raises one of ``DAMAGE``."""
    graph = json.loads(data)
    if graph["format"] != FORMAT:
        raise ValueError
    return graph, shapes_of(graph)


def shapes_of(graph: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors that a graph expects, by name."""
    return {entry["name"]: tuple(entry["shape"]) for entry in graph["tensors"]}


def build_graph(ir: str, constants: bytes, weights: dict[str, np.ndarray]) -> dict[str, Any]:
    """Take the weights out of an IR: every constant whose bytes are a weight becomes a reference.

    ``weights`` must all differ, so that bytes identify a tensor: convert a network with random weights.
    """
    names = sorted(weights)
    offsets, position = {}, 0
    for name in names:
        data = weights[name].astype("<f4").tobytes()
        if data in offsets:
            raise BadModel(f"{name} equals another tensor; the graph cannot tell them apart")
        offsets[data] = position
        position += len(data)
    extra: list[bytes] = []
    used: set[bytes] = set()

    def relocate(match: re.Match[str]) -> str:
        nonlocal position
        first, size = int(match[2]), int(match[3])
        data = constants[first : first + size]
        if data in offsets:
            used.add(data)
            return f'{match[1]}offset="{offsets[data]}" size="{size}"'
        here = position
        extra.append(data)
        position += size
        return f'{match[1]}offset="{here}" size="{size}"'

    ir = CONSTANT.sub(relocate, ir)
    if len(used) != len(names):
        missing = next(n for n in names if weights[n].astype("<f4").tobytes() not in used)
        raise BadModel(f"the converted graph does not hold {missing} as it is; nothing may be folded")
    return {
        "format": FORMAT,
        "tensors": [{"name": name, "shape": list(weights[name].shape)} for name in names],
        "constants": base64.b64encode(b"".join(extra)).decode(),
        "ir": ir,
    }


def write_graph(path: Path, graph: dict[str, Any]) -> str:
    """Write a graph file atomically; returns its SHA-256."""
    data = json.dumps(graph, sort_keys=True).encode()
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return hashlib.sha256(data).hexdigest()
