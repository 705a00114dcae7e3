"""Network interpolation (specification 5.5, check F8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadModel, UsageError
from acutance.models import model as model_file
from acutance.models.interpolate import interpolate, write_interpolated
from acutance.models.model import Model, read_model
from acutance.networks import NETWORKS
from acutance.pipelines.upscale import Settings, Upscaler
from acutance.training.export import export_model


def make(folder: Path, name: str, seed: int, network: str = "msrresnet", **arguments: int) -> Model:
    torch.manual_seed(seed)
    arguments = arguments or {"channels": 8, "blocks": 1}
    module = NETWORKS[network](**arguments)
    return read_model(export_model(folder, name, network, arguments, module, {"licence": f"L{seed}"}))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Model, Model]:
    return make(tmp_path, "a", 1), make(tmp_path, "b", 2)


def test_the_ends_are_exact_and_the_middle_is_the_mean(pair: tuple[Model, Model]) -> None:
    a, b = pair
    for alpha, expected in ((0, a), (1, b)):
        for key, tensor in interpolate(a, b, alpha).items():
            np.testing.assert_array_equal(tensor, expected.weights[key])
    for key, tensor in interpolate(a, b, 0.5).items():
        np.testing.assert_allclose(tensor, (a.weights[key] + b.weights[key]) / 2, rtol=1e-6, atol=1e-9)


def test_it_is_not_image_interpolation(pair: tuple[Model, Model], tmp_path: Path, small_photo: np.ndarray) -> None:
    a, b = pair
    write_interpolated(a, b, 0.5, tmp_path / "half.safetensors")
    image = small_photo.astype(np.float32) / 255

    def run(model: Model) -> np.ndarray:
        return Upscaler(model, Settings(precision="fp32")).array(image)

    half = run(read_model(tmp_path / "half.safetensors"))
    assert np.abs(half - (run(a) + run(b)) / 2).max() > 1e-3


def test_the_receipt_names_both(pair: tuple[Model, Model], tmp_path: Path) -> None:
    a, b = pair
    write_interpolated(a, b, 0.25, tmp_path / "new" / "m.safetensors")
    model = read_model(tmp_path / "new" / "m.safetensors")
    assert model.receipt["alpha"] == 0.25 and model.geometry == a.geometry and model.graph.is_file()
    assert model.receipt["a"] == {"name": "a", "sha256": a.sha256, "licence": "L1"}
    assert model.receipt["b"] == {"name": "b", "sha256": b.sha256, "licence": "L2"}


def test_models_stored_as_fp16_stay_exact_at_the_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "HALF_ABOVE", 0)
    a, b = make(tmp_path, "a", 1), make(tmp_path, "b", 2)
    write_interpolated(a, b, 1, tmp_path / "m.safetensors")
    model = read_model(tmp_path / "m.safetensors")
    assert all(np.array_equal(tensor, b.weights[key]) for key, tensor in model.weights.items())


def test_mismatched_networks_are_refused(pair: tuple[Model, Model], tmp_path: Path) -> None:
    a = pair[0]
    others = [
        (make(tmp_path, "c", 3, "msrresnet", channels=8, blocks=2), "blocks is 1 in one and 2 in the other"),
        (make(tmp_path, "d", 4, "compact", channels=8, convolutions=1), "one is a msrresnet, the other a compact"),
    ]
    for other, words in others:
        with pytest.raises(BadModel, match=words):
            interpolate(a, other, 0.5)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="--alpha"):
            interpolate(*pair, alpha)
