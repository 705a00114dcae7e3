"""Checkpoints of other programs: recognised by their tensors in every naming, or refused with one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from acutance.errors import BadModel
from acutance.models.foreign import read_foreign
from acutance.models.span_naming import fold
from acutance.networks import NETWORKS
from acutance.networks.span import MEAN

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


PLKSR = {"scale": 4, "channels": 8, "blocks": 2, "kernel": 5, "large": 4, "attention": True}
AS_THEY_SPELL = [(r"\.channel_mixer\.", ".channe_mixer.")]
CASES += [
    ("plksr", {**PLKSR, "before": 3, "behind": 3}, AS_THEY_SPELL, "params"),
    ("plksr", {**PLKSR, "attention": False, "before": 3, "behind": 1}, AS_THEY_SPELL, None),
    ("real_plksr", {**PLKSR, "pixel_norm": False}, [], "params_ema"),
    ("real_plksr", {**PLKSR, "scale": 2, "pixel_norm": True}, [], "params_ema"),
    ("span", {"scale": 4, "channels": 8, "blocks": 2}, [(r"^upsampler\.", "upsampler.0.")], "params"),
]


def in_the_authors_names(weights: dict) -> dict:
    """Blocks from 1 on, folded, with the mean that our network takes."""
    named = {
        re.sub(r"^blocks\.(\d+)\.c(\d)", lambda found: f"block_{int(found[1]) + 1}.c{found[2]}", key): tensor
        for key, tensor in weights.items()
    }
    return named | {"mean": torch.tensor(MEAN) / 255}


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
    original = NETWORKS[network](**arguments).eval()
    stored = renamed(original.state_dict(), renamings)
    if network == "span":
        stored = in_the_authors_names(stored)
    torch.save({wrapper: stored} if wrapper else stored, tmp_path / "m.pth")
    found = read_foreign(tmp_path / "m.pth")
    assert (found.network, found.arguments) == (network, arguments)
    x = torch.rand(1, 3, 8, 12)
    with torch.inference_mode():
        close = 1e-5 if network == "span" else 0  # whose first bias moves there and back
        torch.testing.assert_close(found.module()(x), original(x), rtol=0, atol=close)


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


class Branched(nn.Module):
    """A convolution as SPAN trains it: 1x1, 3x3, 1x1 on a framed picture, and a 1x1 beside them."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.sk = nn.Conv2d(inside, outside, 1)
        self.conv = nn.Sequential(
            nn.Conv2d(inside, 2 * inside, 1), nn.Conv2d(2 * inside, 2 * outside, 3), nn.Conv2d(2 * outside, outside, 1)
        )
        self.eval_conv = nn.Conv2d(inside, outside, 3, padding=1)  # stale, as in a file of training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (1, 1, 1, 1))) + self.sk(x)


def test_training_branches_fold_to_one_convolution() -> None:
    torch.manual_seed(0)
    branched, x = Branched(3, 8), torch.rand(1, 3, 7, 9)
    weights = {f"a.{key}": tensor.numpy() for key, tensor in branched.state_dict().items()}
    weight, bias = (torch.from_numpy(array) for array in fold(weights, "a"))
    with torch.inference_mode():
        torch.testing.assert_close(F.conv2d(x, weight, bias, padding=1), branched(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("stripped", [False, True])
def test_span_as_it_is_trained_and_as_it_is_served(tmp_path: Path, stripped: bool) -> None:
    """All branches of a whole network; and with only what they fold to."""
    torch.manual_seed(0)
    places = {"conv_1": (3, 8), "conv_2": (8, 8), **{f"block_{b}.c{c}_r": (8, 8) for b in (1, 2) for c in (1, 2, 3)}}
    parts = {name: Branched(*sides) for name, sides in places.items()}
    cat, up = nn.Conv2d(32, 8, 1), nn.Conv2d(8, 48, 3, padding=1)
    stored = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.state_dict().items()}
    if stripped:
        stored = {key: tensor for key, tensor in stored.items() if "eval_conv" in key}
    stored |= {f"conv_cat.{key}": tensor for key, tensor in cat.state_dict().items()}
    stored |= {f"upsampler.0.{key}": tensor for key, tensor in up.state_dict().items()}
    torch.save({"params_ema": {**stored, "mean": torch.tensor(MEAN) / 255}}, tmp_path / "m.pth")
    found = read_foreign(tmp_path / "m.pth")
    assert (found.network, found.arguments) == ("span", {"scale": 4, "channels": 8, "blocks": 2})

    def run(name: str, x: torch.Tensor) -> torch.Tensor:
        return parts[name].eval_conv(x) if stripped else parts[name](x)

    def block(number: int, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first = F.silu(run(f"block_{number}.c1_r", x))
        last = run(f"block_{number}.c3_r", F.silu(run(f"block_{number}.c2_r", first)))
        return (last + x) * (torch.sigmoid(last) - 0.5), first

    x = torch.rand(1, 3, 10, 12)
    with torch.inference_mode():
        first = run("conv_1", (x - torch.tensor(MEAN)[:, None, None] / 255) * 255)
        one, _ = block(1, first)
        two, inside = block(2, one)
        result = F.pixel_shuffle(up(cat(torch.cat([first, run("conv_2", two), one, inside], 1))), 4)
        scale = float(result.abs().max())
        torch.testing.assert_close(found.module()(x), result, rtol=0, atol=1e-5 * scale)


def test_variants_that_are_not_read_are_named(tmp_path: Path) -> None:
    weights = NETWORKS["real_plksr"](channels=8, blocks=1, kernel=5, large=4).state_dict()
    torch.save({**weights, "to_img.init_pos": torch.zeros(3)}, tmp_path / "m.pth")
    with pytest.raises(BadModel, match="DySample"):
        read_foreign(tmp_path / "m.pth")
    sparse = {key.replace(".lk.conv.", ".lk.convs.0."): tensor for key, tensor in weights.items()}
    torch.save(sparse, tmp_path / "m.pth")
    with pytest.raises(BadModel, match="sparse"):
        read_foreign(tmp_path / "m.pth")


def test_the_authors_span_as_it_is_handed_on(shared: Path) -> None:
    found = read_foreign(shared / "weights" / "span_x4_ch48.safetensors")
    assert (found.network, found.arguments) == ("span", {"scale": 4, "channels": 48, "blocks": 6})
