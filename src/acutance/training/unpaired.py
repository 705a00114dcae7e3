"""Batches of two sets that have nothing to do with each other: photographs, and a painter's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from acutance.errors import BadInput
from acutance.imaging.ground import on_ground
from acutance.training.batch import Batch
from acutance.training.data import LARGEST, Sample, as_levels, check_whole, generator
from acutance.training.pack import Pack, Picture, Pool

TRIES = 50  # crops drawn before a set counts as blank
FAR = 1 << 16  # pixels from the picture's origin at which a crop's grain may lie


@dataclass(frozen=True, kw_only=True)
class UnpairedCrops:
    """Square crops of ``side`` pixels, photographs from ``--data``, paintings from ``--style``, flipped half the time.

    ``shrinks``, ``style_shrinks``: a crop is cut this many times as large and reduced by averages, one of
    these at random: the article's remedy for pictures so large that a tile shows nothing (translation
    then runs at full size). ``blank``: crops whose deviation on [-1, 1] is below it are drawn anew.
    ``alike``: painting crops drawn for each photograph's crop, of which the nearest in colour (mean and
    deviation of its channels) is used; 1: unrelated, as in the article. ``ground``: levels of grain
    added to what the generator sees (``imaging.ground``).
    """

    side: int = 128
    batch: int = 16
    shrinks: tuple[int, ...] = (1,)
    style_shrinks: tuple[int, ...] = (1,)
    blank: float = 0.05
    alike: int = 1
    ground: int = 0
    two_sets: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        check_whole(self, ("side", "batch", "alike"))
        if self.side % 2:
            raise ValueError(f"side={self.side}: four tiles need an even number")
        if self.batch < 2:
            raise ValueError(f"batch={self.batch}: transformations need at least two pictures")
        for name in ("shrinks", "style_shrinks"):
            values = getattr(self, name)
            if not values or any(type(v) is not int or v < 1 for v in values):
                raise ValueError(f"{name}={values!r}: whole numbers, at least 1")
        if not 0 <= self.blank < 1:
            raise ValueError(f"blank={self.blank!r}: from 0 to below 1")

    @property
    def scale(self) -> int:
        """See ``Loader``: a picture keeps its size."""
        return 1

    def sampler(self, pack: Pack, seed: int) -> UnpairedSampler:
        """See ``Loader``; ``pack`` carries the paintings as its ``style``."""
        return UnpairedSampler(pack, self, seed)

    def pairs(self, pack: Pack, items: list[dict]) -> list[tuple[Picture, Picture]]:
        """See ``Loader``: the photographs' centres, at most 512 pixels, each twice: its own original."""
        found = []
        for item in items:
            height, width = (min(item[side], LARGEST) // 8 * 8 for side in ("height", "width"))
            top, left = (item["height"] - height) // 2, (item["width"] - width) // 2
            picture = np.array(pack.picture(item)[top : top + height, left : left + width])
            found.append((picture, picture))
        return found


class UnpairedSampler:
    """See ``UnpairedCrops``."""

    def __init__(self, pack: Pack, crops: UnpairedCrops, seed: int) -> None:
        assert pack.style is not None
        self.crops, self.seed = crops, seed
        self.photographs = _Source(pack, crops.side, crops.shrinks, crops.blank)
        self.paintings = _Source(pack.style, crops.side, crops.style_shrinks, crops.blank)
        self.pools = (self.photographs.pool, self.paintings.pool)

    def sample(self, index: int) -> Sample:
        """See ``Sampler``: the painting's crop as ``hr``, the photograph's as ``lr``."""
        random = generator(self.seed, index)
        photograph = self.photographs.crop(random)
        drawn = [self.paintings.crop(random) for _ in range(self.crops.alike)]
        wanted = _colours(photograph)
        painting = min(drawn, key=lambda crop: float(np.square(_colours(crop) - wanted).sum()))
        return Sample(painting, random, photograph)

    def batch(self, samples: Sequence[Sample], device: torch.device) -> Batch:
        """See ``Sampler``; with grain, ``sharp`` holds the photographs without it."""
        photographs = [s.lr for s in samples if s.lr is not None]
        hr, lr = (as_levels(p, device) / 255 for p in ([s.hr for s in samples], photographs))
        if not self.crops.ground:
            return Batch(lr=lr, hr=hr)
        grained = []
        for photograph, sample in zip(photographs, samples, strict=True):
            top, left = (int(place) for place in sample.random.integers(FAR, size=2))
            grained.append(on_ground(photograph, top, left, self.crops.ground, 255))
        return Batch(lr=as_levels(grained, device) / 255, hr=hr, sharp=lr)


class _Source:
    """Random crops of one set, none of them blank; every picture in proportion to its area."""

    def __init__(self, pack: Pack, side: int, shrinks: tuple[int, ...], blank: float) -> None:
        self.pack, self.side, self.blank = pack, side, blank
        self.pool, self.shrinks = Pool(pack, side), shrinks

    def crop(self, random: np.random.Generator) -> Picture:
        """uint8 ``(side, side, 3)``. Raises ``BadInput`` where one after another is blank."""
        for _ in range(TRIES):
            item = self.pool.draw(random)
            shortest = min(item["height"], item["width"])
            fitting = [shrink for shrink in self.shrinks if shrink * self.side <= shortest]
            factor = fitting[int(random.integers(len(fitting)))] if fitting else shortest // self.side
            large = self.side * factor
            top = int(random.integers(item["height"] - large + 1))
            left = int(random.integers(item["width"] - large + 1))
            crop = shrunk(self.pack.picture(item)[top : top + large, left : left + large], factor)
            if crop.std() / 127.5 >= self.blank:
                return np.ascontiguousarray(crop[:, ::-1] if random.random() < 0.5 else crop)
        raise BadInput(
            f"{self.pack.folder}: {TRIES} crops in a row were blank (deviation below {self.blank}); "
            "larger shrinks, or pictures with more in them, help"
        )


def shrunk(picture: Picture, factor: int) -> Picture:
    """``picture`` reduced by means over ``factor`` x ``factor`` pixels, rounded.

    >>> shrunk(np.array([[[0], [3]], [[4], [9]]], np.uint8), 2).item()
    4
    """
    if factor == 1:
        return picture
    height, width = (side // factor for side in picture.shape[:2])
    cells = picture[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return np.rint(cells.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


def _colours(crop: Picture) -> np.ndarray:
    """Mean and deviation of each channel, of every 64th pixel."""
    few = crop[::8, ::8].astype(np.float32)
    return np.concatenate([few.mean((0, 1)), few.std((0, 1))])
