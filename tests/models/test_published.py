"""Graphs of well-known networks come with us, so that their checkpoints become models without torch."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from acutance.engines.agreement import in_bf16, photograph_like
from acutance.engines.cpu import CpuEngine
from acutance.errors import BadModel
from acutance.models.architecture import PUBLISHED, architecture, geometry_of, graph_name, published
from acutance.models.graph import shapes_of
from acutance.models.model import Geometry, read_facts, read_model
from acutance.networks import NETWORKS
from acutance.training.importing import Wish, import_checkpoint

NAMES = sorted(path.name.removesuffix(".gz") for path in PUBLISHED.glob("*.gz"))

WORDS = (
    "scale", "channels", "convolutions", "blocks", "growth", "long_skip", "kernel", "large", "attention", "pixel_norm",
    "before", "behind",
)  # fmt: skip


def arguments_of(name: str) -> tuple[str, dict]:
    """Back from a file name."""
    network, *parts = name.removesuffix(".graph").split("-")
    found = {}
    for part in parts:
        word = next(each for each in WORDS if part.startswith(each))
        found[word] = json.loads(part.removeprefix(word).lower())
    return network, found


@pytest.mark.parametrize("name", NAMES)
def test_graphs_are_those_of_the_networks(name: str) -> None:
    network, arguments = arguments_of(name)
    assert graph_name(network, arguments) == name
    graph = published(name)
    assert graph is not None and Geometry(**graph["geometry"])
    with torch.device("meta"):
        module = NETWORKS[network](**arguments)
    assert shapes_of(graph) == {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert architecture(network, arguments).geometry == geometry_of(module)


def test_a_published_graph_runs_like_torch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(NETWORKS["compact"](scale=2).state_dict(), tmp_path / "m.pth")
    import_checkpoint(tmp_path / "m.pth", tmp_path / "m.safetensors", Wish())
    model = read_model(tmp_path / "m.safetensors")
    tile = photograph_like(32)
    made = next(iter(CpuEngine(model, (32, 32), "fp32", deep=False).stream([tile]))).astype(int)
    network = NETWORKS["compact"](scale=2)
    network.load_state_dict({key: torch.from_numpy(array) for key, array in model.weights.items()})
    with torch.inference_mode():
        expected = network(torch.from_numpy(tile).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0).numpy()
    assert abs(made - (expected * 255).clip(0, 255)).max() <= 0.51
    assert gzip.decompress((PUBLISHED / f"{model.graph.name}.gz").read_bytes()) == model.graph.read_bytes()


WITHOUT_TORCH = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Absent())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else find(name, package)
from acutance.__main__ import main
main()
"""


def test_import_needs_no_torch(tmp_path: Path, small_photo: np.ndarray) -> None:
    torch.save({"params": NETWORKS["compact"]().state_dict()}, tmp_path / "known.pth")
    torch.save({"params": NETWORKS["compact"](channels=5).state_dict()}, tmp_path / "rare.pth")
    pyvips.Image.new_from_array(small_photo).write_to_file(str(tmp_path / "a.png"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_TORCH, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = run("models", "import", "known.pth", "-o", "known.safetensors")
    assert done.returncode == 0, done.stderr
    done = run("upscale", "a.png", "--model", "known.safetensors", "-o", "b.png")
    assert done.returncode == 0, done.stderr
    done = run("models", "import", "rare.pth", "-o", "rare.safetensors")
    assert done.returncode == 2 and "acutance[train]" in done.stderr and len(done.stderr.splitlines()) == 1
    assert sorted(path.suffix for path in tmp_path.iterdir() if "rare" in path.name) == [".pth"]


def test_what_bf16_costs_is_stored_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(NETWORKS["compact"](channels=8, convolutions=1).state_dict(), tmp_path / "m.pth")
    monkeypatch.setattr("acutance.training.importing.in_bf16", lambda model: 41.25)
    notes = import_checkpoint(tmp_path / "m.pth", tmp_path / "m.safetensors", Wish())
    assert any("41.2 dB" in note and "--precision fp32" in note for note in notes)
    assert read_facts(tmp_path / "m.safetensors")["bf16"] == {"psnr_db": 41.25}
    found = in_bf16(read_model(tmp_path / "m.safetensors"))
    assert found is None or found > 40


def test_results_that_are_not_finite_make_no_model(tmp_path: Path) -> None:
    weights = NETWORKS["compact"](channels=8, convolutions=3).state_dict()
    weights = {key: tensor + 1e30 for key, tensor in weights.items()}
    torch.save(weights, tmp_path / "m.pth")
    with pytest.raises(BadModel, match="NaN or infinite"):
        import_checkpoint(tmp_path / "m.pth", tmp_path / "m.safetensors", Wish())
    assert not (tmp_path / "m.safetensors").exists()
