"""Our JPEG against libjpeg's, through Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from acutance.degrade.jpeg import jpeg


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()


def libjpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file)).astype(float)


@pytest.mark.parametrize("quality", [5, 30, 49, 50, 75, 95, 100])
def test_equals_libjpeg(photo: np.ndarray, small_photo: np.ndarray, quality: int) -> None:
    """The mean difference is below half a level, the damage itself 2 to 9 levels."""
    for picture in (photo[:256, 128:384], small_photo):
        want = libjpeg(np.ascontiguousarray(picture), quality)
        got = jpeg(tensor(picture), [quality])[0].permute(1, 2, 0).numpy()
        assert np.abs(got - want).mean() < 0.5
        assert np.mean(np.abs(got - want) > 4) < 0.01  # a coefficient at half a step falls the other way


def test_quality_and_picture_go_together(photo: np.ndarray) -> None:
    first, second = tensor(photo[:64, 128:192]), tensor(photo[100:164, 200:264])
    both = jpeg(torch.cat((first, second)), [20, 90])
    assert torch.equal(both, torch.cat((jpeg(first, [20]), jpeg(second, [90]))))


def test_the_phase_is_that_of_a_crop(photo: np.ndarray) -> None:
    """Blocks that lie wholly inside are coded as in the picture from which the crop was cut."""
    whole = jpeg(tensor(photo[:96, :96]), [40])
    crop = jpeg(tensor(photo[5:96, 11:96]), [40], phase=(5, 11))
    assert torch.equal(crop[..., 12:-18, 6:-18], whole[..., 17:-18, 17:-18])


def test_flat_grey_survives() -> None:
    flat = torch.full((1, 3, 17, 31), 128.0)
    assert torch.equal(jpeg(flat, [30]), flat)
