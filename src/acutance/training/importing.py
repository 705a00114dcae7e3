"""From another program's checkpoint to a model file; without torch where the network's graph comes with us."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from acutance.engines.agreement import FAITHFUL, in_bf16
from acutance.errors import UsageError
from acutance.files.pickles import has_checksums
from acutance.files.weights import sha256
from acutance.models.architecture import architecture, graph_name, place_graph
from acutance.models.foreign import read_foreign
from acutance.models.model import Model, halved, write_model
from acutance.models.namings import Foreign, in_colours_kept
from acutance.models.store import BUILTIN
from acutance.models.wellknown import by_checksum


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a checkpoint is to be imported. ``source``: what the receipt says it came from, if not the file's name."""

    licence: str = "unknown"
    keep_colours: bool = False
    source: str | None = None


def import_checkpoint(file: Path, target: Path, wish: Wish) -> tuple[str, ...]:
    """Make the model file ``target`` of a checkpoint, its graph beside it; what should be said of it.

    Raises ``BadModel`` for a checkpoint that is damaged, unsafe or not understood, or whose results are not finite,
    ``UsageError`` where torch is needed and absent.
    """
    found, checksum = read_foreign(file), sha256(file)
    known = by_checksum(checksum)
    licence = known.licence if known and wish.licence == "unknown" else wish.licence
    receipt = {"about": f"imported from {file.name}", "source": wish.source or file.name, "source_sha256": checksum,
               "licence": licence}  # fmt: skip
    if wish.keep_colours:
        found = in_colours_kept(found)
        receipt["mixed"] = "in a network that keeps mean colours"
    try:
        geometry = architecture(found.network, found.arguments).geometry
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    weights = halved(found.weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    graph = graph_name(found.network, found.arguments)
    graph_sha256 = place_graph(target.parent, graph, weights, BUILTIN, _maker(found))
    model = Model(
        name=target.stem, path=target, sha256=checksum, network=found.network, arguments=found.arguments,
        geometry=geometry, graph=target.parent / graph, graph_sha256=graph_sha256, receipt=receipt,
        weights={key: array.astype("float32") for key, array in weights.items()},
    )  # fmt: skip
    agreement = in_bf16(model)
    facts: dict[str, Any] = {
        "name": model.name, "network": model.network, "arguments": model.arguments, "geometry": asdict(geometry),
        "graph": {"file": graph, "sha256": graph_sha256}, "receipt": receipt,
    }  # fmt: skip
    if agreement is not None and math.isfinite(agreement):
        facts["bf16"] = {"psnr_db": round(agreement, 2)}
    write_model(target, weights, facts)
    return tuple(_notes(file, checksum, found, known is not None, agreement))


def _maker(found: Foreign) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        from acutance.training.export import make_graph

        return make_graph(found.network, found.arguments)

    return make


def _notes(file: Path, checksum: str, found: Foreign, known: bool, agreement: float | None) -> list[str]:
    notes = list(found.notes)
    if not known and not has_checksums(file):
        notes.append(f"this kind of file has no checksums; compare its SHA-256 with the publisher's: {checksum}")
    if agreement is not None and agreement < FAITHFUL:
        notes.append(
            f"in bf16 its results are {agreement:.1f} dB from those in fp32, so single pixels may differ by several "
            "levels; --precision fp32 is exact and slower"
        )
    return notes
