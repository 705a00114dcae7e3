"""Two hundred damaged checkpoints and sixty hostile ones: none is loaded, nothing runs, each is one line."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from acutance.errors import BadModel
from acutance.files.pickles import read_pickle
from acutance.files.tensors import read_tensors
from acutance.files.zips import read_entries
from acutance.models.foreign import read_foreign
from acutance.networks import NETWORKS

SMALL = {"channels": 8, "convolutions": 1}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "m.pth"
    torch.save({"params": NETWORKS["compact"](**SMALL).state_dict()}, path)
    return path.read_bytes()


def refused(path: Path, data: bytes | None = None) -> str:
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadModel) as caught:
        read_foreign(path)
    text = str(caught.value)
    assert path.name in text and "\n" not in text and len(text) < 600
    return text


def test_every_flip_and_cut_is_refused(checkpoint: bytes, tmp_path: Path) -> None:
    """Anywhere: in weights, names, checksums, padding, records."""
    random = np.random.default_rng(5)
    for _ in range(160):
        broken = bytearray(checkpoint)
        broken[random.integers(len(broken))] ^= 1 << int(random.integers(8))
        refused(tmp_path / "m.pth", bytes(broken))
    for length in [0, 1, 30, len(checkpoint) - 1, *random.integers(len(checkpoint), size=40)]:
        refused(tmp_path / "m.pth", checkpoint[:length])
    for more in (b"\0", checkpoint):
        refused(tmp_path / "m.pth", checkpoint + more)
        refused(tmp_path / "m.pth", more + checkpoint)


def test_the_older_form_is_read_and_its_cuts_are_refused(checkpoint: bytes, tmp_path: Path) -> None:
    weights = torch.load(io.BytesIO(checkpoint))
    torch.save(weights, tmp_path / "m.pth", _use_new_zipfile_serialization=False)
    found = read_foreign(tmp_path / "m.pth")
    assert all((found.weights[key] == tensor.numpy()).all() for key, tensor in weights["params"].items())
    data = (tmp_path / "m.pth").read_bytes()
    for length in [1, 40, 200, 600, len(data) - 1]:
        refused(tmp_path / "m.pth", data[:length])
    refused(tmp_path / "m.pth", data + b"\0")


def called(function: Callable[..., Any], *arguments: Any) -> object:
    """What unpickling turns into a call."""

    class Hostile:
        def __reduce__(self) -> tuple:
            return function, arguments

    return Hostile()


def test_nothing_ever_runs(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    command = f"touch {canary}"
    calls = [
        called(os.system, command),
        called(exec, f"open({str(canary)!r}, 'w')"),
        called(eval, f"open({str(canary)!r}, 'w')"),
        called(open, str(canary), "w"),
        called(getattr, "os", "system"),
        called(torch.load, str(canary)),
        called(__import__, "os"),
        called(collections.namedtuple, "a", "b"),
    ]
    for number, hostile in enumerate(calls):
        for protocol in (0, 1, 2, 4, 5):
            path = tmp_path / f"{number}.pth"
            refused(path, pickle.dumps(hostile, protocol))
            for content in ({"params": hostile}, {"params": [1, (hostile,)]}, {"params": {"a": hostile}}):
                torch.save(content, path, pickle_protocol=max(protocol, 1))
                refused(path)
    torch.save(NETWORKS["compact"](**SMALL), tmp_path / "whole.pth")
    assert "acutance.networks.compact" in refused(tmp_path / "whole.pth")
    assert not canary.exists()


RAW = [
    b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.",  # OBJ
    b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.",  # INST
    b"\x80\x02}r\xff\xff\xff\xff.",  # a memo of four thousand million places
    b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.",
    b"\x80\x02\x8b\xff\xff\xff\x7f",
    b"\x80\x02h\x05.",
    b"\x80\x02.",
    b"\x80\x02(((((.",
    b"\x80\x02]" + b"q\x000h\x00]h\x00a" * 40 + b".",
    b"\x80\x02\x82\x01.",
    b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.",
    b"<!DOCTYPE html><html></html>",
    b"\x00" * 100,
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_odd_programs(raw: bytes, tmp_path: Path) -> None:
    refused(tmp_path / "m.pth", raw)
    with zipfile.ZipFile(tmp_path / "m.pth", "w") as archive:
        archive.writestr("m/data.pkl", raw)
    refused(tmp_path / "m.pth")


@pytest.mark.filterwarnings("ignore:TypedStorage")
def test_claims_of_more_than_there_is(tmp_path: Path) -> None:
    for shape, steps in (
        ((1 << 40,), (0,)),
        ((5, 5), (5, 1)),
        ((4,), (-1,)),
        ((1 << 70, 0), (1, 1)),
        ((3,), (1 << 62,)),
    ):
        tensor = called(torch._utils._rebuild_tensor_v2, torch.zeros(4).storage(), 0, shape, steps, False, {})
        torch.save({"params": {"body.0.weight": tensor}}, tmp_path / "m.pth")
        refused(tmp_path / "m.pth")


def test_references_that_multiply(tmp_path: Path) -> None:
    value: Any = torch.zeros(1000)
    for _ in range(15):
        value = [value] * 1000
    torch.save({"a": value}, tmp_path / "m.pth")
    assert isinstance(read_pickle(tmp_path / "m.pth")["a"], list)
    circle: dict = {}
    circle["params"] = circle
    torch.save(circle, tmp_path / "m.pth")
    refused(tmp_path / "m.pth")


def quantised(weights: dict) -> None:
    weights["body.0.weight"] = torch.quantize_per_tensor(weights["body.0.weight"], 0.1, 0, torch.qint8)


def whole_numbers(weights: dict) -> None:
    weights["body.0.weight"] = weights["body.0.weight"].to(torch.int8)


def complex_numbers(weights: dict) -> None:
    weights["body.0.weight"] = weights["body.0.weight"].to(torch.complex64)


def sparse(weights: dict) -> None:
    weights["body.0.bias"] = weights["body.0.bias"].to_sparse()


def one_missing(weights: dict) -> None:
    del weights["body.4.bias"]


def infinite(weights: dict) -> None:
    weights["body.0.bias"][1] = torch.inf


def too_large_for_float32(weights: dict) -> None:
    weights["body.0.bias"] = weights["body.0.bias"].double() + 1e300


CHANGES = [
    (quantised, "quantised"), (whole_numbers, "quantised"), (complex_numbers, "complex"), (sparse, "sparse"),
    (one_missing, "missing"), (infinite, "infinite"), (too_large_for_float32, "infinite"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_odd_checkpoints_are_named(change: Callable[[dict], None], words: str, tmp_path: Path) -> None:
    weights = NETWORKS["compact"](**SMALL).state_dict()
    change(weights)
    torch.save({"params": weights}, tmp_path / "m.pth")
    assert words in refused(tmp_path / "m.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_types_and_wrappings(dtype: torch.dtype, tmp_path: Path) -> None:
    weights = NETWORKS["compact"](**SMALL).state_dict()
    stored = {key: tensor.to(dtype) for key, tensor in weights.items()}
    named = {f"generator.{key}": tensor for key, tensor in stored.items()}
    for wrapped in ({"state_dict": named}, {"net": {"x": stored}, "epoch": 5},
                    {"model": {"params": stored}, "loss": torch.zeros(1)}):  # fmt: skip
        torch.save(wrapped, tmp_path / "m.pth")
        found = read_foreign(tmp_path / "m.pth").weights
        assert all((found[key] == tensor.float().numpy()).all() for key, tensor in stored.items())
    save_file(stored, tmp_path / "m.safetensors")
    found = read_foreign(tmp_path / "m.safetensors").weights
    assert all((found[key] == tensor.float().numpy()).all() for key, tensor in stored.items())
    torch.save({"generator_a": stored, "critic_b": stored}, tmp_path / "m.pth")
    assert "several sets" in refused(tmp_path / "m.pth")


def test_a_view_and_a_transposed_tensor_are_read_as_they_are(tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    torch.save({"a": whole[1:3, 2:5], "b": whole.T, "c": whole[::2], "d": torch.tensor(3.0)}, tmp_path / "m.pth")
    found = read_pickle(tmp_path / "m.pth")
    for key, tensor in torch.load(tmp_path / "m.pth").items():
        assert (found[key] == tensor.numpy()).all() and found[key].shape == tensor.shape


def test_damaged_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file(NETWORKS["compact"](**SMALL).state_dict(), path)
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    assert read_tensors(path)[0]
    for broken in (data[:-1], data + b"\0", data[:100], struct.pack("<Q", 1 << 60) + data[8:],
                   data[:8] + b"{" * length + data[8 + length :], data.replace(b"F32", b"F99", 1)):  # fmt: skip
        refused(path, broken)


def test_a_zip_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    assert "zip" in refused(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"\0" * 10_000_000)
    assert "compressed" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:  # as torch.jit.save does
        archive.writestr("m/data.pkl", pickle.dumps({}, 2))
        archive.writestr("m/code/__torch__.py", b"")
    assert "TorchScript" in refused(path)


def test_a_plain_zip_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"one")
        archive.writestr("b", b"two")
    data = path.read_bytes()
    with path.open("rb") as file:
        assert {k: bytes(v) for k, v in read_entries(file, memoryview(data)).items()} == {"a": b"one", "b": b"two"}
    assert zlib.crc32(b"one") == zipfile.ZipFile(path).getinfo("a").CRC
