"""Networks of another library become graphs for one tile size, or are refused for what they are.

A stand-in for the library ``spandrel`` builds them, so that it need not be installed.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance import Upscaler
from acutance.engines import open_engine
from acutance.engines.agreement import photograph_like
from acutance.errors import BadModel
from acutance.models.model import read_model
from acutance.training import importing, spandrel
from acutance.training.importing import Wish, import_checkpoint
from acutance.training.spandrel import TILE, _without_torchvision

SHIFT = 5  # pixels


class Strange(nn.Module):
    """A network of nobody's: windows laid by the size of the picture, a table looked up, x2."""

    def __init__(self, everywhere: bool = False) -> None:
        super().__init__()
        self.everywhere = everywhere
        self.strange_first = nn.Conv2d(3, 8, 3, padding=1)
        self.strange_table = nn.Parameter(torch.randn(4, 8))
        self.strange_last = nn.Conv2d(8, 12, 3, padding=1)
        self.never_used = nn.Linear(2, 2)
        self.register_buffer("strange_index", torch.tensor([2, 0, 1, 3]))

    def forward(self, x: Tensor) -> Tensor:
        features = self.strange_first(x)
        if self.everywhere:
            features = features * features.mean((2, 3), keepdim=True)
        windows = torch.roll(features, SHIFT, 3).view(1, 8, x.shape[2] // 4, 4, x.shape[3])
        row = self.strange_table[self.strange_index].T.reshape(1, 8, 1, 4, 1)
        features = torch.roll((windows * row).reshape(features.shape), -SHIFT, 3)
        return F.pixel_shuffle(0.2 * self.strange_last(features), 2) + F.interpolate(x, scale_factor=2)


@dataclass
class Descriptor:
    model: nn.Module
    architecture: types.SimpleNamespace
    scale: int = 2
    input_channels: int = 3
    output_channels: int = 3


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """Knows ``Strange`` alone."""

    class Loader:
        def load_from_state_dict(self, weights: dict[str, Tensor]) -> Descriptor:
            assert "torchvision" not in sys.modules or sys.modules["torchvision"].__spec__ is not None
            model = Strange(everywhere="everywhere" in weights)
            model.load_state_dict({key: tensor for key, tensor in weights.items() if key != "everywhere"})
            bands = 1 if "grey" in weights else 3
            return Descriptor(model, types.SimpleNamespace(id="Strange-1"), input_channels=bands)

    module = types.ModuleType("spandrel")
    module.ModelLoader, module.ImageModelDescriptor = Loader, Descriptor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spandrel", module)
    find = importing.importlib.util.find_spec
    monkeypatch.setattr(importing.importlib.util, "find_spec", lambda name: name == "spandrel" or find(name))
    yield module


def stored(tmp_path: Path, network: nn.Module, **more: Tensor) -> Path:
    torch.save({"params": network.state_dict() | more}, tmp_path / "m.pth")
    return tmp_path / "m.pth"


def test_a_network_becomes_tiles(tmp_path: Path, photo: np.ndarray) -> None:
    torch.manual_seed(0)
    network = Strange()
    notes = import_checkpoint(stored(tmp_path, network), tmp_path / "m.safetensors", Wish())
    assert any("spandrel" in note for note in notes)
    model = read_model(tmp_path / "m.safetensors")
    assert (model.network, model.geometry.scale, model.geometry.tile) == ("spandrel_Strange1", 2, TILE)
    assert model.geometry.halo == 2 and not any("never_used" in key for key in model.weights)
    tile = photograph_like(TILE)
    made = next(iter(open_engine(model, (TILE, TILE), "cpu", "fp32", deep=False).stream([tile]))).astype(float)

    def whole(picture: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            result = network(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255)
        return result[0].permute(1, 2, 0).numpy().clip(0, 1) * 255

    assert abs(made - whole(tile)).max() <= 0.51
    photo = photo.copy()
    photo[::7, ::7, 0] ^= 1  # colour everywhere: where there is none, engines take away what the network draws
    picture = np.ascontiguousarray(photo[:320, :264])  # several tiles, laid where they need not begin at a window
    large = Upscaler(str(model.path), precision="fp32")(picture).astype(float)
    inside = slice(0, 2 * (264 - 4))  # it is padded to the right
    assert large.shape == (640, 528, 3) and abs(large - whole(picture))[:, inside].max() <= 0.51


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"everywhere": torch.zeros(1)}, "whole picture"),
        ({"grey": torch.zeros(1)}, "RGB"),
        ({"strange_table": torch.zeros(5, 8)}, "does not fit"),
    ],
)
def test_what_cannot_be_is_refused(more: dict[str, Tensor], words: str, tmp_path: Path, monkeypatch) -> None:
    file = stored(tmp_path, Strange(), **more)
    if "grey" in more:
        monkeypatch.setattr(nn.Module, "load_state_dict", lambda self, weights, **how: None)
    with pytest.raises(BadModel, match=words) as caught:
        import_checkpoint(file, tmp_path / "m.safetensors", Wish())
    assert "m.pth" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "m.safetensors").exists()


def test_without_the_library_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadModel, match=r"no network known here.*spandrel"):
        import_checkpoint(stored(tmp_path, Strange()), tmp_path / "m.safetensors", Wish())


def test_the_stand_in_for_torchvision_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spandrel.importlib.util, "find_spec", lambda name: None)
    before = {name for name in sys.modules if name.startswith("torchvision")}
    with _without_torchvision():
        from torchvision.transforms.functional import rotate  # type: ignore[import-not-found]

        assert rotate is None
    assert {name for name in sys.modules if name.startswith("torchvision")} == before
