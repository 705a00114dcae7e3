"""Painting pictures: any size, depth and opacity, strength, shrink, seams (specification check E4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from acutance.errors import UsageError
from acutance.files.pixels import read_rgb8, write_png
from acutance.imaging.ground import on_ground
from acutance.imaging.seams import seam_ratio
from acutance.imaging.tiling import plan_grid
from acutance.models.model import Model, read_model
from acutance.networks.stylizer import Painter, TileUNet
from acutance.pipelines.settings import Settings
from acutance.pipelines.strips import Layout
from acutance.pipelines.stylize import Painted
from acutance.pipelines.upscale import Upscaler
from acutance.training.export import export_model
from acutance.training.style_validation import laid


class Identity:
    """An engine that gives back what it gets, and counts."""

    name, precision = "test", "fp32"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for tile in tiles:
            self.shapes.append(tile.shape)
            yield np.array(tile)


def painted(picture: np.ndarray, engine, side: int, strength: float = 1.0, **grid) -> tuple[np.ndarray, Painted]:
    """``picture`` through ``engine`` in tiles of ``side``."""
    layout = Layout(picture.shape[2], picture.dtype, 255.0 if picture.dtype == np.uint8 else 65535.0)
    plan = plan_grid(*picture.shape[:2], tile=side, fixed=side, **{"halo": 0, **grid})
    strips = Painted(lambda a, b: picture[a:b], layout, plan, engine, strength, {})
    return np.concatenate(list(strips)), strips


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (100, 203), (40, 30), (1, 1)])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_identity_gives_the_picture_back_at_any_size(size: tuple[int, int], bands: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, bands)).astype(np.uint8)
    engine = Identity()
    result, _ = painted(picture, engine, 32)
    assert (result == picture).all() and set(engine.shapes) == {(32, 32, 3)}
    mixed, _ = painted(picture, engine, 32, 0.4)
    assert (mixed == picture).all()


def test_seams_of_the_result_are_those_of_the_whole() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (128, 96, 3)).astype(np.uint8)
    picture[32:64, 32:64] //= 3
    result, strips = painted(picture, Identity(), 32)
    assert strips.seams.ratio == pytest.approx(seam_ratio(result, 32), rel=1e-9)
    assert seam_ratio(result, 32) == seam_ratio(picture, 32) > 1.01


class Inverted(Identity):
    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return ((255 - t if t.dtype == np.uint8 else 1 - t) for t in tiles)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_strength_mixes_and_opacity_stays(dtype: type) -> None:
    peak = np.iinfo(dtype).max
    picture = np.random.default_rng(2).integers(0, peak + 1, (70, 50, 4)).astype(dtype)
    for strength in (0.0, 0.25, 1.0):
        result, _ = painted(picture, Inverted(), 32, strength)
        assert result.dtype == dtype and (result[:, :, 3] == picture[:, :, 3]).all()
        wanted = picture[:, :, :3] + strength * (float(peak) - 2.0 * picture[:, :, :3])
        assert abs(result[:, :, :3] - wanted).max() <= 1


def network(kind: str) -> nn.Module:
    """Small and random, but not wild."""
    torch.manual_seed(0)
    made = TileUNet(tile=32, width=4) if kind == "tile_unet" else Painter(channels=8, blocks=1, halo=64)
    made.train()
    for _ in range(20):  # batch norm's statistics
        made(torch.rand(8, 3, 32, 32) * 2 - 1)
    return made.eval()


ARGUMENTS = {"tile_unet": {"tile": 32, "width": 4}, "painter": {"channels": 8, "blocks": 1, "halo": 64}}


@pytest.fixture(scope="module", params=ARGUMENTS)
def model(request, tmp_path_factory) -> Model:
    """A model file of each stylizer."""
    folder = tmp_path_factory.mktemp("model")
    return read_model(export_model(folder, "m", request.param, ARGUMENTS[request.param], network(request.param), {}))


STYLE = Settings(verb="stylize", precision="fp32")


def test_facts_of_the_file(model: Model) -> None:
    fixed = model.network == "tile_unet"
    assert model.verb == "stylize" and model.geometry.scale == 1
    assert (model.geometry.tile, model.geometry.halo, model.geometry.ground) == (
        (32, 0, 0) if fixed else (None, 64, 16)
    )


def test_both_engines_paint_what_torch_paints(model: Model, photo: np.ndarray) -> None:
    picture = photo[100:170, 150:245]
    result = Upscaler(model, STYLE).array(picture)
    other = Upscaler(model, Settings(verb="stylize", precision="fp32", engine="torch")).array(picture)
    assert result.shape == picture.shape and abs(result.astype(int) - other).max() <= 1
    module = network(model.network)
    if model.network == "tile_unet":
        assert abs(laid(module, picture).astype(int) - result).max() <= 1
        assert laid(module, picture, drop=True).shape == (64, 64, 3)
    else:
        x = torch.from_numpy(on_ground(np.pad(picture, ((0, 2), (0, 1), (0, 0)), "edge"), 0, 0, 16, 255))
        with torch.no_grad():
            whole = module(x.permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1) * 255
        assert abs(whole.round().permute(1, 2, 0).numpy()[:70, :95] - result).max() <= 1


def test_depths_and_bands(model: Model, photo: np.ndarray) -> None:
    upscaler, piece = Upscaler(model, STYLE), photo[:50, :66]
    eight = upscaler.array(piece)
    sixteen = upscaler.array(piece.astype(np.uint16) * 257)
    assert abs(sixteen / 257 - eight).max() <= 3  # of 8 bits, the grain too is rounded
    grey = upscaler.array(piece[:, :, 0])
    assert grey.shape == (50, 66) and grey.dtype == np.uint8
    alpha = np.dstack([piece, np.arange(50 * 66).reshape(50, 66) % 251]).astype(np.uint8)
    assert (upscaler.array(alpha)[:, :, 3] == alpha[:, :, 3]).all()


def test_files_report_seams_and_shrink(model: Model, photo: np.ndarray, tmp_path: Path) -> None:
    write_png(tmp_path / "in.png", photo[:180, :300])
    done = Upscaler(model, STYLE).file(tmp_path / "in.png", tmp_path / "out.png")
    assert (done["width"], done["height"]) == (300, 180) and 0 < done["seams"] < 10
    assert read_rgb8(tmp_path / "out.png").shape == (180, 300, 3)
    smaller = Upscaler(model, Settings(verb="stylize", shrink=2.5))
    done = smaller.file(tmp_path / "in.png", tmp_path / "small.png")
    assert read_rgb8(tmp_path / "small.png").shape == (72, 120, 3) and (done["width"], done["height"]) == (120, 72)
    untouched = Upscaler(model, Settings(verb="stylize", strength=0)).file(tmp_path / "in.png", tmp_path / "same.png")
    assert untouched["plan"] != done["plan"]
    assert (read_rgb8(tmp_path / "same.png") == photo[:180, :300]).all()
    again = Upscaler(model, Settings(verb="stylize", strength=0)).file(tmp_path / "in.png", tmp_path / "same.png")
    assert again["status"] == "kept"


def test_the_wrong_kind_of_model_is_refused_in_one_line(model: Model) -> None:
    with pytest.raises(UsageError, match="m paints pictures in a style; use it with: acutance stylize --model m"):
        Upscaler(model)
    from acutance.models.store import load

    with pytest.raises(UsageError, match="fidelity enlarges pictures; use it with: acutance upscale"):
        Upscaler(load("fidelity"), STYLE)
    with pytest.raises(UsageError, match="arrays keep their size"):
        Upscaler(model, Settings(verb="stylize", shrink=2)).array(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strength": -0.1}, "--strength -0.1: expected 0"), ({"strength": float("nan")}, "--strength nan"),
        ({"shrink": 0.5}, "--shrink 0.5: expected 1"), ({"shrink": 99}, "--shrink 99"),
        ({"scale": 2.0}, "keeps its size"), ({"back_project": 3}, "keeps its size"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(wrong: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Settings(verb="stylize", **wrong)
