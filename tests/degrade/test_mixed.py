"""A mixture gives each sample to one degradation, as often as its weight says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from acutance.degrade.bicubic import Bicubic
from acutance.degrade.linear import Linear
from acutance.degrade.mixed import Mixed
from acutance.errors import UsageError


def test_every_sample_is_one_of_the_choices(photo: np.ndarray) -> None:
    mixed = Mixed(choices=((3, Bicubic()), (1, Linear())))
    hr = torch.from_numpy(photo[100:128, 150:178].copy()).permute(2, 0, 1)[None].float().expand(200, -1, -1, -1)
    assert mixed.margin(4) == 6
    lr = mixed(hr, [np.random.default_rng(i) for i in range(200)], 4)
    cubic = Bicubic()(hr[:1], [np.random.default_rng()], 4)[0]
    linear = Linear()(hr[:1, :, 6:-6, 6:-6], [np.random.default_rng()], 4)[0]
    which = [torch.equal(sample, cubic) for sample in lr]
    assert all(cube or torch.equal(sample, linear) for sample, cube in zip(lr, which, strict=True))
    assert sum(which) == pytest.approx(150, abs=25)


def test_an_empty_mixture_is_refused() -> None:
    for choices in ((), ((0.0, Bicubic()),)):
        with pytest.raises(UsageError, match="mixture"):
            Mixed(choices=choices)
