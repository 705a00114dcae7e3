"""The engines' contract, with the real built-in model on a real photograph."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from acutance.engines import choose, cpu, open_engine
from acutance.engines.torch import TorchEngine
from acutance.errors import BadModel, UsageError
from acutance.imaging.bicubic import downscale
from acutance.models import store
from acutance.networks import NETWORKS

needs_bf16 = pytest.mark.skipif(not cpu.has_bf16(), reason="this processor has no bf16 arithmetic")


@pytest.fixture(scope="module")
def model():
    return store.load("fidelity_compact")


@pytest.fixture(scope="module")
def reference(model, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A photograph and torch's fp32 result for it, float32."""
    lr = downscale(photo, 4)
    network = NETWORKS[model.network](**model.arguments).eval()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights.items()})
    with torch.inference_mode():
        out = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    return lr, out


def levels(result: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(result, 0, 1) * 255).astype(np.int16).transpose(1, 2, 0)


def one(model, lr: np.ndarray, engine: str, precision: str, deep: bool) -> np.ndarray:
    tile = (lr.transpose(2, 0, 1) / np.float32(255)).astype(np.float32) if deep else lr
    runner = open_engine(model, lr.shape[:2], engine, precision, deep=deep)
    result = next(runner.stream([tile])).copy()
    assert result.dtype == (np.float32 if deep else np.uint8)
    return levels(result) if deep else result.astype(np.int16)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_fp32_is_within_one_level_of_torch(model, reference, engine: str, deep: bool) -> None:
    lr, expected = reference
    assert np.abs(one(model, lr, engine, "fp32", deep) - levels(expected)).max() <= 1


@needs_bf16
@pytest.mark.parametrize("deep", [False, True])
def test_bf16_is_close_to_torch_fp32(model, reference, deep: bool) -> None:
    lr, expected = reference
    difference = np.abs(one(model, lr, "cpu", "bf16", deep) - levels(expected))
    assert 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2)) >= 55
    assert np.mean(difference <= 1) >= 0.999


def test_results_come_in_order(model, photo: np.ndarray) -> None:
    tiles = [np.full((32, 32, 3), value, np.uint8) for value in range(0, 250, 25)]
    runner = open_engine(model, (32, 32), "cpu", "fp32", deep=False)
    middles = [int(result[64, 64].mean()) for result in runner.stream(tiles)]
    assert middles == sorted(middles) and len(middles) == 10


def test_a_stream_may_feed_another_of_the_same_engine(model, photo: np.ndarray) -> None:
    """As the passes of a film do whose tiles have one shape."""
    tiles = [photo[top : top + 32, :32] for top in range(0, 256, 32)]
    runner = open_engine(model, (32, 32), "cpu", "fp32", deep=False)
    first = (result[:32, :32].copy() for result in runner.stream(tiles))
    twice = [result.copy() for result in runner.stream(first)]
    apart = [result[:32, :32].copy() for result in runner.stream(tiles)]
    np.testing.assert_array_equal(twice, [result.copy() for result in runner.stream(apart)])


def poisoned(model, value: float, name: str = "body.0.bias"):
    weights = dict(model.weights)
    weights[name] = np.full_like(weights[name], value)
    return dataclasses.replace(model, weights=weights)


@pytest.mark.parametrize(("engine", "precision"), [("cpu", "fp32"), ("torch", "fp32"), ("cpu", "bf16")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("deep", [False, True])
def test_not_finite_is_never_delivered(model, engine: str, precision: str, value: float, deep: bool) -> None:
    if precision == "bf16" and not cpu.has_bf16():
        pytest.skip("this processor has no bf16 arithmetic")
    shape, depth = ((3, 40, 40), np.float32) if deep else ((40, 40, 3), np.uint8)
    runner = open_engine(poisoned(model, value), (40, 40), engine, precision, deep=deep)
    with pytest.raises(BadModel, match="NaN or infinite"):
        next(runner.stream([np.zeros(shape, depth)]))


def test_a_tile_that_fails_is_redone_in_fp32(model) -> None:
    """Poison the fast network only: the result must be the sound one's."""
    tile = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    expected = next(open_engine(model, (40, 40), "cpu", "fp32", deep=False).stream([tile])).copy()
    precision = "bf16" if cpu.has_bf16() else "fp32"
    runner = cpu.CpuEngine(poisoned(model, np.nan), (40, 40), precision, deep=False)
    runner.precision = "bf16"  # where the processor has none, its part is played by fp32
    runner.model = model  # what the fp32 network is made from
    np.testing.assert_array_equal(next(runner.stream([tile])), expected)


def test_what_cannot_be_done_is_refused_with_its_reason(model) -> None:
    with pytest.raises(UsageError, match="engine is one of"):
        choose(model, "gpu", "auto", deep=False)  # type: ignore[arg-type]
    assert choose(model, "cpu", "auto", deep=True) == ("cpu", "fp32")


def test_the_torch_engine_computes_with_cudnn_where_there_is_one(model, photo: np.ndarray) -> None:
    """torch's own switch for its settings turns it off unless told otherwise."""
    runner, seen = TorchEngine(model, (8, 8), "fp32", deep=False), []
    runner._network.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cudnn.enabled))  # type: ignore
    next(runner.stream([photo[:8, :8]]))
    assert seen == [True]


def test_a_full_gpu_asks_for_smaller_tiles(model, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    runner = TorchEngine(model, (8, 8), "fp32", deep=False)
    monkeypatch.setattr(runner, "_network", full)
    with pytest.raises(MemoryError):
        next(runner.stream([photo[:8, :8]]))
