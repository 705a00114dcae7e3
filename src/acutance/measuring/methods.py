"""What is measured: a network, plain interpolation, or the finished pictures of any other tool."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.files.images import sha256
from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import lanczos, nearest, upscale
from acutance.measuring.pairs import Pair, fit, pictures
from acutance.models.model import Model
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

    def run(_: str, pair: Pair) -> tuple[np.ndarray, Pair]:
        return upscaler.array(pair.lr), pair

    return Method(
        name=label or model.name,
        run=run,
        identity=lambda *_: f"{model.sha256} {engine} {precision} {settings.back_project} {settings.tile} {VERSION}",
        facts={"kind": "model", "sha256": model.sha256, "parameters": model.parameters, "engine": engine,
               "precision": precision, "scale": model.geometry.scale},
    )  # fmt: skip


def ready_made(folder: Path, scale: int, label: str = "") -> Method:
    """The pictures in ``folder/SET`` (or ``folder``), found by the names of the originals."""

    def place(bench: str) -> Path:
        return folder / bench if (folder / bench).is_dir() else folder

    def run(bench: str, pair: Pair) -> tuple[np.ndarray, Pair]:
        path = partner(place(bench), pair.name)
        return fit(read_rgb8(path), pair, scale, str(path))

    if not folder.is_dir():
        raise UsageError(f"--images {folder}: no such folder")
    return Method(
        name=label or folder.name,
        run=run,
        identity=lambda bench, name: f"picture {sha256(partner(place(bench), name))}",
        facts={"kind": "pictures", "scale": scale},
    )


def partner(folder: Path, name: str) -> Path:
    """The one picture of ``folder`` made of the original ``name``: of the same name, or the name and an ending
    such as ``_x4``. Raises ``BadInput`` if there is none, or more than one.
    """
    found = pictures(folder)
    for ending in ENDINGS:
        pattern = re.escape(name) + ending
        fitting = [path for path in found if re.fullmatch(pattern, path.stem, re.IGNORECASE)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(path.name for path in fitting[:4])
            raise BadInput(f"{folder}: several results for {name} ({names}); keep one")
    raise BadInput(f"{folder}: no result for {name}; name it {name}.png or {name}_x4.png")
