"""Eight-bit arithmetic: the ranges a model must carry for it, and the graph that computes with them.

Every 3x3 convolution but the first, which reads the picture itself, gets its input in 256 steps over the range seen in
photographs and its weights in 255 steps per output channel, and sums in 32 bits (Jacob et al. 2018, arXiv:1712.05877,
sec. 2). Those of one pixel stay as they are: they cost little, and join features of very different ranges.
FakeQuantize nodes tell OpenVINO so; what lies between two convolutions runs inside the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acutance.engines.openvino import openvino as ov
from acutance.errors import BadModel
from acutance.models.graph import read_graph
from acutance.models.model import Model, Ranges

STEPS, WEIGHT_STEPS = 256, 255
LEAST = 1e-6  # of a range
CLIPPED = 1e-4  # share of the energy; photographs stay below a third of it, noise of 10 levels is just above


def quantise(graph: ov.Model, model: Model) -> ov.Output:
    """Let ``graph`` compute with ``model.int8``'s ranges; returns what tells whether they were too narrow.

    It is the share of the energy at one place that was cut off. What is unlike the photographs the ranges are of,
    strong noise or bare black and white, is cut off from the first layers on, and a fifth of the way shows it.
    A convolution whose range is None stays as it is. Raises ``BadModel``, also for weights that are not finite: steps
    would hide them from the check of the result.
    """
    from openvino import opset13 as op

    if not all(np.isfinite(tensor).all() for tensor in model.weights.values()):
        raise BadModel(f"{model.path}: holds NaN or infinite weights; the model is unusable")
    found = _convolutions(graph)
    if len(found) != len(model.int8) or not any(model.int8):
        raise BadModel(
            f"{model.path}: has int8 ranges for {len(model.int8)} convolutions, its graph has {len(found)}; "
            "calibrate it anew"
        )
    last = 0
    for place, (node, ends) in enumerate(zip(found, model.int8, strict=True)):
        if ends is None:
            continue
        last = place
        ends = _ends(*ends)
        steps = op.fake_quantize(node.input_value(0), *ends, *ends, STEPS)
        node.input(0).replace_source_output(steps.output(0))
        weights = node.input_value(1)
        most = np.maximum(np.abs(weights.get_node().get_data()).max(axis=(1, 2, 3), keepdims=True), np.float32(LEAST))
        node.input(1).replace_source_output(op.fake_quantize(weights, -most, most, -most, most, WEIGHT_STEPS).output(0))
    place, ends = next(
        (place, ends) for place, ends in enumerate(model.int8) if ends and place >= min(len(found) // 5, last)
    )
    data = found[place].input_value(0).get_node().input_value(0)
    low, high = _ends(*ends)
    beyond = op.subtract(data, op.clamp(data, float(low), float(high)))
    return op.divide(_energy(op, beyond), op.add(_energy(op, data), np.float32(LEAST))).output(0)


def _ends(low: float, high: float) -> tuple[np.float32, np.float32]:
    """The range, moved so that zero, which surrounds the picture, is a step."""
    step = max(high - low, LEAST) / (STEPS - 1)
    low = round(low / step) * step
    return np.float32(low), np.float32(low + step * (STEPS - 1))


def _energy(op, data):
    return op.reduce_sum(op.multiply(data, data), np.array([0, 1, 2, 3]), False)


def observe(model: Model, pictures: Sequence[np.ndarray]) -> Ranges:
    """The range of every such convolution's input, in the order in which they run.

    ``pictures``: uint8 ``(H, W, 3)``, as the model will get them. The ends are the means of each picture's own
    extremes: rare peaks are cut off rather than all steps made coarser for them.
    """
    from openvino import opset13 as op

    ir, buffer = read_graph(model)
    graph = ov.Core().read_model(ir, ov.Tensor(buffer, shared_memory=True))
    inputs, axes = [node.input_value(0) for node in _convolutions(graph)], np.array([0, 1, 2, 3])
    ends = [reduce(data, axes, False).output(0) for data in inputs for reduce in (op.reduce_min, op.reduce_max)]
    watched = ov.Model(ends, graph.get_parameters(), "watched")  # pyright: ignore
    compiled = ov.Core().compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    seen = []
    for picture in pictures:
        results = compiled([picture.transpose(2, 0, 1)[None].astype(np.float32) / 255])
        seen.append([float(results[port]) for port in compiled.outputs])
    return tuple((low, high) for low, high in np.mean(seen, axis=0).reshape(-1, 2).round(6).tolist())


def _convolutions(graph: ov.Model) -> list[ov.Node]:
    """Those of more than one pixel with learned weights, in the order in which they run, without the first."""
    return [
        node for node in graph.get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.input_value(1).get_node().get_type_name() == "Constant"
        and max(node.input_value(1).get_shape()[2:]) > 1
    ][1:]  # fmt: skip
