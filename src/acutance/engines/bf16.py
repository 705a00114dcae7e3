"""Whether bf16 pays on this processor: asked of the processor itself, once.

That it has the instructions does not tell. AMX and AMD's Zen 4 multiply bf16 several times as fast as fp32; Intel's
AVX512-BF16 without AMX, as virtual machines often show it, takes nearly twice as long as fp32.
"""

from __future__ import annotations

import json
import time
from functools import cache

import numpy as np

from acutance.engines.openvino import openvino as ov
from acutance.files.atomic import atomic_path
from acutance.files.folders import cache_folder
from acutance.files.machine import cores

CHANNELS, SIDE, LAYERS, ROUNDS = 64, 64, 2, 6  # a few milliseconds each


@cache
def is_faster() -> bool:
    """Whether convolutions run faster in bf16 than in fp32 here; remembered in the cache folder, which may vanish."""
    core = ov.Core()
    has = sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    if "BF16" not in has:
        return False
    key = f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {cores()} cores, {' '.join(has)}, {ov.__version__}"
    path = cache_folder() / "bf16.json"
    try:
        known = json.loads(path.read_text())[key]
        if isinstance(known, bool):
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = bool(_measured(core, "bf16") < _measured(core, "f32"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({key: found}))
    except OSError:  # it is measured again next time
        pass
    return found


def _measured(core: ov.Core, precision: str) -> float:
    """Seconds of a few convolutions, the best of several rounds: other work on the machine only adds."""
    from openvino import opset13 as op

    random = np.random.default_rng(0)
    data = parameter = op.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    for _ in range(LAYERS):
        weights = random.normal(0, 0.05, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        data = op.relu(op.convolution(data, op.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1]))
    graph = ov.Model([data.output(0)], [parameter], "probe")  # pyright: ignore
    request = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision}).create_infer_request()
    picture = random.random((1, CHANNELS, SIDE, SIDE), np.float32)
    request.infer([picture])
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        request.infer([picture])
        times.append(time.perf_counter() - start)
    return min(times)
