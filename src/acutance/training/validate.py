"""Scores and pictures during training: held-out photographs, and a test set that selects nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

from acutance.errors import AcutanceError, BadInput
from acutance.files.pixels import write_png
from acutance.imaging.ground import on_ground
from acutance.measuring.metrics.lpips import lpips, network
from acutance.measuring.metrics.psnr import psnr_y
from acutance.measuring.metrics.ssim import ssim_y
from acutance.measuring.pairs import find_pairs, load_pair, set_name
from acutance.networks.ranges import UnitRange
from acutance.training.board import Board
from acutance.training.pack import Picture
from acutance.training.sheet import busiest_crops, sheet

Metric = Callable[[Picture, Picture], float]
HELD_OUT = "valid"
LARGE_ENOUGH = 64  # pixels a side, for every metric here


@torch.inference_mode()
def run_network(network: nn.Module, lr: Picture, grained: bool = False) -> Picture:
    """uint8 ``(h, w, 3)`` through a torch network in fp32 to uint8 ``(s h, s w, 3)``.

    Sides that are no multiple of what the network folds are mirrored up to one and cut off again. The grain
    that a network may ask for is added, unless the picture is ``grained`` already.
    """
    device = next(network.parameters()).device
    multiple, scale = getattr(network, "multiple", 1), network.scale
    height, width = lr.shape[:2]
    if (ground := getattr(network, "ground", 0)) and not grained:
        lr = on_ground(lr, 0, 0, ground, 255)
    padded = np.pad(lr, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="symmetric")
    x = torch.from_numpy(padded).to(device).permute(2, 0, 1)[None].float() / 255
    y = UnitRange(network)(x.contiguous(memory_format=torch.channels_last)).float()[0]
    result = (y.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return result[: height * scale, : width * scale]


def _fits(picture: Picture, measure: Metric) -> bool:
    if min(picture.shape[:2]) >= LARGE_ENOUGH:
        return True
    try:
        measure(picture, picture)
    except BadInput:
        return False
    return True


class Validation:
    """Fixed pictures, read once; scores by luma PSNR and SSIM, and by LPIPS where its weights are there.

    ``notes``: what is left out, for a person. The test set is called as its folder is, but never as those held out.
    """

    def __init__(
        self, held_out: list[tuple[Picture, Picture]], bench: Path | None, scale: int, run: Path, board: Board
    ) -> None:
        self.run_folder, self.board = run, board
        self.sets, self.notes = {HELD_OUT: held_out}, []
        self.crops = busiest_crops(held_out)
        if bench is not None:
            pairs = [load_pair(*paths, scale) for paths in find_pairs(bench, scale)]
            name = set_name(bench) if set_name(bench) != HELD_OUT else f"bench_{HELD_OUT}"
            self.sets[name] = [(pair.lr, pair.hr) for pair in pairs]
        self.metrics: dict[str, Metric] = {"psnr": partial(psnr_y, border=scale), "ssim": partial(ssim_y, border=scale)}
        try:
            network()
        except AcutanceError as error:
            self.notes.append(f"validation goes without LPIPS: {error}")
        else:
            self.metrics["lpips"] = lpips
        self.measured = {key: self._fitting(*key) for key in product(self.sets, self.metrics)}

    def _fitting(self, name: str, metric: str) -> list[int]:
        """The pictures of a set that are large enough for a metric."""
        pairs = self.sets[name]
        fitting = [i for i, (_, hr) in enumerate(pairs) if _fits(hr, self.metrics[metric])]
        if left_out := len(pairs) - len(fitting):
            self.notes.append(f"{metric} of {name} leaves out {left_out} of {len(pairs)} pictures, too small for it")
        return fitting

    def run(self, network: nn.Module, step: int) -> dict[str, float]:
        """Mean scores by set, and a sheet of pictures, of the averaged network in evaluation mode."""
        network.eval()
        scores: dict[str, float] = {}
        for name, pairs in self.sets.items():
            results = [(run_network(network, lr), hr) for lr, hr in pairs]
            for metric, measure in self.metrics.items():
                if fitting := self.measured[name, metric]:
                    found = [measure(*results[i]) for i in fitting]
                    scores[f"{name}_{metric}"] = round(float(np.mean(found)), 4)
        if self.crops:
            picture = sheet(self.crops, partial(run_network, network))
            (self.run_folder / "sheets").mkdir(exist_ok=True)
            write_png(self.run_folder / "sheets" / f"step-{step:08d}.png", picture)
            self.board.picture(step, picture)
        return scores
