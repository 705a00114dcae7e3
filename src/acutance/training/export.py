"""From a finished run to a model file that ``acutance upscale --model`` takes."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import json
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from acutance.errors import UsageError
from acutance.models import architecture
from acutance.models.architecture import geometry_of, place_graph
from acutance.models.graph import build_graph
from acutance.models.model import Argument, halved, write_model
from acutance.models.store import BUILTIN
from acutance.networks import NETWORKS
from acutance.networks.ranges import UnitRange
from acutance.training.recipe import Recipe


def complete(network: str, arguments: Mapping[str, Argument]) -> dict[str, Argument]:
    """``arguments`` with the network's defaults filled in, in the order of its signature.

    >>> complete("compact", {"channels": 8})
    {'scale': 4, 'channels': 8, 'convolutions': 16}
    """
    defaults = inspect.signature(NETWORKS[network]).parameters
    unknown = arguments.keys() - defaults.keys()
    if unknown:
        raise UsageError(f"{network} has no argument {min(unknown)}; it takes {', '.join(defaults)}")
    return {name: arguments.get(name, parameter.default) for name, parameter in defaults.items()}


def graph_name(network: str, arguments: Mapping[str, Argument]) -> str:
    """The file name of an architecture's graph, defaults filled in.

    >>> graph_name("compact", {"channels": 64})
    'compact-scale4-channels64-convolutions16.graph'
    """
    return architecture.graph_name(network, complete(network, arguments))


def make_graph(network: str, arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """Convert an architecture to a weightless graph, value ranges included. Needs OpenVINO."""
    with torch.device("meta"):
        module = NETWORKS[network](**arguments).eval()
    return graph_of(module, {name: tuple(tensor.shape) for name, tensor in stored(module).items()}, network)


def graph_of(
    module: nn.Module, shapes: Mapping[str, tuple[int, ...]], name: str, side: int | None = None
) -> dict[str, Any]:
    """The weightless graph called ``name`` of ``module``, whose tensors ``shapes`` become weights; for pictures of any
    size, or of ``side`` squared alone.

    The weights enter the converter as inputs and become constants only afterwards: so it cannot fold them
    (batch norm into convolutions, say), and the graph takes exactly the tensors that a model file stores.
    The runtime folds them when it compiles. Tensors that the result does not depend on are left out.
    """
    from acutance.engines.openvino import openvino

    generator = torch.Generator().manual_seed(1)
    weights = {key: torch.rand(shape, generator=generator) for key, shape in shapes.items()}
    forward, example = _with_weights_as_inputs(module, weights), torch.rand(1, 3, side or 16, side or 16)
    with warnings.catch_warnings():  # tracing is deprecated; torch.export takes PReLU apart, which is slow
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(forward, (example, *weights.values()), check_trace=False)
        sizes = [[1, 3, side or -1, side or -1], *(list(tensor.shape) for tensor in weights.values())]
        partial = [openvino.PartialShape(size) for size in sizes]
        converted = openvino.convert_model(traced, input=partial, example_input=(example, *weights.values()))
    for parameter, (key, tensor) in zip(converted.get_parameters()[1:], list(weights.items()), strict=True):
        constant, targets = openvino.opset13.constant(tensor.numpy()), list(parameter.output(0).get_target_inputs())
        for target in targets:
            target.replace_source_output(constant.output(0))
        converted.remove_parameter(parameter)
        if not targets:
            del weights[key]
    for number, node in enumerate(converted.get_ordered_ops()):  # the converter counts names through a process's life
        node.set_friendly_name(f"n{number}")
        for output in node.outputs():
            output.get_tensor().set_names(set())
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "graph.xml"
        openvino.save_model(converted, xml, compress_to_fp16=False)
        arrays = {key: tensor.numpy() for key, tensor in weights.items()}
        ir = re.sub('<net name="[^"]*"', f'<net name="{name}"', xml.read_text(), count=1)
        return build_graph(ir, xml.with_suffix(".bin").read_bytes(), arrays)


def _with_weights_as_inputs(module: nn.Module, weights: dict[str, Tensor]) -> Callable[..., Tensor]:
    """``module`` as a function of a picture in [0, 1] and its weights, in the order of ``weights``."""
    places = [(module.get_submodule(owner), name) for owner, _, name in (key.rpartition(".") for key in weights)]
    for owner, name in places:
        (owner._parameters if name in owner._parameters else owner._buffers).pop(name)

    def forward(x: Tensor, *tensors: Tensor) -> Tensor:
        for (owner, name), tensor in zip(places, tensors, strict=True):
            setattr(owner, name, tensor)
        return UnitRange(module)(x)

    return forward


def stored(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of ``module`` that a model file holds: all but batch norm's counters, which only training uses."""
    return {key: tensor for key, tensor in module.state_dict().items() if not key.endswith("num_batches_tracked")}


def graph_beside(
    folder: Path, network: str, arguments: Mapping[str, Argument], tensors: dict[str, np.ndarray]
) -> tuple[str, str]:
    """Name and SHA-256 of the architecture's graph in ``folder``, as ``architecture.place_graph`` brings it there."""
    file = graph_name(network, arguments)

    def make() -> dict[str, Any]:
        if importlib.util.find_spec("openvino") is None:
            raise UsageError(
                f"{folder / file}: the weights are ready, but making the graph needs OpenVINO; install it "
                "(pip install openvino) and run the same command again"
            )
        return make_graph(network, arguments)

    return file, place_graph(folder, file, tensors, BUILTIN, make)


def export_model(
    folder: Path,
    name: str,
    network: str,
    arguments: Mapping[str, Argument],
    weights: nn.Module,
    receipt: dict[str, Any],
) -> Path:
    """Write ``folder/NAME.safetensors`` and the architecture's graph beside it.

    Geometry comes from the module. Over ``HALF_ABOVE`` bytes, tensors of two and more axes are stored as fp16.
    """
    geometry = geometry_of(weights)
    tensors = {key: tensor.detach().float().cpu().numpy() for key, tensor in stored(weights).items()}
    file, sha256 = graph_beside(folder, network, arguments, tensors)
    facts = {
        "name": name, "network": network, "arguments": complete(network, arguments), "geometry": asdict(geometry),
        "graph": {"file": file, "sha256": sha256}, "receipt": receipt,
    }  # fmt: skip
    path = folder / f"{name}.safetensors"
    write_model(path, halved(tensors), facts)
    return path


def export_run(
    run: Path, recipe: Recipe, average: nn.Module, step: int, data: str, pictures: int, scores: dict[str, float]
) -> Path:
    """The final model of a run, with its receipt: the dataset's SHA-256 and how many of its pictures it used."""
    facts = json.loads((run / "run.json").read_text())
    receipt = {
        "recipe": facts["recipe"], "data": data, "pictures": pictures, "seed": facts["seed"],
        "start": facts["start"], "steps": step, "versions": facts["versions"], "commit": facts["commit"],
        "scores": scores,
    } | {key: facts[key] for key in ("teacher", "before") if facts.get(key)}  # fmt: skip
    return export_model(run, recipe.name, recipe.network, recipe.arguments, copy.deepcopy(average), receipt)
