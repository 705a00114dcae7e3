"""What is measured: a network, plain interpolation, or the finished pictures of any other tool."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.images import sha256
from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import lanczos, nearest, upscale
from acutance.measuring.pairs import Pair, find_pairs, fit, pictures, set_name
from acutance.models.model import Model, digest
from acutance.pipelines.plan import VERSION
from acutance.pipelines.upscale import Settings, Upscaler

INTERPOLATIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "bicubic": upscale,
    "nearest": nearest,
    "lanczos": lanczos,
}

# How tools name a result after its input, the surest first.
ENDINGS = ("", r"[ _.-]?x\d+", "-generated", r"[ _.-].*")


@dataclass(frozen=True, kw_only=True)
class Method:
    """``run`` makes a result of a pair of the set whose name is given, ``(result, pair)`` cut to one size.

    ``identity``: changes whenever results could; of ready-made pictures it asks for the pair's own.
    ``facts``: for reports.
    """

    name: str
    run: Callable[[str, Pair], tuple[np.ndarray, Pair]]
    identity: Callable[[str, str], str]
    facts: dict[str, str | int] = field(default_factory=dict)


def interpolation(name: str, scale: int) -> Method:
    """One of ``INTERPOLATIONS`` as a method."""
    enlarge = INTERPOLATIONS[name]
    return Method(
        name=name,
        run=lambda _, pair: (enlarge(pair.lr, scale), pair),
        identity=lambda *_: f"{name} {scale}",
        facts={"kind": "interpolation", "scale": scale},
    )


def network(model: Model, settings: Settings, label: str = "") -> Method:
    """A model, run by the engine that also upscales photographs."""
    upscaler = Upscaler(model, settings)
    engine, precision = upscaler.settle(np.dtype(np.uint8))
    # What is computed, whatever the file's receipt says of it.
    computed = f"{digest(model.weights)} {model.graph_sha256} {model.geometry} {model.int8}"

    def run(_: str, pair: Pair) -> tuple[np.ndarray, Pair]:
        return upscaler.array(pair.lr), pair

    return Method(
        name=label or model.name,
        run=run,
        identity=lambda *_: f"{computed} {engine} {precision} {settings.back_project} {settings.tile} {VERSION}",
        facts={"kind": "model", "sha256": model.sha256, "parameters": model.parameters, "engine": engine,
               "precision": precision, "scale": model.geometry.scale},
    )  # fmt: skip


def ready_made(folder: Path, scale: int, benches: Sequence[Path], label: str = "") -> Method:
    """The pictures in ``folder/SET`` (or ``folder``, where it holds no folder of a set), found by the names of the
    originals of ``benches``. Raises ``UsageError`` or ``BadInput`` before anything is measured.
    """
    if not folder.is_dir():
        raise UsageError(f"--images {folder}: no such folder")
    inner = any((folder / set_name(bench)).is_dir() for bench in benches)
    found = {}
    for bench in benches:
        place = folder / set_name(bench) if inner else folder
        if not place.is_dir():
            raise UsageError(f"--images {folder}: has no folder {place.name} for that test set, but has others")
        stems = [original.stem for original, _ in find_pairs(bench, scale)]
        found |= {(set_name(bench), stem): path for stem, path in partners(place, stems).items()}

    def run(bench: str, pair: Pair) -> tuple[np.ndarray, Pair]:
        path = found[bench, pair.name]
        return fit(read_rgb8(path), pair, scale, str(path))

    return Method(
        name=label or folder.resolve().name,
        run=run,
        identity=lambda bench, name: f"picture {sha256(found[bench, name])}",
        facts={"kind": "pictures", "scale": scale},
    )


def partners(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """For every original's name the one picture of ``folder`` made of it: called alike, or the name and an ending
    such as ``_x4``, but not called as another original is. Raises ``BadInput`` if there is none, or more than one.
    """
    left, found = pictures(folder), {}
    for name in sorted(names, key=len, reverse=True):  # longer names first: frame_2 is no result of frame
        for ending in ENDINGS:
            fitting = [path for path in left if re.fullmatch(re.escape(name) + ending, path.stem, re.IGNORECASE)]
            if len(fitting) > 1:
                listed = ", ".join(path.name for path in fitting[:4])
                raise BadInput(f"{folder}: several results for {name} ({listed}); keep one")
            if fitting:
                found[name] = fitting[0]
                left = [path for path in left if not path.stem.lower().startswith(name.lower())]
                break
        else:
            raise BadInput(f"{folder}: no result for {name}; name it {name}.png or {name}_x4.png")
    return found
