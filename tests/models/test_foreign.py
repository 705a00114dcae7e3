"""Checkpoints of other programs: recognised by their tensors in every naming, or refused with one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadModel
from acutance.models.foreign import read_foreign
from acutance.networks import NETWORKS

OLD_RRDB = [  # the naming of 2018
    (r"^conv_first\.", "model.0."),
    (r"^body\.(\d+)\.rdb(\d)\.conv(\d)\.", r"model.1.sub.\1.RDB\2.conv\3.0."),
    (r"^conv_body\.", "model.1.sub.2."),
    (r"^conv_up1\.", "model.3."),
    (r"^conv_up2\.", "model.6."),
    (r"^conv_hr\.", "model.8."),
    (r"^conv_last\.", "model.10."),
]
MIDDLE_RRDB = [  # of the ESRGAN repository since 2019
    (r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2."),
    (r"^conv_body\.", "trunk_conv."),
    (r"^conv_up(\d)\.", r"upconv\1."),
    (r"^conv_hr\.", "HRconv."),
]
OLD_MSRRESNET = [
    (r"^conv_first\.", "model.0."),
    (r"^body\.(\d+)\.conv1\.", r"model.1.sub.\1.res.0."),
    (r"^body\.(\d+)\.conv2\.", r"model.1.sub.\1.res.2."),
    (r"^conv_body\.", "model.1.sub.2."),
    (r"^upconv1\.", "model.2."),
    (r"^upconv2\.", "model.5."),
    (r"^conv_hr\.", "model.8."),
    (r"^conv_last\.", "model.10."),
]
RRDB = {"scale": 4, "channels": 12, "blocks": 2, "growth": 5}
CASES = [
    ("rrdb", RRDB, [], "params_ema"),
    ("rrdb", RRDB, OLD_RRDB, None),
    ("rrdb", RRDB, MIDDLE_RRDB, None),
    ("rrdb", {**RRDB, "scale": 2}, [], "params"),
    ("rrdb", {**RRDB, "scale": 1}, [], "params"),
    ("rrdb", {**RRDB, "scale": 3}, [], "params"),
    ("compact", {"scale": 4, "channels": 8, "convolutions": 3}, [], "params"),
    ("compact", {"scale": 2, "channels": 8, "convolutions": 1}, [], "params"),
    ("msrresnet", {"scale": 4, "channels": 8, "blocks": 2, "long_skip": False}, [], "params"),
    ("msrresnet", {"scale": 3, "channels": 8, "blocks": 2, "long_skip": False}, [], "params"),
    ("msrresnet", {"scale": 4, "channels": 8, "blocks": 2, "long_skip": True}, OLD_MSRRESNET, None),
]


def renamed(weights: dict, renamings: list) -> dict:
    result = {}
    for key, tensor in weights.items():
        for old, new in renamings:
            key = re.sub(old, new, key)
        result[key] = tensor
    return result


@pytest.mark.parametrize(("network", "arguments", "renamings", "wrapper"), CASES)
def test_every_naming_is_recognised(tmp_path: Path, network: str, arguments: dict, renamings, wrapper) -> None:
    torch.manual_seed(0)
    original = NETWORKS[network](**arguments)
    stored = renamed(original.state_dict(), renamings)
    torch.save({wrapper: stored} if wrapper else stored, tmp_path / "m.pth")
    found = read_foreign(tmp_path / "m.pth")
    assert (found.network, found.arguments) == (network, arguments)
    x = torch.rand(1, 3, 8, 12)
    with torch.inference_mode():
        torch.testing.assert_close(found.module()(x), original(x), rtol=0, atol=0)


def test_fp16_and_data_parallel(tmp_path: Path) -> None:
    weights = NETWORKS["compact"](channels=8, convolutions=1).state_dict()
    torch.save({"params": {f"module.{k}": t.half() for k, t in weights.items()}}, tmp_path / "m.pth")
    found = read_foreign(tmp_path / "m.pth")
    assert all(t.dtype == np.float32 for t in found.weights.values())


def other_width(weights: dict) -> None:
    weights["body.1.rdb2.conv3.weight"] = torch.zeros(5, 9, 3, 3)


def one_missing(weights: dict) -> None:
    del weights["conv_hr.bias"]


def one_too_many(weights: dict) -> None:
    weights["attention.weight"] = torch.zeros(3)


def not_a_number(weights: dict) -> None:
    weights["conv_hr.bias"][0] = torch.nan


def no_head(weights: dict) -> None:
    del weights["conv_first.weight"]


def grey(weights: dict) -> None:
    weights["conv_last.weight"] = weights["conv_last.weight"][:1]


def giant(weights: dict) -> None:
    weights["body.99999999.rdb1.conv1.weight"] = torch.zeros(1)


CHANGES = [
    (other_width, "body.1.rdb2.conv3.weight has the shape"),
    (one_missing, "conv_hr.bias is missing"),
    (one_too_many, "attention.weight is one too many"),
    (not_a_number, "NaN"),
    (no_head, "no network known here"),
    (grey, "conv_last.weight has the shape"),
    (giant, "out of all bounds"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_what_does_not_fit_is_refused(tmp_path: Path, change, words: str) -> None:
    weights = NETWORKS["rrdb"](**RRDB).state_dict()
    change(weights)
    torch.save({"params": weights}, tmp_path / "m.pth")
    with pytest.raises(BadModel, match=words) as caught:
        read_foreign(tmp_path / "m.pth")
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


STRANGE = [
    {},
    {"epoch": 3},
    {"body.x.weight": torch.zeros(1)},
    {"body.0.weight": torch.zeros(1)},
    {"body.0.weight": torch.zeros(4, 3, 3, 3), "body.1.weight": torch.zeros(())},
]


@pytest.mark.parametrize("content", STRANGE)
def test_other_content_is_refused(tmp_path: Path, content: dict) -> None:
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(BadModel, match="import reads"):
        read_foreign(tmp_path / "m.pth")


@pytest.mark.parametrize(
    ("file", "network", "arguments"),
    [
        ("realesr-general-x4v3.pth", "compact", {"scale": 4, "channels": 64, "convolutions": 32}),
        ("RealESRGAN_x4plus_fp16.pth", "rrdb", {"scale": 4, "channels": 64, "blocks": 23, "growth": 32}),
    ],
)
def test_real_checkpoints(shared: Path, file: str, network: str, arguments: dict) -> None:
    found = read_foreign(shared / "weights" / file)
    assert (found.network, found.arguments) == (network, arguments)
