"""Training batches from a packed dataset; every sample is a function of (seed, sample index)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from acutance.degrade import bicubic
from acutance.errors import BadInput, UsageError
from acutance.training.prepare import FORMAT


@dataclass(frozen=True)
class Batch:
    """A training batch: ``lr`` ``(N, 3, h, w)`` and ``hr`` ``(N, 3, s h, s w)``, float in [0, 1]."""

    lr: Tensor
    hr: Tensor


@dataclass(frozen=True, kw_only=True)
class PairedCrops:
    """How to cut pairs. ``patch``: high-resolution pixels; ``candidates``: random crops drawn for
    each sample, of which the most detailed is used (many crops of photographs are nearly flat)."""

    scale: int = 4
    patch: int = 96
    batch: int = 16
    candidates: int = 1


class Pack:
    """A packed dataset, memory-mapped. ``train`` and ``valid`` list its pictures."""

    def __init__(self, folder: Path) -> None:
        path = folder / "manifest.json"
        if not path.exists():
            raise UsageError(f"{folder}: no dataset here; make one with: acutance prepare PHOTOS -o {folder}")
        text = path.read_bytes()
        manifest = json.loads(text)
        if manifest.get("format") != FORMAT:
            raise BadInput(f"{path}: dataset format {manifest.get('format')}, this version reads {FORMAT}")
        self.sha256 = hashlib.sha256(text).hexdigest()
        self.shards = []
        for shard in manifest["shards"]:
            file = folder / shard["name"]
            if not file.exists() or file.stat().st_size != shard["bytes"]:
                raise BadInput(f"{file}: missing or cut short; run acutance prepare again")
            self.shards.append(np.memmap(file, np.uint8, "r"))
        self.cell = manifest["cell"]
        self.detail = np.fromfile(folder / "detail.bin", np.uint8)
        count = sum((i["height"] // self.cell) * (i["width"] // self.cell) for i in manifest["items"])
        if len(self.detail) != count:
            raise BadInput(f"{folder / 'detail.bin'}: cut short; run acutance prepare again")
        self.train = [item for item in manifest["items"] if not item["valid"]]
        self.valid = [item for item in manifest["items"] if item["valid"]]

    def picture(self, item: dict) -> np.ndarray:
        """The pixels of one picture, uint8 ``(H, W, 3)``, mapped from disk."""
        count = item["height"] * item["width"] * 3
        flat = self.shards[item["shard"]][item["offset"] : item["offset"] + count]
        return flat.reshape(item["height"], item["width"], 3)

    def lr_picture(self, item: dict) -> np.ndarray:
        """The ready-made low-resolution partner of one picture, uint8 ``(h, w, 3)``, mapped from disk.

        Raises ``BadInput`` where the dataset was made without partners.
        """
        lr = item.get("lr")
        if lr is None:
            raise BadInput(f"{item['name']}: has no low-resolution partner; prepare with --lr FOLDER --scale S")
        flat = self.shards[lr["shard"]][lr["offset"] : lr["offset"] + lr["height"] * lr["width"] * 3]
        return flat.reshape(lr["height"], lr["width"], 3)

    def cells(self, item: dict) -> np.ndarray:
        """The detail of each cell of one picture, uint8."""
        rows, columns = item["height"] // self.cell, item["width"] // self.cell
        start = item["detail_offset"]
        return self.detail[start : start + rows * columns].reshape(rows, columns)


class Sampler:
    """Cut sample number ``index`` out of a pack, the same one in every process and run."""

    def __init__(self, pack: Pack, crops: PairedCrops, seed: int) -> None:
        self.pack, self.crops, self.seed = pack, crops, seed
        self.items = [item for item in pack.train if min(item["width"], item["height"]) >= crops.patch]
        if not self.items:
            raise BadInput(f"no picture in the dataset is at least {crops.patch} pixels on both sides")
        area = np.array([item["width"] * item["height"] for item in self.items], np.float64)
        self.edges = np.cumsum(area / area.sum())

    def sample(self, index: int) -> np.ndarray:
        """uint8 ``(patch + 2 m, patch + 2 m, 3)``: the crop with the margin its reduction needs."""
        random = np.random.Generator(np.random.Philox(key=[self.seed, index]))
        best: tuple[float, dict, int, int] | None = None
        for _ in range(self.crops.candidates):
            item = self.items[min(int(np.searchsorted(self.edges, random.random())), len(self.items) - 1)]
            top = int(random.integers(item["height"] - self.crops.patch + 1))
            left = int(random.integers(item["width"] - self.crops.patch + 1))
            score = self._detail(item, top, left)
            if best is None or score > best[0]:
                best = (score, item, top, left)
        assert best is not None
        crop = self._crop(*best[1:])
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        return np.ascontiguousarray(np.rot90(crop, int(random.integers(4))))

    def _detail(self, item: dict, top: int, left: int) -> float:
        cell, patch = self.pack.cell, self.crops.patch
        cells = self.pack.cells(item)
        window = cells[top // cell : (top + patch) // cell + 1, left // cell : (left + patch) // cell + 1]
        return float(window.mean()) if window.size else 0.0

    def _crop(self, item: dict, top: int, left: int) -> np.ndarray:
        margin, patch = bicubic.margin(self.crops.scale), self.crops.patch
        picture = self.pack.picture(item)
        y0, y1 = max(top - margin, 0), min(top + patch + margin, item["height"])
        x0, x1 = max(left - margin, 0), min(left + patch + margin, item["width"])
        pads = (
            (y0 - top + margin, top + patch + margin - y1),
            (x0 - left + margin, left + patch + margin - x1),
            (0, 0),
        )
        return np.pad(picture[y0:y1, x0:x1], pads, mode="symmetric")


def batches(sampler: Sampler, first_step: int, device: torch.device) -> Iterator[Batch]:
    """Endless batches from step ``first_step`` on; the next one is cut while this one is used."""
    crops = sampler.crops
    margin = bicubic.margin(crops.scale)

    def cut(step: int) -> np.ndarray:
        first = step * crops.batch
        return np.stack([sampler.sample(first + i) for i in range(crops.batch)])

    with ThreadPoolExecutor(1) as pool:
        step = first_step
        ahead = pool.submit(cut, step)
        while True:
            pixels = ahead.result()
            step += 1
            ahead = pool.submit(cut, step)
            wide = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()
            lr = bicubic.downscale_valid(wide, crops.scale)
            hr = wide[:, :, margin:-margin, margin:-margin]
            yield Batch(lr=lr / 255, hr=hr / 255)
