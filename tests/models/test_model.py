"""Model files: sound ones load, every kind of damage is refused with one line."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from acutance.engines.cpu import CpuEngine
from acutance.errors import BadModel, UsageError
from acutance.models import store
from acutance.models.graph import build_graph, read_graph
from acutance.models.model import Model, read_model, write_model


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the built-in model with its graph."""
    model = store.load()
    shutil.copy(model.graph, tmp_path)
    return Path(shutil.copy(model.path, tmp_path / "m.safetensors"))


def refused(path: Path, words: str) -> None:
    with pytest.raises(BadModel, match=words) as caught:
        model = read_model(path)
        CpuEngine(model, (32, 32), "fp32", deep=False)
    assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value)


def test_the_built_in_model_carries_its_receipt() -> None:
    """What was imported says from where; what was trained here, how."""
    imported, trained = store.load(), store.load("texture")
    assert imported.parameters <= 1_300_000 and imported.geometry.scale == 4
    assert {"source", "source_sha256", "licence", "trained_on", "measured"} <= imported.receipt.keys()
    assert {"recipe", "data", "steps", "seed", "versions", "commit", "measured"} <= trained.receipt.keys()
    assert trained.receipt["steps"] >= 1000


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.5, 0.999])
def test_cut_short(copy: Path, share: float) -> None:
    data = copy.read_bytes()
    copy.write_bytes(data[: int(len(data) * share)])
    refused(copy, "cut short|not a model|no acutance facts")


def test_a_pickle_never_runs(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "canary"), "w"))

    for name in ("m.pth", "m.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Evil()))
        with pytest.raises(BadModel, match="can run code"):
            read_model(store.find(str(tmp_path / name)))
    assert not (tmp_path / "canary").exists()


def test_nan_weights(copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    data[-4:] = struct.pack("<f", float("nan"))
    copy.write_bytes(data)
    refused(copy, "NaN or infinite")


def test_one_flipped_bit_is_noticed(copy: Path) -> None:
    data = copy.read_bytes()
    for position in np.random.default_rng(0).integers(len(data) // 2, len(data), 20):
        broken = bytearray(data)
        broken[position] ^= 1
        copy.write_bytes(broken)
        refused(copy, "SHA-256|NaN")


def test_facts_are_part_of_the_hash(copy: Path) -> None:
    """Of files as they are written now; earlier ones, without that hash, still open."""
    old = read_model(copy)
    rewrite(copy, old, {"int8": {"ranges": [[0.25, 0.5]]}, "receipt": {"licence": "CC BY-NC 4.0"}})
    data = copy.read_bytes()
    assert read_model(copy).receipt == {"licence": "CC BY-NC 4.0"}
    header = 8 + struct.unpack("<Q", data[:8])[0]
    for position in np.random.default_rng(1).choice(header, min(header, 400), replace=False):
        broken = bytearray(data)
        broken[position] ^= 1 << int(position) % 8
        copy.write_bytes(broken)
        with pytest.raises(BadModel):
            read_model(copy)
    for name in (b"CC BY-NC", b"0.25"):  # plausible, but not what was written
        copy.write_bytes(data.replace(name, name[:-1] + b"0" if name[-1:] != b"0" else name))
        refused(copy, "do not match their SHA-256")


def test_tensors_fill_the_file(copy: Path) -> None:
    data = copy.read_bytes()
    copy.write_bytes(data + b"\0" * 8)
    refused(copy, "overlap or leave gaps")


IMPOSSIBLE = [{"scale": 2}, {"scale": 8}, {"scale": 0}, {"scale": "4"}, {"halo": -1}, {"halo": 1e9}, {"multiple": 0}]
IMPOSSIBLE += [{"tile": 5}, {"overlap": 10**6}, {"unknown": 1}]


@pytest.mark.parametrize("change", IMPOSSIBLE)
def test_impossible_geometry(copy: Path, change: dict) -> None:
    rewrite(copy, read_model(copy), {"geometry": {"scale": 4, "halo": 18, **change}})
    refused(copy, "facts lack|says it enlarges")


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"tensors": 5}', '{"format": 9}'])
def test_a_graph_that_is_none(copy: Path, text: str) -> None:
    model = read_model(copy)
    model.graph.write_text(text)
    digest = __import__("hashlib").sha256(text.encode()).hexdigest()
    rewrite(copy, model, {"graph": {"file": model.graph.name, "sha256": digest}})
    refused(copy, "no graph that this version reads")


def test_a_graph_that_is_missing_altered_or_foreign(copy: Path) -> None:
    graph = read_model(copy).graph
    text = graph.read_text()
    graph.write_text(text.replace("Convolution", "Convolutio", 1))
    refused(copy, "is not the graph")
    graph.unlink()
    refused(copy, "missing")


def test_weights_that_do_not_fit_the_graph(copy: Path) -> None:
    model = read_model(copy)
    graph = json.loads(model.graph.read_text())
    graph["tensors"][0]["shape"] = [1, 2, 3]
    data = json.dumps(graph, sort_keys=True).encode()
    model.graph.write_bytes(data)
    rewrite(
        copy,
        model,
        {"graph": {"file": model.graph.name, "sha256": __import__("hashlib").sha256(data).hexdigest()}},
    )
    refused(copy, "do not fit")


def rewrite(path: Path, model: Model, changes: dict) -> None:
    facts = {
        "name": "m", "network": model.network, "arguments": model.arguments,
        "geometry": {"scale": 4, "halo": 18}, "receipt": {},
        "graph": {"file": model.graph.name, "sha256": model.graph_sha256}, **changes,
    }  # fmt: skip
    write_model(path, model.weights, facts)


@pytest.mark.parametrize("name", ["../x.graph", "/etc/passwd", "a/b.graph", "..", "a\0b.graph"])
def test_a_model_never_names_files_elsewhere(copy: Path, name: str) -> None:
    rewrite(copy, read_model(copy), {"graph": {"file": name, "sha256": ""}})
    refused(copy, "outside its own folder")


@pytest.mark.parametrize(
    "facts", [{"geometry": 5}, {"geometry": {"scale": "x", "wrong": 1}}, {"graph": None}, {"graph": {}}, {"receipt": 0}]
)
def test_facts_of_the_wrong_kind(copy: Path, facts: dict) -> None:
    model = read_model(copy)
    if facts == {"receipt": 0}:
        rewrite(copy, model, {"format": 9})
        refused(copy, "format unknown")
    else:
        rewrite(copy, model, facts)
        refused(copy, "its facts lack|facts")


def test_tensors_that_share_bytes_do_not_fill_the_memory(copy: Path) -> None:
    data = copy.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    one = header["conv_2.weight"]
    header |= {f"more{number}": one for number in range(300)}
    text = json.dumps(header).encode()
    copy.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    refused(copy, "claim more than it holds")


def test_header_garbage(copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    for position in (9, 40, 300):
        broken = bytearray(data)
        broken[position : position + 4] = b"\xff}]{"
        copy.write_bytes(broken)
        refused(copy, "damaged|no acutance facts|cut short|do not fit")


def test_write_then_read_gives_the_same(tmp_path: Path, copy: Path) -> None:
    model = read_model(copy)
    rewrite(tmp_path / "n.safetensors", model, {})
    again = read_model(tmp_path / "n.safetensors")
    assert again.weights.keys() == model.weights.keys()
    for name, tensor in model.weights.items():
        np.testing.assert_array_equal(again.weights[name], tensor)
    with pytest.raises(BadModel, match="NaN"):
        write_model(tmp_path / "o.safetensors", {"a": np.array([np.nan], np.float32)}, {})
    assert not (tmp_path / "o.safetensors").exists()


def test_the_graph_holds_no_weights() -> None:
    model = store.load()
    assert model.graph.stat().st_size < 200_000 < model.path.stat().st_size
    ir, buffer = read_graph(model)
    assert buffer.nbytes < model.parameters * 4 + 4096 and b"<net" in ir


def test_a_folded_weight_is_noticed() -> None:
    with pytest.raises(BadModel, match="nothing may be folded"):
        build_graph('<data offset="0" size="4"/>', b"abcd", {"w": np.ones(3, np.float32)})


def test_names_paths_and_near_misses(tmp_path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.find("fidelity").name == "fidelity.safetensors"
    assert store.find(str(copy)) == copy and store.find(str(tmp_path)) == copy
    with pytest.raises(UsageError, match="did you mean fidelity"):
        store.find("fidelty")
    monkeypatch.setenv("ACUTANCE_MODELS", str(tmp_path))
    assert store.find("m") == copy
