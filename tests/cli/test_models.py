"""``acutance models`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from acutance.cli import app
from acutance.errors import AcutanceError
from acutance.models import store
from acutance.networks import NETWORKS


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A models folder of one's own."""
    return {"ACUTANCE_MODELS": str(tmp_path / "mine")}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    weights = NETWORKS["rrdb"](channels=8, blocks=1, growth=4).state_dict()
    torch.save({"params_ema": weights}, tmp_path / "tiny net.pth")
    return tmp_path / "tiny net.pth"


def test_import_show_mix_export_upscale(acutance, home, checkpoint: Path, tmp_path: Path, small_photo) -> None:
    pyvips.Image.new_from_array(small_photo).write_to_file(str(tmp_path / "a.png"))
    done = acutance("models", "import", checkpoint, "--licence", "MIT", **home)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert "--model tiny-net" in done.stderr
    assert sorted(p.suffix for p in (tmp_path / "mine").iterdir()) == [".graph", ".safetensors"]
    listed = acutance("models", "--json", **home).stdout.splitlines()
    assert acutance("models", "list", "--json", **home).stdout.splitlines() == listed
    names = {json.loads(line)["name"] for line in listed}
    built_in = {
        "esrgan", "face_srgan", "fidelity", "fidelity_compact", "fidelity_x2", "fidelity_x2_fast", "restore",
        "restore_x2", "srgan", "srresnet", "texture", "unet_srgan", "vangogh",
    }  # fmt: skip
    assert names == {*built_in, "tiny-net"}

    shown = acutance("models", "show", "tiny-net", **home).stdout
    for words in ("rrdb", "scale 4", "looks 19 pixels around", "tiny net.pth", "MIT"):
        assert words in shown
    facts = json.loads(acutance("models", "show", "tiny-net", "--json", **home).stdout)
    assert facts["parameters"] == sum(p.numel() for p in NETWORKS["rrdb"](channels=8, blocks=1, growth=4).parameters())

    mixed = acutance(
        "models", "interpolate", "tiny-net", "tiny-net", "--alpha", "0.3", "-o", "x/m.safetensors", "--json", **home
    )
    assert json.loads(mixed.stdout)["scale"] == 4, mixed.stderr
    copied = acutance("models", "export", "x/m.safetensors", "-o", "out", **home)
    assert copied.returncode == 0 and len(list((tmp_path / "out").iterdir())) == 2, copied.stderr
    done = acutance("upscale", "a.png", "--model", "out", "-o", "b.png", "--back-project", "2", **home)
    assert done.returncode == 0, done.stderr
    assert np.shape(pyvips.Image.new_from_file(str(tmp_path / "b.png")).numpy()) == (244, 332, 3)


MISTAKES = [
    (["import", "none.pth"], 2, "no such file"),
    (["import", "bad.pth"], 4, "damaged"),
    (["import", "tiny net.pth", "--name", "fine"], 2, "--overwrite"),
    (["import", "tiny net.pth", "--name", "a/b"], 2, "not a path"),
    (["import", "tiny net.pth", "-o", "x.pth"], 2, ".safetensors"),
    (["import", "tiny net.pth", "-o", "x.safetensors", "--name", "x"], 2, "one of --name and -o"),
    (["show", "fidelty"], 2, "did you mean fidelity"),
    (["interpolate", "fine", "fidelity", "--alpha", "0.5", "-o", "x.safetensors"], 4, "one is a rrdb"),
    (["interpolate", "fine", "fine", "--alpha", "3", "-o", "x.safetensors"], 2, "--alpha 3"),
    (["export", "fine", "-o", "x.txt"], 2, "neither"),
    (["export", "fine", "-o", "mine"], 2, "the model itself"),
]


def test_mistakes_are_one_line(home, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACUTANCE_MODELS", home["ACUTANCE_MODELS"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.pth").write_bytes(b"no pickle")
    assert checkpoint.is_file()
    app(["models", "import", "tiny net.pth", "--name", "fine"], standalone_mode=False)
    for arguments, code, words in MISTAKES:
        with pytest.raises(AcutanceError) as caught:
            app(["models", *arguments], standalone_mode=False)
        text = str(caught.value)
        assert caught.value.exit_code == code and words in text and "\n" not in text, (arguments, text)
    assert not (tmp_path / "x.safetensors").exists()


def test_import_can_keep_colours(acutance, home, checkpoint: Path, small_photo) -> None:
    """A checkpoint that reddens, with and without."""
    weights = torch.load(checkpoint)["params_ema"]
    weights["conv_last.weight"] *= 0.1
    weights["conv_last.bias"] += torch.tensor([0.55, 0.5, 0.5])
    torch.save(weights, checkpoint)
    grey = (small_photo // 8 + 112).astype(np.uint8)
    pyvips.Image.new_from_array(grey).write_to_file(str(checkpoint.parent / "a.png"))
    drift = {}
    for name, more in (("plain", ()), ("kept", ("--keep-colours",))):
        assert acutance("models", "import", checkpoint, "--name", name, *more, **home).returncode == 0
        assert ("keeps mean colours" in acutance("models", "show", name, **home).stdout) == (name == "kept")
        done = acutance("upscale", "a.png", "--model", name, "-o", f"{name}.png", **home)
        assert done.returncode == 0, done.stderr
        result = pyvips.Image.new_from_file(str(checkpoint.parent / f"{name}.png")).numpy()
        drift[name] = abs(result.mean((0, 1)) - grey.mean((0, 1))).max()
    assert drift["plain"] > 5 and drift["kept"] < 0.5, drift


def test_a_checkpoint_named_as_model_points_to_import(acutance, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    done = acutance("upscale", "a.png", "--model", checkpoint)
    assert done.returncode == 4 and "acutance models import" in done.stderr


def test_a_model_card_is_shown_without_pictures(acutance) -> None:
    done = acutance("models", "show", "texture")
    assert done.returncode == 0, done.stderr
    assert "# texture" in done.stdout and "Not for" in done.stdout and "| Set14, texture |" in done.stdout
    assert "<!--" not in done.stdout and "![" not in done.stdout


def test_a_users_model_of_a_builtin_name_gets_no_card_of_ours(acutance, tmp_path: Path) -> None:
    store.copy_files(store.load("restore"), tmp_path / "restore.safetensors")
    ours, mine = acutance("models", "show", "restore"), acutance("models", "show", "restore.safetensors")
    card = store.card(store.load("restore"))
    assert card and card.strip() in ours.stdout and card.splitlines()[0] not in mine.stdout
