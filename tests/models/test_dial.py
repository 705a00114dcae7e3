"""The dial between faithful and textured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import acutance
from acutance.errors import UsageError
from acutance.models import dial, store


def test_its_ends_are_the_models_and_every_place_is_another_plan() -> None:
    ends = dial.load("fidelity", 0), dial.load("fidelity", 1)
    for end, name in zip(ends, ("fidelity", "texture"), strict=True):
        model = store.load(name)
        assert end.weights.keys() == model.weights.keys()
        assert all(np.array_equal(end.weights[key], tensor) for key, tensor in model.weights.items())
    assert len({dial.load("fidelity", t).sha256 for t in (0, 0.25, 0.5, 1)}) == 4


def test_a_mixture_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And found again; no more than a few of them, each its own."""
    first = dial.load("fidelity", 0.375)
    monkeypatch.setattr(dial, "interpolate", lambda *_: pytest.fail("mixed again"))
    assert dial.load("fidelity", 0.375).weights is first.weights
    monkeypatch.undo()
    for step in range(2 * dial.MIXTURES):
        dial.load("fidelity", (step + 1) / 64)
    assert len(dial._mixed) <= dial.MIXTURES
    again = dial.load("fidelity", 0.375).weights
    assert all((again[key] == tensor).all() for key, tensor in first.weights.items())


def test_up_to_twice_the_size_a_sibling_does_the_work() -> None:
    """Unless texture is asked for, which it does not have, or another model."""
    assert dial.load("fidelity", scale=2).name == dial.load("fidelity", scale=1.5).name == "fidelity_x2"
    assert dial.load("fidelity", scale=2, film=True).name == "fidelity_x2_fast"
    assert dial.load("fidelity", scale=2.01).name == dial.load("fidelity").name == "fidelity"
    assert dial.load("fidelity", 0.5, 2).name == "fidelity_compact with 0.5 texture"
    assert dial.load("texture", scale=2).name == "texture"
    assert dial.load("restore", scale=1).name == "restore_x2" and dial.load("restore", scale=3).name == "restore"


def test_a_users_own_model_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = store.copy_files(store.load("fidelity"), tmp_path / "fidelity.safetensors").with_name("fidelity.safetensors")
    monkeypatch.setenv("ACUTANCE_MODELS", str(tmp_path))
    assert dial.load("fidelity", scale=2).path == own


def test_more_of_it_is_more_texture(photo: np.ndarray) -> None:
    from acutance.imaging.bicubic import downscale

    def busy(picture: np.ndarray) -> float:
        return float(np.abs(np.diff(picture.astype(int), axis=0)).mean())

    small = downscale(photo, 4)
    values = [busy(acutance.Upscaler(texture=t, precision="fp32")(small)) for t in (0.0, 0.5, 1.0)]
    assert values[0] < values[1] < values[2]


@pytest.mark.parametrize(("name", "texture", "message"), [
    ("fidelity", 1.5, "expected a number from 0"), ("fidelity", -0.1, "expected a number from 0"),
    ("fidelity", float("nan"), "expected a number from 0"), ("texture", 0.5, "has no textured partner"),
])  # fmt: skip
def test_what_it_cannot_do_is_said(name: str, texture: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dial.load(name, texture)
