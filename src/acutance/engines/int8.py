"""Eight-bit arithmetic: the ranges a model must carry for it, and the graph that computes with them.

Every convolution gets its input in 256 steps over the range seen in photographs and its weights in 255 steps per
output channel, and sums in 32 bits (Jacob et al. 2018, arXiv:1712.05877, sec. 2 and 3). FakeQuantize nodes tell
OpenVINO so; what lies between two convolutions runs inside the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acutance.engines.openvino import openvino as ov
from acutance.errors import BadModel
from acutance.models.graph import read_graph
from acutance.models.model import Model

STEPS, WEIGHT_STEPS = 256, 255


def quantised(graph: ov.Model, model: Model) -> ov.Model:
    """``graph`` with ``model.int8``'s ranges at its convolutions, changed in place. Raises ``BadModel``."""
    from openvino import opset13 as op

    found = convolutions(graph)
    if missing := sorted(model.int8.keys() - {node.get_friendly_name() for node in found}):
        raise BadModel(f"{model.path}: its int8 ranges name {missing[0]}, which its graph has not; calibrate it anew")
    for node in found:
        if node.get_friendly_name() not in model.int8:
            continue
        low, high = (np.float32(end) for end in model.int8[node.get_friendly_name()])
        data, weights = node.input_value(0), node.input_value(1)
        node.input(0).replace_source_output(op.fake_quantize(data, low, high, low, high, STEPS).output(0))
        most = np.abs(weights.get_node().get_data()).max(axis=(1, 2, 3), keepdims=True)
        most = np.maximum(most, np.finfo(np.float32).tiny)  # a channel of zeros
        steps = op.fake_quantize(weights, -most, most, -most, most, WEIGHT_STEPS)
        node.input(1).replace_source_output(steps.output(0))
    return graph


def observe(model: Model, pictures: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
    """The range of every convolution's input, by its name in the graph.

    ``pictures``: uint8 ``(H, W, 3)``, as the model will get them. The ends are the means of each picture's own
    extremes: rare peaks are cut off rather than all steps be widened for them.
    """
    from openvino import opset13 as op

    ir, buffer = read_graph(model)
    graph = ov.Core().read_model(ir, ov.Tensor(buffer, shared_memory=True))
    found, axes = convolutions(graph), np.array([0, 1, 2, 3])
    ends = [reduce(node.input_value(0), axes, False) for node in found for reduce in (op.reduce_min, op.reduce_max)]
    watched = ov.Model([end.output(0) for end in ends], graph.get_parameters(), "watched")
    compiled = ov.Core().compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    seen = []
    for picture in pictures:
        results = compiled([picture.transpose(2, 0, 1)[None].astype(np.float32) / 255])
        seen.append([float(results[port]) for port in compiled.outputs])
    means = np.mean(seen, axis=0).reshape(-1, 2)
    return {node.get_friendly_name(): (low, high) for node, (low, high) in zip(found, means.tolist(), strict=True)}


def convolutions(graph: ov.Model) -> list[ov.Node]:
    """Those with constant weights, in the order in which they run, without the first: it reads the picture itself."""
    return [
        node for node in graph.get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.input_value(1).get_node().get_type_name() == "Constant"
    ][1:]  # fmt: skip
