"""The engines' contract for every architecture: the file, both engines, tiles (specification D1, D3)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from acutance.engines import cpu, open_engine
from acutance.engines.grey import GreyStaysGrey
from acutance.errors import BadModel
from acutance.imaging.bicubic import downscale
from acutance.models.graph import write_graph
from acutance.models.model import Model, read_model
from acutance.networks import NETWORKS
from acutance.networks.ranges import UnitRange
from acutance.pipelines.upscale import Settings, Upscaler
from acutance.training.export import export_model, graph_name, make_graph

SMALL = {
    "compact": ("compact", {"channels": 16, "convolutions": 2}),
    "compact-x2": ("compact_x2", {"channels": 16, "convolutions": 2}),
    "colourfast": ("colourfast_compact", {"channels": 16, "convolutions": 2}),
    "colourfast-x2": ("colourfast_compact_x2", {"channels": 16, "convolutions": 2}),
    "plksr": ("plksr", {"channels": 16, "blocks": 1, "kernel": 5, "large": 4}),
    "real-plksr": ("real_plksr", {"channels": 16, "blocks": 1, "kernel": 5, "large": 4}),
    "real-plksr-pixel": ("real_plksr", {"channels": 48, "blocks": 1, "kernel": 5, "large": 8, "pixel_norm": True}),
    "span": ("span", {"channels": 16, "blocks": 2}),
    "srresnet": ("srresnet", {"channels": 16, "blocks": 2}),
    "srresnet-open": ("srresnet", {"channels": 8, "blocks": 1, "norm_bias": False, "channel_slopes": True}),
    "tensorlayer": ("tensorlayer_srresnet", {"channels": 16, "blocks": 2}),
    "rrdb": ("rrdb", {"channels": 16, "blocks": 1, "growth": 8}),
    "rrdb-x2": ("rrdb", {"scale": 2, "channels": 16, "blocks": 1, "growth": 8}),
    "rrdb-x1": ("rrdb", {"scale": 1, "channels": 16, "blocks": 1, "growth": 8}),
    "msrresnet": ("msrresnet", {"channels": 16, "blocks": 2}),
    "msrresnet-x3": ("msrresnet", {"scale": 3, "channels": 16, "blocks": 1}),
    "msrresnet-2018": ("msrresnet", {"channels": 16, "blocks": 2, "long_skip": True}),
    "unet": ("unet", {"width": 0.125}),
    "unet-norm": ("unet", {"width": 0.125, "batch_norm": True}),
    "face": ("face", {"channels": 16, "blocks": 2}),
    "colourfast-srresnet": ("colourfast_srresnet", {"channels": 16, "blocks": 2}),
    "colourfast-rrdb-x2": ("colourfast_rrdb", {"scale": 2, "channels": 16, "blocks": 1, "growth": 8}),
    "colourfast-msrresnet-x3": ("colourfast_msrresnet", {"scale": 3, "channels": 16, "blocks": 1}),
    "colourfast-unet": ("colourfast_unet", {"width": 0.125}),
    "colourfast-face": ("colourfast_face", {"channels": 16, "blocks": 2}),
}


def contrasting(network: str, arguments: dict, picture: torch.Tensor) -> nn.Module:
    """A random network whose result spreads over tens of levels as a residual does, with batch norm warmed up."""
    torch.manual_seed(0)
    module = NETWORKS[network](**arguments)
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight)
        if network == "span":
            layers[0].weight /= 100  # it reads whole levels
        for norm in norms:
            norm.momentum = 1.0  # one batch is enough
        UnitRange(module)(picture)
        module.eval()
        raw = module(picture * 2 - 1 if getattr(module, "signed_input", False) else picture)
        last = layers[-1]
        before = (
            torch.atanh(raw.clamp(-0.999, 0.999)).std()
            if network in ("face", "colourfast_face", "tensorlayer_srresnet")
            else raw.std()
        )
        last.weight *= (0.15 if hasattr(module, "signed_output") else 0.1) / before.item()
        if not hasattr(module, "signed_output") and last.bias is not None:
            last.bias += 0.5
    return module


@pytest.fixture(scope="module", params=SMALL)
def case(request, tmp_path_factory, photo: np.ndarray) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model file, a photograph, and torch's fp32 result for it."""
    network, arguments = SMALL[request.param]
    lr = downscale(photo[:384], 4)
    picture = torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small work: on a busy machine the threads would wait for each other
    module = contrasting(network, arguments, picture[:, :, 32:64, 32:64])
    path = export_model(tmp_path_factory.mktemp("model"), "m", network, arguments, module, {})
    with torch.inference_mode():
        result = UnitRange(module)(picture)[0].numpy()
    torch.set_num_threads(threads)
    return read_model(path), lr, result


def levels(result: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(result, 0, 1) * 255).astype(np.int16).transpose(1, 2, 0)


def run(model: Model, lr: np.ndarray, engine: str, precision: str, deep: bool) -> np.ndarray:
    tile = (lr.transpose(2, 0, 1) / np.float32(255)).astype(np.float32) if deep else lr
    opened = open_engine(model, lr.shape[:2], engine, precision, deep=deep)
    assert isinstance(opened, GreyStaysGrey)
    result = next(opened.engine.stream([tile])).copy()  # what the network draws, also where there is no colour
    return levels(result) if deep else result.astype(np.int16)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_fp32_is_within_one_level_of_torch(case, engine: str, deep: bool) -> None:
    model, lr, expected = case
    assert levels(expected).std() > 8, "the test must see more than a grey picture"
    assert np.abs(run(model, lr, engine, "fp32", deep) - levels(expected)).max() <= 1


@pytest.mark.skipif(not cpu.has_bf16(), reason="this processor has no bf16 arithmetic")
def test_bf16_is_close_to_torch_fp32(case) -> None:
    model, lr, expected = case
    difference = np.abs(run(model, lr, "cpu", "bf16", False) - levels(expected))
    assert 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2)) >= 55
    assert np.mean(difference <= 1) >= 0.999


def test_tiled_equals_whole(case) -> None:
    """Every network but a deep RRDB has an affordable halo; sizes that fit no multiple are padded."""
    model, lr, _ = case
    image = np.ascontiguousarray(np.tile(lr, (2, 2, 1))[:150, :187])
    whole = Upscaler(model, Settings(precision="fp32", tile=400)).array(image)
    tile = 2 * (model.geometry.halo or 0) + 48
    tiled = Upscaler(model, Settings(precision="fp32", tile=tile)).array(image)
    assert tiled.shape == (150 * model.geometry.scale, 187 * model.geometry.scale, 3)
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    assert np.mean(tiled != whole) < 0.0005


def test_batch_norm_keeps_its_tensors(tmp_path: Path) -> None:
    """The file holds every weight and running statistic, the graph takes just these, nothing counts batches."""
    module = NETWORKS["srresnet"](channels=8, blocks=1)
    model = read_model(export_model(tmp_path, "m", "srresnet", {"channels": 8, "blocks": 1}, module, {}))
    stored = {key for key in module.state_dict() if not key.endswith("num_batches_tracked")}
    assert model.weights.keys() == stored and any(key.endswith("running_var") for key in stored)
    assert model.arguments == {"channels": 8, "blocks": 1, "norm_bias": True, "channel_slopes": False}


def test_a_graph_is_made_the_same_every_time_and_never_replaced(tmp_path: Path) -> None:
    arguments = {"channels": 8, "blocks": 1}
    assert make_graph("srresnet", arguments) == make_graph("srresnet", arguments)
    first = read_model(export_model(tmp_path, "a", "srresnet", arguments, NETWORKS["srresnet"](**arguments), {}))
    first.graph.write_text(first.graph.read_text() + " ")  # as another version might write it
    second = read_model(export_model(tmp_path, "b", "srresnet", arguments, NETWORKS["srresnet"](**arguments), {}))
    assert second.graph_sha256 != first.graph_sha256 and second.graph.read_text().endswith(" ")


def test_large_files_store_half_precision(tmp_path: Path) -> None:
    module = NETWORKS["rrdb"](blocks=3)
    path = export_model(tmp_path, "m", "rrdb", {"blocks": 3}, module, {})
    assert path.stat().st_size < 5_000_000 < 8 << 20 < 2_309_507 * 4
    weights = read_model(path).weights
    torch.testing.assert_close(torch.from_numpy(weights["conv_hr.weight"]), module.conv_hr.weight.half().float())
    assert graph_name("rrdb", {"blocks": 3}) == "rrdb-scale4-channels64-blocks3-growth32.graph"


def test_arguments_out_of_all_bounds_are_refused(tmp_path: Path) -> None:
    path = export_model(tmp_path, "m", *SMALL["compact"], NETWORKS["compact"](**SMALL["compact"][1]), {})
    data = path.read_bytes()
    at = data.index(b'\\"channels\\": 16')
    path.write_bytes(data[:at] + b'\\"channels\\": 1e9'[:16] + data[at + 16 :])
    with pytest.raises(BadModel):
        open_engine(read_model(path), (16, 16), "torch", "fp32", deep=False)


def test_a_builtin_graph_is_taken_only_if_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An architecture whose weights changed keeps its name while it is developed; the old graph is not for it."""
    builtin, run = tmp_path / "builtin", tmp_path / "run"
    builtin.mkdir()
    run.mkdir()
    network, arguments = SMALL["compact"]
    narrow = {**arguments, "channels": 8}
    monkeypatch.setattr("acutance.training.export.BUILTIN", builtin)
    other = write_graph(builtin / graph_name(network, arguments), make_graph(network, narrow))
    path = export_model(run, "m", network, arguments, NETWORKS[network](**arguments), {})
    model = read_model(path)
    assert model.graph_sha256 != other
    open_engine(model, (24, 24), "cpu", "fp32", deep=False)
