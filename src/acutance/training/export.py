"""From a finished run to a model file that ``acutance upscale --model`` takes."""

from __future__ import annotations

import copy
import importlib.util
import json
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from acutance.errors import UsageError
from acutance.models.graph import build_graph, write_graph
from acutance.models.model import Geometry, write_model
from acutance.models.store import BUILTIN
from acutance.networks import NETWORKS
from acutance.training.data import Pack
from acutance.training.recipe import Recipe


def graph_name(network: str, arguments: dict[str, int]) -> str:
    """The file name of an architecture's graph.

    >>> graph_name("compact", {"scale": 4, "channels": 64})
    'compact-scale4-channels64.graph'
    """
    return "-".join([network, *(f"{key}{value}" for key, value in arguments.items())]) + ".graph"


def make_graph(network: str, arguments: dict[str, int]) -> dict[str, Any]:
    """Convert an architecture to a weightless graph. Needs OpenVINO."""
    from acutance.engines.openvino import openvino

    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = NETWORKS[network](**arguments).eval()
        for parameter in module.parameters():
            nn.init.normal_(parameter, 0, 0.02)
    with warnings.catch_warnings():  # tracing is deprecated; torch.export takes PReLU apart, which is slow
        warnings.simplefilter("ignore")
        converted = openvino.convert_model(module, example_input=torch.rand(1, 3, 64, 64))
    converted.reshape([-1, 3, -1, -1])
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "graph.xml"
        openvino.save_model(converted, xml, compress_to_fp16=False)
        weights = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
        return build_graph(xml.read_text(), xml.with_suffix(".bin").read_bytes(), weights)


def export_model(
    folder: Path,
    name: str,
    network: str,
    arguments: dict[str, int],
    weights: nn.Module,
    receipt: dict[str, Any],
) -> Path:
    """Write ``folder/NAME.safetensors`` and the architecture's graph beside it."""
    geometry = Geometry(scale=arguments["scale"], halo=weights.halo)  # type: ignore[arg-type]
    file = graph_name(network, arguments)
    shipped = BUILTIN / file
    if shipped.exists():
        sha256 = write_graph(folder / file, json.loads(shipped.read_text()))
    elif importlib.util.find_spec("openvino") is None:
        raise UsageError(
            f"{folder}: trained, but exporting {file} needs OpenVINO; install it (pip install openvino) and "
            "run the same command again"
        )
    else:
        sha256 = write_graph(folder / file, make_graph(network, arguments))
    tensors = {key: tensor.detach().float().cpu().numpy() for key, tensor in weights.state_dict().items()}
    facts = {
        "name": name, "network": network, "arguments": arguments, "geometry": asdict(geometry),
        "graph": {"file": file, "sha256": sha256}, "receipt": receipt,
    }  # fmt: skip
    path = folder / f"{name}.safetensors"
    write_model(path, tensors, facts)
    return path


def export_run(run: Path, recipe: Recipe, average: nn.Module, step: int, pack: Pack, scores: dict[str, float]) -> Path:
    """The final model of a run, with its receipt."""
    facts = json.loads((run / "run.json").read_text())
    receipt = {
        "recipe": facts["recipe"], "data": pack.sha256, "pictures": len(pack.train), "seed": facts["seed"],
        "start": facts["start"], "steps": step, "versions": facts["versions"], "commit": facts["commit"],
        "scores": scores,
    }  # fmt: skip
    return export_model(run, recipe.name, recipe.network, recipe.arguments, copy.deepcopy(average), receipt)
