"""Engines run one model on tiles of one shape; which one, and how precisely, is chosen here.

The contract: float32 RGB ``(3, h, w)`` in [0, 1] to unclamped float32 ``(3, s h, s w)``, or uint8
``(h, w, 3)`` to uint8 ``(s h, s w, 3)``, rounded and clamped. A result with NaN or infinity is
never delivered: the tile is run again in fp32, and if that fails too, ``Unworkable`` is raised, or ``BadModel`` where
plain grey fails as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol

import numpy as np

from acutance.errors import AcutanceError, BadInput, BadModel, UsageError
from acutance.models.model import Model

EngineName = Literal["auto", "cpu", "torch"]
Precision = Literal["auto", "fp32", "bf16", "int8"]
ENGINES = ("auto", "cpu", "torch")
PRECISIONS = ("auto", "fp32", "bf16", "int8")


class Unworkable(BadInput):
    """A sound model gives NaN or infinity for this picture."""


class Engine(Protocol):
    """One model compiled for tiles of one shape and sample type."""

    name: str
    precision: str

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Results in the order of ``tiles``, several in flight; each is valid until the next is asked for."""
        ...


def choose(model: Model, engine: EngineName, precision: Precision, *, deep: bool) -> tuple[str, str]:
    """Settle ``auto``: which engine and precision will run ``model``. ``deep``: more than 8 bits.

    Raises ``UsageError`` for what this machine or this model cannot do, with the reason.
    """
    if engine not in ENGINES or precision not in PRECISIONS:
        raise UsageError(f"engine is one of {', '.join(ENGINES)}; precision one of {', '.join(PRECISIONS)}")
    if precision == "int8" and engine == "torch":
        raise UsageError("int8 runs on the cpu engine only; leave --engine out")
    if precision == "int8" and not model.int8:
        raise UsageError(
            f"--precision int8: {model.name} cannot run in 8 bits, for it was not calibrated (acutance models "
            "calibrate); leave it out"
        )
    if engine == "torch":
        from acutance.engines import torch as torch_engine

        return "torch", torch_engine.settle(precision, deep)
    from acutance.engines import cpu

    return "cpu", cpu.settle(precision, deep)


def open_engine(model: Model, tile: tuple[int, int], engine: str, precision: str, *, deep: bool) -> Engine:
    """Compile ``model`` for tiles of ``(height, width)``; ``engine`` and ``precision`` as settled."""
    from acutance.engines.grey import GreyStaysGrey

    if engine == "torch":
        from acutance.engines.torch import TorchEngine

        opened: Engine = TorchEngine(model, tile, precision, deep=deep)
    else:
        from acutance.engines.cpu import CpuEngine

        opened = CpuEngine(model, tile, precision, deep=deep)
    return GreyStaysGrey(opened) if model.verb == "upscale" else opened


def check_output(model: Model, tile: tuple[int, int], output: tuple[int, int]) -> None:
    """Refuse a model whose graph does not enlarge by the scale its facts state."""
    scale = model.geometry.scale
    if tuple(output) != (tile[0] * scale, tile[1] * scale):
        raise BadModel(
            f"{model.path}: says it enlarges {scale} times, but gives {output[1]}x{output[0]} for {tile[1]}x{tile[0]}"
        )


def not_finite(model: Model, index: int, tile: np.ndarray, finite: Callable[[np.ndarray], bool]) -> AcutanceError:
    """The failure of ``tile``, which is not finite even in fp32: the model is to blame only if it fails on plain grey
    too. ``finite``: whether a tile comes out finite in fp32."""
    if not finite(np.full_like(tile, 128 if tile.dtype == np.uint8 else 0.5)):
        return BadModel(f"{model.path}: gives NaN or infinite values (tile {index}); the model is unusable")
    reach = f"{tile.min():.3g} to {tile.max():.3g}"
    return Unworkable(
        f"{model.name} gives NaN or infinite values for it (tile {index}, samples from {reach} of white); "
        "bring its samples nearer to 0 and 1, or try another --model"
    )
