"""Loaders: conditional crops, faces, ready-made pairs, damaged originals (checks A1, B3)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_recipe import tiny

from acutance.degrade.linear import Linear
from acutance.degrade.realesrgan import RealESRGAN
from acutance.errors import BadInput
from acutance.imaging.bicubic import downscale
from acutance.training.data import PairedCrops, WholePictures, batches
from acutance.training.loop import train
from acutance.training.pack import Pack
from acutance.training.prepare import prepare

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real picture of 520x520, which holds 9 x 9 crops of 512."""
    from skimage import data

    folder = tmp_path_factory.mktemp("big")
    picture = np.pad(data.astronaut(), ((0, 8), (0, 8), (0, 0)), mode="reflect")
    Image.fromarray(picture).save(folder / "big.png")
    prepare([folder], folder / "pack", valid_share=0.0)
    return folder / "pack"


def test_crops_of_512_are_cut_never_resized(big: Path) -> None:
    pack = Pack(big)
    crops = PairedCrops(patch=512, batch=1, degrade=Linear(), turn=False)
    sampler, picture = crops.sampler(pack, 3), np.asarray(pack.picture(pack.train[0]))
    places = {}
    for y in range(9):
        for x in range(9):
            crop = picture[y : y + 512, x : x + 512]
            places[crop.tobytes()] = places[np.ascontiguousarray(crop[:, ::-1]).tobytes()] = (y, x)
    seen = set()
    for index in range(700):
        hr = sampler.sample(index).hr
        assert hr.tobytes() in places, "a crop that is no part of the picture"
        seen.add(places[hr.tobytes()])
    assert len(seen) == (520 - 512 + 1) ** 2 == 81
    batch = sampler.batch([sampler.sample(0)], CPU)
    assert batch.lr.shape == (1, 3, 128, 128) and batch.hr.shape == (1, 3, 512, 512)
    middle = batch.hr.view(1, 3, 128, 4, 128, 4)[:, :, :, 1:3, :, 1:3].mean((3, 5))
    assert (batch.lr - middle).abs().max() <= 0.5 / 255 + 1e-6  # OpenCV's default at a quarter


def test_pictures_smaller_than_the_crop_are_refused(dataset: Path) -> None:
    with pytest.raises(BadInput, match="at least 512 pixels on both sides"):
        PairedCrops(patch=512, degrade=Linear()).sampler(Pack(_without_large(dataset)), 0)


def _without_large(dataset: Path) -> Path:
    import json
    import shutil

    copy = dataset.with_name("small-only")
    if not copy.exists():
        shutil.copytree(dataset, copy)
        manifest = json.loads((copy / "manifest.json").read_text())
        for item in manifest["items"]:
            item["valid"] = min(item["width"], item["height"]) >= 512
        (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_faces_are_whole_pictures_flipped_together(dataset: Path) -> None:
    pack, whole = Pack(dataset), WholePictures(batch=2)
    sampler = whole.sampler(pack, 0)
    flips = set()
    for index in range(12):
        sample = sampler.sample(index)
        assert sample.lr is not None and sample.hr.shape == (256, 256, 3) and sample.lr.shape == (64, 64, 3)
        exact = [(flip, whole.pair(pack, item)) for item in pack.train for flip in (False, True)]
        matches = [flip for flip, (lr, hr) in exact
                   if np.array_equal(hr[:, ::-1] if flip else hr, sample.hr)
                   and np.array_equal(lr[:, ::-1] if flip else lr, sample.lr)]  # fmt: skip
        assert len(matches) == 1, "high and low resolution are flipped together"
        flips |= set(matches)
    assert flips == {False, True}
    batch = next(batches(sampler, 2, 0, CPU))
    assert batch.lr.shape == (2, 3, 64, 64) and batch.hr.min() >= 0 and batch.hr.max() <= 1


def test_ready_made_partners_are_cut_in_place(tmp_path: Path) -> None:
    from skimage import data

    for folder in ("hr", "lr"):
        (tmp_path / folder).mkdir()
    for name in ("astronaut", "coffee"):
        picture = getattr(data, name)()
        Image.fromarray(picture).save(tmp_path / "hr" / f"{name}.png")
        Image.fromarray(255 - downscale(picture, 4)).save(tmp_path / "lr" / f"{name}x4.png")  # told apart by negation
    prepare([tmp_path / "hr"], tmp_path / "pack", lr=tmp_path / "lr", scale=4, valid_share=0.0)
    pack = Pack(tmp_path / "pack")
    crops = PairedCrops(patch=64, batch=2, degrade=None)
    sampler = crops.sampler(pack, 0)
    for index in range(6):
        batch = sampler.batch([sampler.sample(index)], CPU)
        assert batch.lr.shape == (1, 3, 16, 16)
        made = torch.nn.functional.avg_pool2d(batch.hr, 4)
        assert (1 - batch.lr - made).abs().mean() < 0.05, "the partner of another place"
    (lr, hr), *_ = crops.pairs(pack, pack.everything)
    assert hr.shape[0] == 4 * lr.shape[0] and abs((255 - lr).mean() - hr.mean()) < 3
    # Recipes that reduce plainly take them without being told; others, and other scales, make their own.
    assert PairedCrops(patch=64, batch=2).fitted(pack) == PairedCrops(patch=64, batch=2, degrade=None)
    damage, sizes = PairedCrops(patch=64, degrade=RealESRGAN()), PairedCrops(patch=64, sizes=(1, 2))
    for other in (damage, sizes, PairedCrops(patch=64, scale=2)):
        assert other.fitted(pack) == other
    seen: list[dict] = []
    recipe = replace(tiny(), data=PairedCrops(patch=64, batch=2))
    train(recipe, data=tmp_path / "pack", out=tmp_path / "run", steps=1, on_event=seen.append)
    assert {"event": "note", "text": "learns from the low-resolution partners of the dataset"} in seen


def test_a_dataset_without_partners_says_how_to_get_them(dataset: Path) -> None:
    with pytest.raises(BadInput, match="prepare it with --lr FOLDER --scale 4"):
        PairedCrops(patch=64, degrade=None).sampler(Pack(dataset), 0)


def test_damage_and_its_sharpened_target_are_the_same_in_any_process(dataset: Path) -> None:
    crops = PairedCrops(patch=64, batch=4, degrade=RealESRGAN(), sharpen=True)
    whole = next(batches(crops.sampler(Pack(dataset), 1), 4, 0, CPU))
    halves = [next(batches(crops.sampler(Pack(dataset), 1), 4, 0, CPU, (rank, 2))) for rank in (0, 1)]
    for name in ("lr", "hr", "sharp"):
        torch.testing.assert_close(
            getattr(whole, name), torch.cat([getattr(h, name) for h in halves]), rtol=0, atol=1e-5
        )
    assert whole.sharp is not None and whole.sharp.shape == whole.hr.shape
    assert (whole.sharp - whole.hr).abs().mean() > 1e-3
    first, again = (crops.pairs(Pack(dataset), Pack(dataset).valid) for _ in range(2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True)), "validation never changes"
