"""A model as one self-contained ONNX file for other tools, checked before it gets its name."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from acutance.engines import torch as torch_engine
from acutance.engines.openvino import openvino
from acutance.errors import BadModel, UsageError
from acutance.files.atomic import atomic_path
from acutance.models.model import Model

OPSET = 17
TOLERANCE = 1e-3  # a quarter of an 8-bit level
TRIED = 3  # sizes of the check
SIDE = 48  # at most, in multiples of the network's


def export_onnx(model: Model, path: Path) -> float:
    """Write ``path``: "input" RGB ``(1, 3, H, W)`` in [0, 1] to "output" ``(1, 3, s H, s W)``, unclamped, fp32.

    H and W are free (multiples of the geometry's). The file is read by OpenVINO and compared with torch on random
    sizes; returns the largest difference. Raises ``UsageError`` without onnx or torch, ``BadModel`` if they differ.
    """
    _check_installed()
    import torch

    network = torch_engine.rebuild(model)
    multiple = model.geometry.multiple
    side = multiple * -(-16 // multiple)
    free = {"input": {2: "height", 3: "width"}, "output": {2: "large_height", 3: "large_width"}}
    with atomic_path(path) as temporary:
        with _quiet():
            torch.onnx.export(
                network, (torch.rand(1, 3, side, side),), temporary, input_names=["input"], output_names=["output"],
                dynamic_axes=free, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        _describe(temporary, model)
        difference = _largest_difference(temporary, lambda x: network(torch.from_numpy(x)).numpy(), multiple)
        if not difference <= TOLERANCE:
            raise BadModel(f"{path}: the ONNX file differs from {model.name} by {difference:.2g}; nothing was written")
    return difference


def expects(model: Model) -> str:
    """What goes into a model's ONNX file, in words."""
    multiple, scale = model.geometry.multiple, model.geometry.scale
    sides = f", sides in multiples of {multiple}" if multiple > 1 else ""
    grain = "; stylize also adds faint grain before it" if model.geometry.ground else ""
    return f"input 1x3xHxW, RGB from 0 to 1{sides}; output {scale} times as large{grain}"


def _describe(path: Path, model: Model) -> None:
    """Write into the file what a person needs who finds it."""
    import onnx

    made = onnx.load(path)
    made.doc_string = f"{model.name}: {expects(model)}"
    made.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    facts = {"name": model.name, "expects": expects(model), "scale": str(model.geometry.scale),
             "sha256": model.sha256, "trained_on": str(model.receipt.get("trained_on", ""))}  # fmt: skip
    onnx.helper.set_model_props(made, facts)
    onnx.save(made, path)


def _check_installed() -> None:
    for package, extra in (("torch", "train"), ("onnx", "export")):
        if importlib.util.find_spec(package) is None:
            raise UsageError(f'writing ONNX needs {package}; install it with: pip install "acutance[{extra}]"')


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The tracing exporter says that it is old; its successor needs another package and takes PReLU apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _largest_difference(path: Path, run: Callable[[np.ndarray], np.ndarray], multiple: int) -> float:
    """Between the file in OpenVINO and torch, over random pictures of random sizes."""
    import torch

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    generator = np.random.default_rng(0)
    worst = 0.0
    for _ in range(TRIED):
        sizes = generator.integers(16, SIDE + 1, 2) // multiple * multiple + multiple
        picture = generator.random((1, 3, *sizes), dtype=np.float32)
        with torch.inference_mode():
            expected = run(picture)
        worst = max(worst, float(np.abs(compiled(picture)[0] - expected).max()))
    return worst
