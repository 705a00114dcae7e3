"""The CPU engine: OpenVINO, bf16 where the processor is faster in it, fp32 elsewhere, int8 where it is asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from acutance.engines import Unworkable, bf16, check_output, int8, not_finite
from acutance.engines.openvino import openvino as ov
from acutance.errors import BadModel, UsageError
from acutance.files.memory import out_of_memory
from acutance.models.graph import read_graph
from acutance.models.model import Model

MOVES = {"Interpolate", "Gather", "Reshape", "Transpose"}  # linear: the division by 255 may as well come after
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of what is not in 8 bits


def core() -> ov.Core:
    """The OpenVINO runtime (starting it takes milliseconds)."""
    return ov.Core()


def has_bf16() -> bool:
    """Whether this processor computes in bf16 (AVX512-BF16 or AMX)."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def settle(precision: str, deep: bool) -> str:
    """The precision ``auto`` means here: bf16 for 8-bit pictures where the processor is faster in it."""
    if precision == "bf16" and not has_bf16():
        raise UsageError("this processor has no bf16 arithmetic; use --precision fp32")
    if precision == "auto":
        return "bf16" if not deep and bf16.is_faster() else "fp32"
    return precision


class CpuEngine:
    """``model`` compiled for tiles of one shape; ``deep``: float32 in and out instead of uint8."""

    name = "cpu"

    def __init__(self, model: Model, tile: tuple[int, int], precision: str, *, deep: bool) -> None:
        self.model, self.tile, self.precision, self.deep = model, tile, precision, deep
        self.redone = 0  # tiles whose inner values left the ranges of int8
        self._others: dict[str, CpuEngine] = {}
        ir, buffer = read_graph(model)
        self._buffer = buffer  # OpenVINO reads constants from it in place
        try:
            graph = core().read_model(ir, ov.Tensor(buffer, shared_memory=True))
            clipped = [int8.quantise(graph, model)] if precision == "int8" else []
            graph.reshape([1, 3, *tile])
            graph = _finite_output(graph, clipped) if deep else _uint8_ports(graph, clipped)
            config = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "THROUGHPUT"}
            self._compiled = core().compile_model(graph, "CPU", config)
        except RuntimeError as error:
            if out_of_memory(str(error)):
                raise MemoryError(str(error)) from error
            raise BadModel(f"{model.path}: OpenVINO cannot run its graph ({_first_line(error)})") from error
        check_output(model, tile, _spatial(self._compiled.outputs[0].shape, deep))
        self._requests, self._lock = self._new_requests(), threading.Lock()

    def _new_requests(self) -> list[ov.InferRequest]:
        streams = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return [self._compiled.create_infer_request() for _ in range(streams + 1)]

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See ``engines.Engine.stream``."""
        running: deque[tuple[ov.InferRequest, np.ndarray]] = deque()
        with self._lock:  # a stream within this one, or in another thread, has its own
            idle, self._requests = self._requests, []
        idle = idle or self._new_requests()
        index = 0
        try:
            for tile in tiles:
                request = idle.pop()
                batch = np.array(tile, order="C")[None]
                request.set_input_tensor(ov.Tensor(batch, shared_memory=True))
                request.start_async()
                running.append((request, batch))
                if not idle:
                    yield self._result(*running[0], index)
                    idle.append(running.popleft()[0])
                    index += 1
            while running:
                yield self._result(*running[0], index)
                idle.append(running.popleft()[0])
                index += 1
        finally:
            for request, _ in running:
                request.wait()
                idle.append(request)
            self._requests = idle

    def _result(self, request: ov.InferRequest, batch: np.ndarray, index: int) -> np.ndarray:
        try:
            request.wait()
        except RuntimeError as error:
            if out_of_memory(str(error)):
                raise MemoryError(str(error)) from error
            raise
        if np.isfinite(request.get_output_tensor(1).data).all():
            if self.precision != "int8" or request.get_output_tensor(2).data <= int8.CLIPPED:
                return request.get_output_tensor(0).data[0]
            self.redone += 1
            return self._again(batch, settle("auto", self.deep))
        if self.precision == "fp32":
            raise not_finite(self.model, index, batch[0], self._stays_finite)
        try:
            return self._again(batch, "fp32")
        except (BadModel, Unworkable):
            raise not_finite(self.model, index, batch[0], self._others["fp32"]._stays_finite) from None

    def _stays_finite(self, tile: np.ndarray) -> bool:
        """Whether one more tile comes out finite."""
        request, batch = self._compiled.create_infer_request(), tile[None]
        request.set_input_tensor(ov.Tensor(batch, shared_memory=True))
        request.infer()
        return bool(np.isfinite(request.get_output_tensor(1).data).all())

    def _again(self, batch: np.ndarray, precision: str) -> np.ndarray:
        """One tile by another precision."""
        if precision not in self._others:
            self._others[precision] = CpuEngine(self.model, self.tile, precision, deep=self.deep)
        return next(iter(self._others[precision].stream([batch[0]]))).copy()


def _finite_output(graph: ov.Model, more: list[ov.Output]) -> ov.Model:
    """Add a second output, the sum of all samples: finite if and only if they all are; and ``more``."""
    from openvino import opset13 as op

    result = _in_fp32(op, graph)
    return ov.Model([result, _total(op, result), *more], graph.get_parameters(), "checked")  # pyright: ignore


def _uint8_ports(graph: ov.Model, more: list[ov.Output]) -> ov.Model:
    """Let the graph take and give uint8 ``(1, H, W, 3)``, with scaling, rounding and clamp inside; and ``more``.

    The first convolution sees whole levels 0..255, which bf16 holds exactly: 1/255 moves into its
    weights (OpenVINO folds the product), so 8-bit input loses nothing.
    """
    from openvino import opset13 as op

    parameter = graph.get_parameters()[0]
    height, width = (parameter.partial_shape[i].get_length() for i in (2, 3))
    levels = op.parameter([1, height, width, 3], np.uint8, name="levels")
    planes = op.transpose(op.convert(levels, "f32"), np.array([0, 3, 1, 2]))
    _feed_levels(op, planes.output(0), list(parameter.output(0).get_target_inputs()))
    result = _in_fp32(op, graph)
    level = op.clamp(op.multiply(result, np.float32(255)), 0.0, 255.0)
    pixels = op.convert(op.round(level, "half_to_even"), "u8")
    interleaved = op.transpose(pixels, np.array([0, 2, 3, 1]))
    return ov.Model([interleaved.output(0), _total(op, result), *more], [levels], "uint8")  # pyright: ignore


def _feed_levels(op, levels: ov.Output, targets: list[ov.Input]) -> None:
    """Give ``targets`` ``levels`` / 255, divided as late as can be: what only moves pixels (Interpolate in bf16,
    whatever is asked) gets whole levels as well."""
    for target in targets:
        node = target.get_node()
        if node.get_type_name() in MOVES and target.get_index() == 0:
            users = list(node.output(0).get_target_inputs())
            target.replace_source_output(levels)
            _feed_levels(op, node.output(0), users)
        else:
            target.replace_source_output(op.multiply(levels, np.float32(1 / 255)).output(0))


def _in_fp32(op, graph: ov.Model):
    """The graph's result, its last arithmetic behind a PReLU of slope 1, which changes nothing but its precision.

    Under bf16 a convolution writes bf16, a step of one 8-bit level near white, unless an operation that
    stays in fp32 is fused into it: everything after the last convolution does. Nothing can be fused into a
    convolution whose pixels are moved to their places first.
    """
    end = last = graph.output(0).get_node().input(0)
    while last.get_source_output().get_node().get_type_name() in MOVES | {"DepthToSpace"}:
        last = last.get_source_output().get_node().input(0)
    last.replace_source_output(op.prelu(last.get_source_output(), np.ones(1, np.float32)).output(0))
    return end.get_source_output()


def _total(op, result):
    return op.reduce_sum(result, np.array([0, 1, 2, 3]), False).output(0)


def _spatial(shape: ov.Shape, deep: bool) -> tuple[int, int]:
    return (shape[2], shape[3]) if deep else (shape[1], shape[2])


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
