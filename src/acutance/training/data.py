"""Training batches from a packed dataset; every sample is a function of (seed, sample index)."""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from acutance.degrade.bicubic import Bicubic, downscale_valid, margin
from acutance.degrade.contract import Degradation, trim
from acutance.degrade.gaussian import GaussianDown
from acutance.degrade.linear import AntialiasedLinear, Linear, resize
from acutance.degrade.sharpen import unsharp
from acutance.errors import BadInput
from acutance.training.batch import Batch
from acutance.training.pack import Pack, Picture, Pool

BICUBIC = Bicubic()
PLAIN = (Bicubic, Linear, AntialiasedLinear, GaussianDown)  # in whose place ready-made partners may stand
LARGEST = 512  # pixels of a validation picture's centre that are used


@dataclass(frozen=True)
class Sample:
    """One sample before the arithmetic: ``hr`` with its degradation's margin, and the generator for the rest.

    ``lr``: the low-resolution partner, where it needs no computation.
    """

    hr: Picture
    random: np.random.Generator
    lr: Picture | None = None


class Sampler(Protocol):
    """Cuts sample number ``index`` out of a pack, the same one in every process and run."""

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pictures that crops are cut of; empty where every picture serves as a whole."""
        ...

    def sample(self, index: int) -> Sample:
        """The pixels, read in a background thread."""
        ...

    def batch(self, samples: Sequence[Sample], device: torch.device) -> Batch:
        """Samples to a batch, in that thread too: of random numbers only the samples' own. The arithmetic runs on
        ``device``, named with its number."""
        ...


class Loader(Protocol):
    """How a recipe cuts its batches: a frozen value that makes a sampler."""

    @property
    def scale(self) -> int:
        """High-resolution pixels per low-resolution pixel."""
        ...

    @property
    def batch(self) -> int:
        """Samples in a batch, over all processes."""
        ...

    def sampler(self, pack: Pack, seed: int) -> Sampler:
        """See ``Sampler``."""
        ...

    def pairs(self, pack: Pack, items: list[dict]) -> list[tuple[Picture, Picture]]:
        """Low- and high-resolution validation pictures made of ``items`` of ``pack``, always the same ones."""
        ...


def generator(seed: int, index: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.Generator(np.random.Philox(key=[seed, index]))


@dataclass(frozen=True, kw_only=True)
class PairedCrops:
    """Crops without resizing, turned and flipped. ``patch``: high-resolution pixels; ``candidates``: random
    crops drawn for each sample, of which the most detailed is used (many crops of photographs are nearly
    flat); ``degrade``: how the low-resolution picture is made, None: read from the dataset; ``seen``: how it is made
    for a teacher, from the same random numbers, None: it is the same picture; ``turn``: also rotate by 90 degrees;
    ``sharpen``: content losses compare with a sharpened original (Real-ESRGAN); ``sizes``: whole factors by which an
    original is reduced first, one drawn for each sample: reduced photographs hold more detail to a pixel.
    """

    scale: int = 4
    patch: int = 96
    batch: int = 16
    candidates: int = 1
    degrade: Degradation | None = BICUBIC
    seen: Degradation | None = None
    turn: bool = True
    sharpen: bool = False
    sizes: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        check_whole(self, ("scale", "patch", "batch", "candidates"))
        if self.patch % self.scale:
            raise ValueError(f"patch={self.patch}: not a multiple of scale={self.scale}")
        if not self.sizes or any(type(size) is not int or size < 1 for size in self.sizes):
            raise ValueError(f"sizes={self.sizes!r}: whole numbers, at least 1")
        if self.degrade is None and self.sizes != (1,):
            raise ValueError(f"sizes={self.sizes!r}: ready-made partners have one size")
        if self.seen and (self.degrade is None or self.seen.margin(self.scale) > self.degrade.margin(self.scale)):
            raise ValueError(f"seen={self.seen!r}: needs a degrade that wants as much around a crop")

    def __repr__(self) -> str:
        """Part of a run's identity, so ``sizes`` and ``seen`` are named only where used: earlier versions had none."""
        unused = {"sizes": self.sizes == (1,), "seen": self.seen is None}
        shown = [f for f in fields(self) if not unused.get(f.name)]
        return f"PairedCrops({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def fitted(self, pack: Pack) -> PairedCrops:
        """These crops with the low-resolution partners that ``pack`` holds ready-made, if all its pictures have
        them and would be reduced plainly, at one size; what damages pictures makes its own."""
        held = all((item.get("lr") or {}).get("scale") == self.scale for item in pack.everything)
        plain = isinstance(self.degrade, PLAIN) and self.sizes == (1,) and self.seen is None
        return replace(self, degrade=None) if held and plain else self

    def sampler(self, pack: Pack, seed: int) -> CropSampler:
        """See ``Loader``."""
        return CropSampler(pack, self, seed)

    def pairs(self, pack: Pack, items: list[dict]) -> list[tuple[Picture, Picture]]:
        """See ``Loader``: the centres, at most 512 pixels, degraded the same way every time."""
        scale, found = self.scale, []
        if self.degrade is None:
            check_partners(items, scale)
        for number, item in enumerate(items):
            height, width = (min(side, LARGEST) // scale * scale for side in (item["height"], item["width"]))
            top, left = ((item[side] - n) // 2 // scale * scale for side, n in (("height", height), ("width", width)))
            hr = np.asarray(pack.picture(item)[top : top + height, left : left + width])
            if self.degrade is None:
                rows = slice(top // scale, (top + height) // scale)
                columns = slice(left // scale, (left + width) // scale)
                found.append((np.asarray(pack.lr_picture(item)[rows, columns]), hr))
                continue
            wide = padded(pack.picture(item), top, left, (height, width), self.degrade.margin(scale))
            lr = self.degrade(as_levels([wide], torch.device("cpu")), [generator(0, number)], scale)[0]
            found.append((_picture(lr), hr))
        return found


class CropSampler:
    """See ``PairedCrops``."""

    def __init__(self, pack: Pack, crops: PairedCrops, seed: int) -> None:
        self.pack, self.crops, self.seed = pack, crops, seed
        self.margin = crops.degrade.margin(crops.scale) if crops.degrade else 0
        self.pools = (Pool(pack, crops.patch * max(crops.sizes)),)
        if crops.degrade is None:
            check_partners(self.pools[0].items, crops.scale)

    def sample(self, index: int) -> Sample:
        """See ``Sampler``."""
        random, sizes = generator(self.seed, index), self.crops.sizes
        size = sizes[int(random.integers(len(sizes))) if len(sizes) > 1 else 0]
        side = self.crops.patch * size
        step = 1 if self.crops.degrade else self.crops.scale  # a stored partner fixes the grid
        best: tuple[float, dict, int, int] | None = None
        for _ in range(self.crops.candidates):
            item = self.pools[0].draw(random)
            top = int(random.integers((item["height"] - side) // step + 1)) * step
            left = int(random.integers((item["width"] - side) // step + 1)) * step
            score = self._detail(item, top, left, side)
            if best is None or score > best[0]:
                best = (score, item, top, left)
        assert best is not None
        flip, turns = random.random() < 0.5, int(random.integers(4)) if self.crops.turn else 0

        def posed(picture: Picture) -> Picture:
            return np.ascontiguousarray(np.rot90(picture[:, ::-1] if flip else picture, turns))

        lr = None if self.crops.degrade else posed(self._partner(*best[1:]))
        return Sample(posed(self._crop(*best[1:], size)), random, lr)

    def _detail(self, item: dict, top: int, left: int, side: int) -> float:
        cell = self.pack.cell
        cells = self.pack.cells(item)
        window = cells[top // cell : (top + side) // cell + 1, left // cell : (left + side) // cell + 1]
        return float(window.mean()) if window.size else 0.0

    def _crop(self, item: dict, top: int, left: int, size: int = 1) -> Picture:
        side = (self.crops.patch * size, self.crops.patch * size)
        if size == 1:
            return padded(self.pack.picture(item), top, left, side, self.margin)
        wide = padded(self.pack.picture(item), top, left, side, self.margin * size + margin(size))
        return _picture(downscale_valid(as_levels([wide], torch.device("cpu")), size)[0] / 255)

    def _partner(self, item: dict, top: int, left: int) -> Picture:
        side, scale = self.crops.patch // self.crops.scale, self.crops.scale
        return self.pack.lr_picture(item)[top // scale : top // scale + side, left // scale : left // scale + side]

    def batch(self, samples: Sequence[Sample], device: torch.device) -> Batch:
        """See ``Sampler``."""
        wide, m = as_levels([s.hr for s in samples], device), self.margin
        hr = trim(wide, m) / 255
        sharp = trim(unsharp(wide), m) / 255 if self.crops.sharpen else None
        if self.crops.degrade is None:
            lr = as_levels([s.lr for s in samples if s.lr is not None], device) / 255
            return Batch(lr=lr, hr=hr, sharp=sharp)
        randoms, scale, seen = [s.random for s in samples], self.crops.scale, None
        if self.crops.seen:
            seen = self.crops.seen(trim(wide, m - self.crops.seen.margin(scale)), copy.deepcopy(randoms), scale)
        return Batch(lr=self.crops.degrade(wide, randoms, scale), hr=hr, sharp=sharp, seen=seen)


@dataclass(frozen=True, kw_only=True)
class WholePictures:
    """Every picture resized to ``size`` square, its aspect not kept, and from the original to ``size / scale``,
    both by antialiased bilinear; flipped half the time (face SRGAN)."""

    scale: int = 4
    size: int = 256
    batch: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        check_whole(self, ("scale", "size", "batch"))
        if self.size % self.scale:
            raise ValueError(f"size={self.size}: not a multiple of scale={self.scale}")

    def sampler(self, pack: Pack, seed: int) -> WholeSampler:
        """See ``Loader``."""
        return WholeSampler(pack, self, seed)

    def pair(self, pack: Pack, item: dict) -> tuple[Picture, Picture]:
        """One picture in both sizes, the small one first."""
        picture, low = np.array(pack.picture(item)), self.size // self.scale
        return resize(picture, low, low, antialias=True), resize(picture, self.size, self.size, antialias=True)

    def pairs(self, pack: Pack, items: list[dict]) -> list[tuple[Picture, Picture]]:
        """See ``Loader``."""
        return [self.pair(pack, item) for item in items]


class WholeSampler:
    """See ``WholePictures``."""

    def __init__(self, pack: Pack, whole: WholePictures, seed: int) -> None:
        self.pack, self.whole, self.seed, self.pools = pack, whole, seed, ()
        if not pack.train:
            raise BadInput(f"{pack.folder}: holds no training pictures")

    def sample(self, index: int) -> Sample:
        """See ``Sampler``."""
        random = generator(self.seed, index)
        lr, hr = self.whole.pair(self.pack, self.pack.train[int(random.integers(len(self.pack.train)))])
        if random.random() < 0.5:
            hr, lr = hr[:, ::-1], lr[:, ::-1]
        return Sample(np.ascontiguousarray(hr), random, np.ascontiguousarray(lr))

    def batch(self, samples: Sequence[Sample], device: torch.device) -> Batch:
        """See ``Sampler``."""
        lr = as_levels([s.lr for s in samples if s.lr is not None], device)
        return Batch(lr=lr / 255, hr=as_levels([s.hr for s in samples], device) / 255)


def check_whole(loader: object, names: Sequence[str]) -> None:
    """Refuse sizes that are no whole numbers of at least 1."""
    for name in names:
        value = getattr(loader, name)
        if type(value) is not int or value < 1:
            raise ValueError(f"{name}={value!r}: a whole number, at least 1")


def padded(picture: Picture, top: int, left: int, size: tuple[int, int], margin: int) -> Picture:
    """A crop with ``margin`` pixels around it; beyond the picture's border it is mirrored, as MATLAB does."""
    (height, width), (rows, columns) = size, picture.shape[:2]
    y0, y1 = max(top - margin, 0), min(top + height + margin, rows)
    x0, x1 = max(left - margin, 0), min(left + width + margin, columns)
    pads = (
        (y0 - top + margin, top + height + margin - y1),
        (x0 - left + margin, left + width + margin - x1),
        (0, 0),
    )
    return np.pad(picture[y0:y1, x0:x1], pads, mode="symmetric")


def as_levels(pictures: Sequence[Picture], device: torch.device) -> Tensor:
    """uint8 ``(H, W, 3)`` pictures of equal size as one float batch ``(N, 3, H, W)`` in 0..255."""
    return torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2).float()


def _picture(x: Tensor) -> Picture:
    return (x.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def batches(
    sampler: Sampler, size: int, first: int, device: torch.device, place: tuple[int, int] = (0, 1)
) -> Generator[Batch, None, None]:
    """Endless batches of ``size`` from number ``first`` on; the next is read and degraded while this one is used.

    ``place`` (n, of): this process cuts the n-th share of every batch.
    """
    rank, processes = place
    share = size // processes

    def make(number: int) -> Batch:
        start = number * size + rank * share
        with torch.no_grad():
            return sampler.batch([sampler.sample(start + i) for i in range(share)], device)

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(1, initializer=_alone) as pool:
        pool.submit(_alone).result()
        torch.set_num_threads(threads)  # the worker keeps its one; threads to come get as many as before
        ahead = pool.submit(make, first)
        while True:
            batch = ahead.result()
            first += 1
            ahead = pool.submit(make, first)
            yield batch


def _alone() -> None:
    """One thread for the arithmetic of this one: a second team would fight with the one that trains."""
    torch.set_num_threads(1)
    torch.get_num_threads()


def check_partners(items: Sequence[dict], scale: int) -> None:
    """Refuse pictures whose ready-made partner is missing or of another scale."""
    wrong = [item["name"] for item in items if (item.get("lr") or {}).get("scale") != scale]
    if wrong:
        raise BadInput(
            f"{len(wrong)} pictures of the dataset have no x{scale} partner (first: {wrong[0]}); "
            f"prepare it with --lr FOLDER --scale {scale}"
        )
