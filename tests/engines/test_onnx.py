"""ONNX for other tools: free sizes, equal to torch, no file unless it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.engines import onnx
from acutance.engines.openvino import openvino
from acutance.engines.torch import rebuild
from acutance.errors import BadModel, UsageError
from acutance.models.model import Model, read_model
from acutance.networks import NETWORKS
from acutance.training.export import export_model

NETS = [
    ("compact", {"channels": 8, "convolutions": 1}),
    ("srresnet", {"channels": 8, "blocks": 1}),
    ("rrdb", {"scale": 2, "channels": 8, "blocks": 1, "growth": 4}),
    ("msrresnet", {"channels": 8, "blocks": 1}),
    ("unet", {"width": 0.0625, "batch_norm": True}),
    ("face", {"channels": 8, "blocks": 1}),
]


def make(folder: Path, network: str, arguments: dict) -> Model:
    torch.manual_seed(0)
    return read_model(export_model(folder, "m", network, arguments, NETWORKS[network](**arguments), {}))


@pytest.mark.parametrize(("network", "arguments"), NETS)
def test_it_equals_torch_at_any_size(tmp_path: Path, network: str, arguments: dict) -> None:
    pytest.importorskip("onnx")
    model = make(tmp_path, network, arguments)
    assert onnx.export_onnx(model, tmp_path / "m.onnx") <= 1e-4
    compiled = openvino.Core().compile_model(tmp_path / "m.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert compiled.input(0).get_any_name() == "input" and compiled.output(0).get_any_name() == "output"
    picture = np.random.default_rng(1).random((1, 3, 80, 32), dtype=np.float32)
    with torch.inference_mode():
        expected = rebuild(model)(torch.from_numpy(picture)).numpy()
    np.testing.assert_allclose(compiled(picture)[0], expected, atol=1e-4)


def test_it_says_what_goes_in_and_comes_out(tmp_path: Path) -> None:
    package = pytest.importorskip("onnx")
    onnx.export_onnx(make(tmp_path, "rrdb", NETS[2][1]), tmp_path / "m.onnx")
    made = package.load(tmp_path / "m.onnx")
    facts = {entry.key: entry.value for entry in made.metadata_props}
    assert "RGB from 0 to 1, sides in multiples of 2; output 2 times as large" in facts["expects"]
    assert facts["expects"] in made.doc_string and facts["scale"] == "2" and len(facts["sha256"]) == 64
    assert made.graph.output[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_a_file_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    model = make(tmp_path, *NETS[0])
    monkeypatch.setattr(onnx, "_largest_difference", lambda *arguments: float("nan"))
    with pytest.raises(BadModel, match="nothing was written"):
        onnx.export_onnx(model, tmp_path / "m.onnx")
    assert not list(tmp_path.glob("*.onnx*"))


def test_a_missing_package_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(tmp_path, *NETS[0])
    find = onnx.importlib.util.find_spec
    monkeypatch.setattr(onnx.importlib.util, "find_spec", lambda name: None if name == "onnx" else find(name))
    with pytest.raises(UsageError, match=r"needs onnx; install it with: pip install .acutance\[export\]."):
        onnx.export_onnx(model, tmp_path / "m.onnx")
