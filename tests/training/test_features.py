"""Feature weights: found, missing, wrong."""

from __future__ import annotations

import hashlib
import io
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from loopback import Behaviour, serving

from acutance.errors import BadModel, UsageError
from acutance.files import weights
from acutance.files.download import Terms
from acutance.files.weights import KNOWN
from acutance.networks.vgg import OXFORD, RAW, VGG19
from acutance.training.features import (
    KINDS,
    MINC_VGG16,
    OXFORD_VGG19,
    OXFORD_VGG19_RAW,
    TORCHVISION_VGG19,
    load_features,
)

SHALLOW = "vgg19_conv1_1-conv3_4.pth"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(tmp_path))
    return tmp_path


def test_oxfords_first_layers(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACUTANCE_WEIGHTS", str(shared / "weights"))
    network = load_features(OXFORD_VGG19, "conv3_4")
    assert network.normalisation == OXFORD and network.names[-1] == "conv3_4"
    raw = load_features(OXFORD_VGG19_RAW, "conv3_3", shared / "weights" / SHALLOW)
    assert raw.normalisation == RAW
    x = torch.rand(1, 3, 16, 16)
    fed = x.flip(1) * 255 - torch.tensor((103.939, 116.779, 123.68)).view(1, 3, 1, 1)
    a, b = network(x, ("relu3_3",))["relu3_3"], raw(fed, ("relu3_3",))["relu3_3"]
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-1)


def test_every_file_is_known() -> None:
    assert all(name in KNOWN for kind in KINDS for name, _ in kind.files)


def test_what_is_missing_is_one_line(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"vgg19-dcbb9e9d.*download\.pytorch\.org.*--features.*srgan_vgg34") as error:
        load_features(TORCHVISION_VGG19, "conv5_4")
    assert str(folder) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UsageError, match=r"VGG16minc_53\.pth.*BasicSR") as error:
        load_features(MINC_VGG16, "conv5_3")
    assert "srgan_vgg34" not in str(error.value)


def test_layers_the_file_lacks(shared: Path) -> None:
    with pytest.raises(BadModel, match=r"conv1_1-conv3_4\.pth: no fitting block4_conv1.*srgan_vgg34"):
        load_features(OXFORD_VGG19, "conv5_4", shared / "weights" / SHALLOW)
    with pytest.raises(UsageError, match="holds Oxford's VGG19; this recipe is made for torchvision's"):
        load_features(TORCHVISION_VGG19, "conv3_4", shared / "weights" / SHALLOW)


def test_a_file_under_another_name(folder: Path) -> None:
    """What --features names is known by what is in it."""
    layers = VGG19(last="conv1_2").layers
    stored = {f"block1_conv{i}.{n}": p for i in (1, 2) for n, p in layers[f"conv1_{i}"].named_parameters()}
    torch.save(stored, folder / "mine.pth")
    assert load_features(OXFORD_VGG19, "conv1_2", folder / "mine.pth").names == ("conv1_1", "conv1_2")
    with pytest.raises(UsageError, match="holds Oxford's"):
        load_features(TORCHVISION_VGG19, "conv1_2", folder / "mine.pth")
    torch.save({"something": torch.zeros(3)}, folder / "other.pth")
    with pytest.raises(BadModel, match=r"other\.pth: no fitting block1_conv1"):
        load_features(OXFORD_VGG19, "conv1_2", folder / "other.pth")


def test_damaged_and_unsafe_files(folder: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return Path.touch, (folder / "ran",)

    (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"block1_conv1.weight": torch.zeros(64, 3, 3, 3)}, folder / "whole.pth")
    (folder / "cut.pth").write_bytes((folder / "whole.pth").read_bytes()[:1000])
    (folder / "vgg19-dcbb9e9d.pth").write_bytes((folder / "whole.pth").read_bytes())
    for name in ("evil.pth", "cut.pth", "vgg19-dcbb9e9d.pth", "absent.pth"):
        with pytest.raises(BadModel, match=name.replace(".", r"\.")) as error:
            load_features(TORCHVISION_VGG19, "conv5_4", folder / name)
        assert "\n" not in str(error.value)
    assert not (folder / "ran").exists()


def test_a_file_that_can_be_had_is_fetched_and_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a server on this machine whose line breaks once; a wrong file is not kept."""
    stored = io.BytesIO()
    network = VGG19(last="conv2_2")
    keys = {"conv1_1": 0, "conv1_2": 2, "conv2_1": 5, "conv2_2": 7}
    torch.save({f"features.{keys[k.split('.')[1]]}.{k.split('.')[2]}": v
                for k, v in network.state_dict().items() if k.startswith("layers.")}, stored)  # fmt: skip
    content, events = stored.getvalue(), []
    name, terms = "vgg19-dcbb9e9d.pth", Terms(pause=0.01, on_event=events.append)
    for digest, fits in ((hashlib.sha256(content).hexdigest()[:8], True), ("dcbb9e9d", False)):
        with serving(Behaviour(content, drops=[5000])) as url:
            row = replace(KNOWN[name], published=url, size=len(content), sha256=digest)
            monkeypatch.setattr(weights, "KNOWN", {**KNOWN, name: row})
            if fits:
                loaded = load_features(TORCHVISION_VGG19, "conv2_2", terms=terms)
                assert torch.equal(loaded.layers["conv2_2"].weight, network.layers["conv2_2"].weight)
                assert any(e["event"] == "note" and "fetching" in e["text"] for e in events)
                (folder / name).unlink()
            else:
                with pytest.raises(BadModel, match="expected dcbb9e9d; not kept"):
                    load_features(TORCHVISION_VGG19, "conv2_2", terms=terms)
                assert not list(folder.iterdir())
