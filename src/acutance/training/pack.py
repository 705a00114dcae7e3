"""A packed dataset, read by memory map."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from acutance.errors import BadInput, UsageError
from acutance.training.prepare import FORMAT

Picture = np.ndarray  # uint8 (H, W, 3)


class Pack:
    """A packed dataset, memory-mapped. ``train`` and ``valid`` list its pictures. ``style``: the second set of a
    recipe that carries the look of one set to another; then ``sha256`` stands for both."""

    def __init__(self, folder: Path, style: Pack | None = None) -> None:
        path = folder / "manifest.json"
        if not path.exists():
            raise UsageError(f"{folder}: no dataset here; make one with: acutance prepare PHOTOS -o {folder}")
        text = path.read_bytes()
        try:
            manifest = json.loads(text)
        except ValueError as error:
            raise BadInput(f"{path}: is damaged; run acutance prepare again") from error
        if manifest.get("format") != FORMAT:
            raise BadInput(f"{path}: dataset format {manifest.get('format')}, this version reads {FORMAT}")
        self.folder = folder
        self.sha256, self.style = hashlib.sha256(text).hexdigest(), style
        if style is not None:
            self.sha256 = hashlib.sha256(f"{self.sha256} {style.sha256}".encode()).hexdigest()
        self.shards, self.listed = [], manifest["shards"]
        for shard in self.listed:
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
        self.everything = manifest["items"]

    def check(self) -> None:
        """Read every shard once: ``BadInput`` for one whose bytes are not those that were packed."""
        for shard, pixels in zip(self.listed, self.shards, strict=True):
            if hashlib.sha256(pixels).hexdigest() != shard["sha256"]:
                raise BadInput(
                    f"{self.folder / shard['name']}: is damaged (SHA-256 differs); run acutance prepare again"
                )
        if self.style is not None:
            self.style.check()

    def picture(self, item: dict) -> Picture:
        """The pixels of one picture, mapped from disk."""
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


class Pool:
    """The training pictures of ``pack`` with at least ``side`` pixels both ways, drawn in proportion to their area."""

    def __init__(self, pack: Pack, side: int) -> None:
        self.pack, self.side = pack, side
        self.items = [item for item in pack.train if min(item["width"], item["height"]) >= side]
        if not self.items:
            raise BadInput(f"{pack.folder}: no training picture is at least {side} pixels on both sides")
        area = np.array([item["width"] * item["height"] for item in self.items], np.float64)
        self.edges = np.cumsum(area / area.sum())

    @property
    def remark(self) -> str:
        """What a person should know of the pictures that are left out; empty if none is."""
        count = len(self.pack.train)
        left_out = count - len(self.items)
        small = f"have less than {self.side} pixels on a side and are not used"
        return f"{self.pack.folder}: {left_out} of {count} training pictures {small}" if left_out else ""

    def draw(self, random: np.random.Generator) -> dict:
        """One picture's entry in the manifest."""
        return self.items[min(int(np.searchsorted(self.edges, random.random())), len(self.items) - 1)]
