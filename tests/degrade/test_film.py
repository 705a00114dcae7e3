"""The parts of the chain for old footage, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from acutance.degrade import film
from acutance.degrade.contract import trim
from acutance.degrade.film import Film

NOTHING = Film(
    blur=(0.3, 0.3), blur_ratio=(1, 1), grain=(0, 0), fade=0, bleed=0, flicker=0, dust=0, scratch=0, weave=0, jitter=0,
    comb=0, mpeg=0, jpeg=0,
)  # fmt: skip


@pytest.fixture
def crop(photo: np.ndarray) -> Tensor:
    """A face, ``(1, 3, 80, 80)`` levels."""
    return torch.from_numpy(photo[60:140, 180:260].copy()).permute(2, 0, 1)[None].float()


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_without_its_parts_it_is_a_reduction(crop: Tensor) -> None:
    lr = NOTHING(crop, [random()], 4) * 255
    plain = torch.nn.functional.interpolate(crop, size=(20, 20), mode="bilinear", antialias=True)
    assert (lr - trim(plain, 2)).abs().mean() < 3


def test_grain_is_strongest_in_the_middle_greys() -> None:
    law = Film(grain=(8, 8), grain_grey=0)
    black, middle = (
        (film.grain(torch.full((1, 3, 96, 96), level), random(), law) - level).std().item() for level in (0.0, 127.5)
    )
    assert middle == pytest.approx(8, rel=0.05) and black == pytest.approx(0.35 * 8, rel=0.05)


def test_colour_goes_where_it_is_told_to(crop: Tensor) -> None:
    grey = film.colour(crop, random(), Film(monochrome=1))
    assert torch.equal(grey[:, 0], grey[:, 2])
    sepia = film.colour(crop, random(), Film(sepia=1))
    assert (sepia[:, 0] >= sepia[:, 1]).all() and (sepia[:, 1] >= sepia[:, 2]).all()
    assert torch.equal(film.colour(crop, random(), Film(fade=0)), crop)
    faded = film.colour(crop, random(), Film(fade=1))
    assert faded.std(1).mean() < crop.std(1).mean()


def test_bleeding_leaves_the_luma_alone(crop: Tensor) -> None:
    smeared = film.bleed(crop, random(), Film())
    assert (film.grey_of(smeared) - film.grey_of(crop)).abs().max() < 0.1
    assert (smeared - crop).abs().mean() > 1


def test_nothing_moves_by_more_than_half_a_pixel() -> None:
    """A ramp tells by its levels how far each of its pixels has moved."""
    law = Film(comb=1)
    assert law.weave + law.jitter + law.comb_shift <= 0.5
    ramp = 10 * torch.arange(20.0).expand(1, 3, 20, 20)
    for seed in range(40):
        moved = (film.shake(ramp, random(seed), law) - ramp)[..., 2:-2] / 10
        assert moved.abs().max() <= 0.5 + 1e-4
        assert (
            film.shake(ramp.transpose(2, 3), random(seed), law).transpose(2, 3).sub(ramp)[..., 2:-2].abs().max() <= 2.01
        )


def test_combing_moves_the_fields_apart() -> None:
    law = Film(weave=0, jitter=0, comb=1)
    ramp = 10 * torch.arange(20.0).expand(1, 3, 20, 20)
    moved = (film.shake(ramp, random(1), law) - ramp)[0, 0, :, 10]
    torch.testing.assert_close(moved[::2], -moved[1::2])
    assert moved[0].abs() > 0.1


def test_flicker_changes_the_light_smoothly() -> None:
    flat = torch.full((1, 3, 64, 16), 128.0)
    lit = film.flicker(flat, random(2), Film())
    assert (lit - flat).abs().max() < 128 * 0.11 + 5 and lit.diff(dim=-2).abs().max() < 0.3
    assert torch.equal(lit[..., :1].expand_as(lit), lit)


def test_monochrome_alone_runs(crop: Tensor) -> None:
    lr = Film(monochrome=1, bleed=0, flicker=0, dust=0, scratch=0, mpeg=0, jpeg=0)(crop, [random()], 2)
    torch.testing.assert_close(lr[:, 0], lr[:, 2], atol=1.01 / 255, rtol=0)
