"""From another program's checkpoint to a model file; without torch where the network's graph comes with us."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acutance.engines.agreement import FAITHFUL, in_bf16
from acutance.errors import BadModel, UsageError
from acutance.files.pickles import has_checksums
from acutance.files.weights import sha256
from acutance.models.architecture import architecture, graph_name, place_graph
from acutance.models.foreign import UnknownNetwork, read_foreign
from acutance.models.model import Argument, Geometry, Model, halved, write_model
from acutance.models.namings import Foreign, in_colours_kept
from acutance.models.store import BUILTIN
from acutance.models.wellknown import by_checksum

HINT = "Other networks are read where spandrel is installed: pip install --no-deps spandrel einops"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a checkpoint is to be imported. ``source``: what the receipt says it came from, if not the file's name."""

    licence: str = "unknown"
    keep_colours: bool = False
    source: str | None = None


@dataclass(frozen=True)
class _Network:
    """What a model file says of its network, its weights, and how its graph comes to be."""

    name: str
    arguments: dict[str, Argument]
    geometry: Geometry
    weights: dict[str, np.ndarray]
    graph: str
    make: Callable[[], dict[str, Any]]
    notes: tuple[str, ...]


def import_checkpoint(file: Path, target: Path, wish: Wish) -> tuple[str, ...]:
    """Make the model file ``target`` of a checkpoint, its graph beside it; what should be said of it.

    Raises ``BadModel`` for a checkpoint that is damaged, unsafe or not understood, or whose results are not finite,
    ``UsageError`` where torch is needed and absent.
    """
    found, checksum = _network(file, wish), sha256(file)
    known = by_checksum(checksum)
    licence = known.licence if known and wish.licence == "unknown" else wish.licence
    receipt = {"about": f"imported from {file.name}", "source": wish.source or file.name, "source_sha256": checksum,
               "licence": licence}  # fmt: skip
    if wish.keep_colours:
        receipt["mixed"] = "in a network that keeps mean colours"
    weights = halved(found.weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    graph_sha256 = place_graph(target.parent, found.graph, weights, BUILTIN, found.make)
    model = Model(
        name=target.stem, path=target, sha256=checksum, network=found.name, arguments=found.arguments,
        geometry=found.geometry, graph=target.parent / found.graph, graph_sha256=graph_sha256, receipt=receipt,
        weights={key: array.astype("float32") for key, array in weights.items()},
    )  # fmt: skip
    agreement = in_bf16(model)
    facts: dict[str, Any] = {
        "name": model.name, "network": model.network, "arguments": model.arguments,
        "geometry": asdict(model.geometry), "graph": {"file": found.graph, "sha256": graph_sha256}, "receipt": receipt,
    }  # fmt: skip
    if agreement is not None and math.isfinite(agreement):
        facts["bf16"] = {"psnr_db": round(agreement, 2)}
    write_model(target, weights, facts)
    return (*found.notes, *_notes(file, checksum, known is not None, agreement))


def _network(file: Path, wish: Wish) -> _Network:
    """Of those we know, or that spandrel knows."""
    try:
        found = read_foreign(file)
    except UnknownNetwork as error:
        return _traced(file, error, wish)
    if wish.keep_colours:
        found = in_colours_kept(found)
    try:
        geometry = architecture(found.network, found.arguments).geometry
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    graph = graph_name(found.network, found.arguments)
    return _Network(found.network, found.arguments, geometry, found.weights, graph, _maker(found), found.notes)


def _traced(file: Path, unknown: UnknownNetwork, wish: Wish) -> _Network:
    if any(importlib.util.find_spec(name) is None for name in ("torch", "spandrel")):
        raise BadModel(f"{unknown}. {HINT}") from None
    if wish.keep_colours:
        raise UsageError(f"{file}: --keep-colours goes with networks of our own only; leave it out") from None
    from acutance.training.spandrel import trace

    try:
        found = trace(unknown.tensors)
    except BadModel as error:
        raise BadModel(f"{file}: {error}") from error
    note = "its network comes from spandrel (MIT), its weights have their author's licence; it runs on the cpu engine"
    return _Network(found.network, {}, found.geometry, found.weights, found.graph_name, lambda: found.graph, (note,))


def _maker(found: Foreign) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        from acutance.training.export import make_graph

        return make_graph(found.network, found.arguments)

    return make


def _notes(file: Path, checksum: str, known: bool, agreement: float | None) -> list[str]:
    notes = []
    if not known and not has_checksums(file):
        notes.append(f"this kind of file has no checksums; compare its SHA-256 with the publisher's: {checksum}")
    if agreement is not None and agreement < FAITHFUL:
        notes.append(
            f"in bf16 its results are {agreement:.1f} dB from those in fp32, so single pixels may differ by several "
            "levels; --precision fp32 is exact and slower"
        )
    return notes
