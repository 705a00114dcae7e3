"""Eight-bit arithmetic, with the real built-in model on a real photograph."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from acutance import Upscaler
from acutance.engines import choose, int8, open_engine
from acutance.engines.cpu import CpuEngine
from acutance.errors import BadModel, UsageError
from acutance.files.pixels import write_png
from acutance.imaging.bicubic import downscale
from acutance.measuring.metrics.psnr import psnr
from acutance.models import dial, store
from acutance.models.model import read_model

CALIBRATED = ["fidelity", "fidelity_compact", "texture"]


@pytest.mark.parametrize("name", CALIBRATED)
def test_it_is_close_to_fp32_and_shifts_no_colour(name: str, photo: np.ndarray) -> None:
    small = downscale(photo, 4)
    exact, rounded = (Upscaler(name, precision=p)(small).astype(float) for p in ("fp32", "int8"))
    assert psnr(exact, rounded) >= (42 if name == "fidelity" else 44)
    assert np.abs((exact - rounded).mean((0, 1))).max() < 0.2


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="other processors name their kernels otherwise"
)
def test_as_many_convolutions_as_have_ranges_compute_in_eight_bits() -> None:
    model = store.load()
    engine = CpuEngine(model, (64, 64), "int8", deep=False)
    types = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in engine._compiled.get_runtime_model().get_ordered_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]
    assert types[0] == "f32" and sum(kind in ("u8", "i8") for kind in types) == sum(map(bool, model.int8)) >= 10


def strong(photo: np.ndarray) -> dict[str, np.ndarray]:
    """What is unlike the photographs that the ranges are of."""
    from skimage import data

    small = downscale(photo, 4)
    noise = np.random.default_rng(0).normal(0, 25, small.shape)
    page = ((data.page()[:128, :128] > 128) * np.uint8(255))[:, :, None].repeat(3, 2)
    return {"noise": np.clip(small + noise, 0, 255).astype(np.uint8), "page": page}


@pytest.mark.parametrize("kind", ["noise", "page"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_tile_that_leaves_the_ranges_is_computed_again(kind: str, deep: bool, photo: np.ndarray) -> None:
    picture = strong(photo)[kind]
    tile = (picture.transpose(2, 0, 1) / np.float32(255)).astype(np.float32) if deep else picture
    made = []
    for precision in ("int8", "auto"):
        settled = choose(store.load(), "cpu", precision, deep=deep)[1]  # type: ignore[arg-type]
        engine = open_engine(store.load(), picture.shape[:2], "cpu", settled, deep=deep)
        made.append(next(iter(engine.stream([tile]))).copy())
        assert engine.redone == (precision == "int8")  # type: ignore[attr-defined]
    np.testing.assert_array_equal(*made)


def test_of_such_tiles_is_told(photo: np.ndarray, tmp_path: Path) -> None:
    calm, busy = downscale(photo, 4), strong(photo)["noise"]
    write_png(tmp_path / "calm.png", calm)
    write_png(tmp_path / "busy.png", busy)
    upscaler = Upscaler(precision="int8")
    notes = [upscaler.file(tmp_path / f"{name}.png", tmp_path / f"{name}-4.png")["notes"] for name in ("calm", "busy")]
    assert notes[0] == [] and notes[1] == ["tiles too strong for int8, computed more precisely: 2"]


def test_tiles_join_exactly(photo: np.ndarray) -> None:
    small = downscale(photo, 4)[:90, :110]
    whole, tiled = (Upscaler(precision="int8", tile=tile)(small) for tile in (0, 64))
    np.testing.assert_array_equal(whole, tiled)


def test_more_than_eight_bits_in_are_taken_too(photo: np.ndarray) -> None:
    small = downscale(photo, 4)
    deep = Upscaler(precision="int8")(small.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16 and psnr(deep / 257, Upscaler(precision="int8")(small)) >= 50


def test_ranges_are_those_of_the_inputs_of_the_layers() -> None:
    """Of a plain grey the first layer's result is the same everywhere but at the border: known by hand."""
    model = store.load("restore")
    grey = np.full((40, 40, 3), 128, np.uint8)
    found = int8.observe(model, [grey])
    assert found[0] is not None and len(found) == 17, "its means of colours are not rounded"
    kernel, bias, slopes = (model.weights[f"body.{name}"] for name in ("0.weight", "0.bias", "1.weight"))
    inside = kernel.sum((1, 2, 3)) * np.float32(128 / 255) + bias
    inside = np.where(inside > 0, inside, slopes * inside)
    assert found[0][0] <= inside.min() + 1e-5 and found[0][1] >= inside.max() - 1e-5


def test_the_dial_has_the_ranges_of_both_or_none() -> None:
    assert len(store.load().int8) == 20 and any(store.load().int8)
    assert bool(dial.load("fidelity", 0.5).int8) == bool(store.load("texture").int8)


def test_what_cannot_run_in_eight_bits_is_refused() -> None:
    model = store.load()
    assert choose(model, "auto", "int8", deep=False) == ("cpu", "int8")
    assert not store.load("fidelity_x2_fast").int8 and not store.load("restore").int8
    with pytest.raises(UsageError, match="cannot run in 8 bits"):
        choose(replace(model, int8=()), "auto", "int8", deep=False)
    with pytest.raises(UsageError, match="cpu engine only"):
        choose(model, "torch", "int8", deep=False)
    weights = model.weights | {"conv_2.bias": np.full(48, np.nan, np.float32)}
    with pytest.raises(BadModel, match="NaN or infinite weights"):
        open_engine(replace(model, weights=weights), (32, 32), "cpu", "int8", deep=False)
    with pytest.raises(BadModel, match="ranges for 3 convolutions, its graph has 20"):
        open_engine(replace(model, int8=((0.0, 1.0),) * 3), (32, 32), "cpu", "int8", deep=False)


@pytest.mark.parametrize(
    "ranges", [[[1]], "x", [[2, 1]], [[0, float("nan")]], [[0, 1e30]], 7, [["a", "b"]], [[0, 10**400]]]
)
def test_damaged_ranges_are_found_when_the_file_is_read(ranges: object, tmp_path: Path) -> None:
    path = store.find("fidelity")
    header = path.read_bytes()
    facts = json.loads(json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]["acutance"])
    facts["int8"] = {"ranges": ranges}
    save_file(load_file(path), tmp_path / "m.safetensors", {"acutance": json.dumps(facts)})
    with pytest.raises(BadModel, match="int8 ranges"):
        read_model(tmp_path / "m.safetensors")


def test_training_for_it_sees_the_same_noise(photo: np.ndarray) -> None:
    """Rounding is chaotic over 17 layers, so the two results differ; how far they are from the exact one does not."""
    import torch

    from acutance.networks import NETWORKS
    from acutance.training.eight_bits import eight_bits

    model, small = store.load("restore"), downscale(photo, 4)
    model = replace(model, int8=int8.observe(model, [small]))
    engine = next(iter(CpuEngine(model, small.shape[:2], "int8", deep=False).stream([small])))
    network = NETWORKS[model.network](**model.arguments).eval()
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in model.weights.items()})
    x = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad(), eight_bits(network):
        trained = network(x)
    with torch.no_grad():
        exact = network(x)
    trained, exact = (np.rint(y[0].permute(1, 2, 0).numpy().clip(0, 1) * 255) for y in (trained, exact))
    assert abs(psnr(engine.astype(float), exact) - psnr(trained, exact)) < 0.5
