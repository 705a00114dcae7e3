"""Ranges for 8-bit arithmetic, found on photographs, and what it costs on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from acutance.engines import int8, open_engine
from acutance.errors import BadInput, BadModel, UsageError
from acutance.files.pixels import read_rgb8, read_size
from acutance.imaging.bicubic import downscale
from acutance.measuring.metrics.psnr import psnr, psnr_y
from acutance.measuring.pairs import SUFFIXES
from acutance.models.model import Model, Ranges, halved, read_facts, write_model
from acutance.models.store import copy_graph

SIDE = 128  # of the square that the model sees of each photograph
MOST = 60  # photographs
LEAST = 8
ALLOWED = 0.1  # dB of PSNR-Y
MARGIN = 0.8  # of that, where convolutions are chosen on other photographs
BEST = 60.0  # dB that count: an even surface has no error at all, or a tiny one
OnPicture = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """``ranges`` of the convolutions' inputs, None where one stays as it is; on photographs kept apart: ``loss`` of
    PSNR-Y in dB against fp32, and ``agreement``, the PSNR between both results in dB."""

    ranges: Ranges
    pictures: int
    loss: float
    agreement: float


def calibrate(model: Model, folder: Path, on_picture: OnPicture = lambda done, of: None) -> Calibration:
    """Find ``model``'s ranges on three quarters of the photographs in ``folder``, measure on the others.

    Of each the middle is taken, made small by the model's scale. Convolutions that lose the most stay as they are,
    until all together lose no more than ``ALLOWED``; at most half of them. Raises ``UsageError`` for a model of another
    kind, ``BadInput`` if fewer than ``LEAST`` pictures are large enough.
    """
    if model.verb != "upscale" or model.geometry.tile or model.geometry.halo is None:
        raise UsageError(f"{model.name}: only models that enlarge, tile by tile, can run in 8 bits")
    scale = model.geometry.scale
    side = SIDE * scale
    originals = _squares(folder, side, on_picture)
    if len(originals) < LEAST:
        raise BadInput(
            f"{folder}: holds {len(originals)} pictures of {side} pixels or more each way; {LEAST} are needed"
        )
    inputs = [downscale(original, scale) for original in originals]
    judged, chosen = (slice(None, None, 4), slice(1, None, 4))  # what is said of it, and what chooses
    ranges = int8.observe(model, [lr for number, lr in enumerate(inputs) if number % 4])
    model = replace(model, int8=ranges)
    model = replace(model, int8=_bearable(model, inputs[chosen], originals[chosen]))
    exact, rounded = (_results(model, inputs[judged], precision) for precision in ("fp32", "int8"))
    return Calibration(
        ranges=model.int8,
        pictures=len(originals),
        loss=round(_psnr_y(originals[judged], exact, scale) - _psnr_y(originals[judged], rounded, scale), 3),
        agreement=round(_agreement(exact, rounded), 2),
    )


def _bearable(model: Model, inputs: list[np.ndarray], originals: list[np.ndarray]) -> Ranges:
    """``model.int8`` without the convolutions that lose the most, as few as bring the whole under its limit."""
    exact, scale, ranges = _results(model, inputs, "fp32"), model.geometry.scale, model.int8

    def results(kept: Ranges) -> list[np.ndarray]:
        return _results(replace(model, int8=kept), inputs, "int8")

    def loses(kept: Ranges) -> bool:
        return abs(_psnr_y(originals, exact, scale) - _psnr_y(originals, results(kept), scale)) > MARGIN * ALLOWED

    if not loses(ranges):
        return ranges
    alone = [
        _agreement(exact, results(tuple(ends if place == here else None for here, ends in enumerate(ranges))))
        for place in range(len(ranges))
    ]
    for place in sorted(range(len(ranges)), key=alone.__getitem__)[: len(ranges) // 2]:
        ranges = tuple(None if here == place else ends for here, ends in enumerate(ranges))
        if not loses(ranges):
            break
    return ranges


def _psnr_y(originals: list[np.ndarray], results: list[np.ndarray], border: int) -> float:
    return fmean(min(psnr_y(hr, made, border=border), BEST) for hr, made in zip(originals, results, strict=True))


def _agreement(exact: list[np.ndarray], rounded: list[np.ndarray]) -> float:
    return fmean(min(psnr(a, b), BEST) for a, b in zip(exact, rounded, strict=True))


def write_calibrated(model: Model, found: Calibration, path: Path) -> None:
    """Write ``model`` with its ranges to ``path``, its graph beside it. Raises ``BadModel`` if it loses too much."""
    if not abs(found.loss) <= ALLOWED:
        raise BadModel(
            f"{model.name}: in 8 bits its PSNR-Y changes by {-found.loss:+.2f} dB, more than {ALLOWED:g}; nothing was "
            "written. Train it on for 8 bits first (recipe compact_int8)"
        )
    copy_graph(model, path.parent)
    facts = {key: value for key, value in read_facts(model.path).items() if key not in ("format", "weights_sha256")}
    write_model(path, halved(model.weights), facts | {"name": path.stem, "int8": asdict(found)})


def _squares(folder: Path, side: int, on_picture: OnPicture) -> list[np.ndarray]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    paths = [path for path in paths if min(read_size(path)) >= side]
    paths, found = paths[:: -(-len(paths) // MOST) or 1], []  # from the whole of the folder
    for number, path in enumerate(paths):
        picture = read_rgb8(path)
        top, left = ((length - side) // 2 for length in picture.shape[:2])
        found.append(picture[top : top + side, left : left + side].copy())  # not the whole picture
        on_picture(number + 1, len(paths))
    return found


def _results(model: Model, inputs: list[np.ndarray], precision: str) -> list[np.ndarray]:
    engine = open_engine(model, (SIDE, SIDE), "cpu", precision, deep=False)
    return [result.copy() for result in engine.stream(inputs)]
