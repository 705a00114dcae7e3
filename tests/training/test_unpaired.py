"""Unpaired crops of two sets, and what is said when one is missing (specification check E6)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from acutance.errors import BadInput, UsageError
from acutance.training.data import batches
from acutance.training.loop import train
from acutance.training.pack import Pack
from acutance.training.prepare import prepare
from acutance.training.recipes.siamese import siamese_small
from acutance.training.unpaired import UnpairedCrops, shrunk

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two 'paintings': a photograph in stripes, and noise whose pixels tell where they are from."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("paintings")
    y, x = np.mgrid[:160, :200]
    Image.fromarray(np.stack([x, y, x ^ y], 2).astype(np.uint8)).save(folder / "places.png")
    stripes = np.random.default_rng(0).integers(0, 256, (150, 1, 3)).repeat(150, 1).astype(np.uint8)
    Image.fromarray(stripes).save(folder / "stripes.png")
    prepare([folder], folder.parent / "paintings-pack", valid_share=0)
    return folder.parent / "paintings-pack"


def both(dataset: Path, paintings: Path) -> Pack:
    return Pack(dataset, Pack(paintings))


def test_crops_are_pieces_of_their_own_set(dataset: Path, paintings: Path) -> None:
    crops = UnpairedCrops(side=64, batch=4, ground=8)
    batch = next(batches(crops.sampler(both(dataset, paintings), 3), 4, 0, CPU))
    assert batch.lr.shape == batch.hr.shape == (4, 3, 64, 64) and batch.sharp is not None
    for painting in (batch.hr * 255).round().byte().permute(0, 2, 3, 1).numpy():
        xs, ys, mixed = (painting[:, :, i].astype(int) for i in range(3))
        whole = (xs ^ ys == mixed).all() and (abs(np.diff(xs, axis=1)) == 1).all()
        assert whole or (painting == painting[:, :1]).all()
    grain = ((batch.lr - batch.sharp) * 255).round()
    assert grain.abs().max() == 8 and (grain[:, :1] == grain).float().mean() > 0.8  # the same for all channels


def test_same_seed_same_batch_and_the_sets_are_unrelated(dataset: Path, paintings: Path) -> None:
    crops = UnpairedCrops(side=64, batch=2)
    pack = both(dataset, paintings)
    first, again, other = (next(batches(crops.sampler(pack, seed), 2, 5, CPU)) for seed in (1, 1, 2))
    assert torch.equal(first.lr, again.lr) and torch.equal(first.hr, again.hr)
    assert not torch.equal(first.lr, other.lr)


def test_pre_shrink_sees_more_of_the_picture(dataset: Path, paintings: Path) -> None:
    pack = both(dataset, paintings)
    for shrinks in ((1,), (2,), (100,)):
        sample = UnpairedCrops(side=64, shrinks=shrinks).sampler(pack, 0).sample(0)
        assert sample.lr is not None and sample.lr.shape == (64, 64, 3)  # 100: as much as fits
    places = Pack(paintings)
    item = next(i for i in places.train if i["name"] == "places.png")
    small = shrunk(places.picture(item), 4)
    assert small.shape == (40, 50, 3) and small[3, 7, 0] == round(4 * 7 + 1.5)


def test_like_colours_are_found(dataset: Path, paintings: Path) -> None:
    def apart(alike: int) -> float:
        sampler = UnpairedCrops(side=48, alike=alike).sampler(both(dataset, paintings), 0)
        samples = [sampler.sample(i) for i in range(30)]
        return float(np.mean([abs(s.hr.mean((0, 1)) - s.lr.mean((0, 1))).mean() for s in samples]))  # type: ignore[union-attr]

    assert apart(8) < 0.8 * apart(1)


def test_blank_crops_are_drawn_anew(tmp_path: Path, dataset: Path, paintings: Path) -> None:
    from PIL import Image

    picture = np.full((400, 400, 3), 128, np.uint8)
    picture[:60, :60] = np.random.default_rng(0).integers(0, 256, (60, 60, 3))
    Image.fromarray(picture).save(tmp_path / "corner.png")
    prepare([tmp_path / "corner.png"], tmp_path / "pack", valid_share=0)
    sampler = UnpairedCrops(side=32, blank=0.05).sampler(Pack(dataset, Pack(tmp_path / "pack")), 0)
    found = 0
    for index in range(6):
        try:
            assert sampler.sample(index).hr.std() / 127.5 >= 0.05
            found += 1
        except BadInput as error:
            assert "50 crops in a row were blank" in str(error)
    assert found
    sampler.paintings.blank = 0.9
    with pytest.raises(BadInput, match=r"50 crops in a row were blank .*larger shrinks"):
        sampler.sample(0)


def test_sets_that_cannot_be_used(dataset: Path, paintings: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"paintings-pack: no training picture is at least 256 pixels"):
        UnpairedCrops(side=256).sampler(both(dataset, paintings), 0)
    recipe = siamese_small()
    cases = [
        ({}, "siamese_small carries the look of a second dataset to the first; name it with --style"),
        ({"style": tmp_path}, "no dataset here"),
        ({"style": dataset}, "is the dataset of --data itself"),
        ({"style": paintings, "bench": tmp_path}, "has no originals to compare with"),
    ]
    for given, message in cases:
        with pytest.raises(UsageError, match=message):
            train(recipe, data=dataset, out=tmp_path / "run", steps=1, **given)
    from tiny_recipe import tiny

    with pytest.raises(UsageError, match="tiny learns from one dataset; leave it out"):
        train(tiny(), data=dataset, out=tmp_path / "run", style=paintings)
    assert not (tmp_path / "run").exists()
    for wrong in ({"side": 63}, {"batch": 1}, {"shrinks": ()}, {"blank": 1.0}, {"shrinks": (0,)}):
        with pytest.raises(ValueError):
            UnpairedCrops(**wrong)


def test_both_sets_are_the_runs_identity_and_it_continues_bit_for_bit(
    dataset: Path, paintings: Path, tmp_path: Path
) -> None:
    recipe = replace(siamese_small(), data=UnpairedCrops(side=64, batch=2), save_every=2, valid_every=100, mixed=False)
    model = train(recipe, data=dataset, style=paintings, out=tmp_path / "four", steps=4)
    train(recipe, data=dataset, style=paintings, out=tmp_path / "halves", steps=2)
    again = train(recipe, data=dataset, style=paintings, out=tmp_path / "halves", steps=4)
    from acutance.models.model import read_model

    one, other = read_model(model), read_model(again)
    assert all((one.weights[key] == other.weights[key]).all() for key in one.weights)
    assert one.receipt["data"] == both(dataset, paintings).sha256 != Pack(dataset).sha256
    assert (one.geometry.tile, one.geometry.scale, one.verb) == (32, 1, "stylize")
    scores = [json.loads(line) for line in (tmp_path / "four" / "metrics.jsonl").read_text().splitlines()][-1]
    assert -1 <= scores["valid_edges"] <= 1 and scores["valid_seams"] > 0
    assert list((tmp_path / "four" / "sheets").glob("*.png"))
    # another painter is another run
    manifest = json.loads((paintings / "manifest.json").read_text())
    other_set = tmp_path / "other"
    other_set.mkdir()
    for file in paintings.iterdir():
        (other_set / file.name).write_bytes(file.read_bytes())
    (other_set / "manifest.json").write_text(json.dumps(manifest | {"spare_lr": 1}))
    with pytest.raises(UsageError, match=r"holds another run \(data: was"):
        train(recipe, data=dataset, style=other_set, out=tmp_path / "four", steps=4)
