"""Scores during training: on held-out photographs, and on a test set that selects nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import downscale, modcrop
from acutance.measuring.metrics.psnr import psnr_y
from acutance.networks.ranges import UnitRange
from acutance.training.data import Picture, Sampler

PICTURES = 50  # of a validation set that are used


@torch.inference_mode()
def run_network(network: nn.Module, lr: Picture) -> Picture:
    """uint8 ``(h, w, 3)`` through a torch network in fp32 to uint8 ``(s h, s w, 3)``; its mode is left alone."""
    device = next(network.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(lr)).to(device).permute(2, 0, 1)[None].float() / 255
    y = UnitRange(network)(x.contiguous(memory_format=torch.channels_last)).float()[0]
    return (y.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


class Validation:
    """Fixed pictures, read once."""

    def __init__(self, sampler: Sampler, held_out: list[dict], bench: Path | None, scale: int) -> None:
        self.scale = scale
        self.sets: dict[str, list[tuple[Picture, Picture]]] = {"valid": sampler.pairs(held_out[:PICTURES])}
        if bench is not None:
            originals = [modcrop(read_rgb8(path), scale) for path in sorted((bench / "HR").iterdir())]
            self.sets[bench.name] = [(downscale(hr, scale), hr) for hr in originals]

    def run(self, network: nn.Module, run: Path, step: int) -> dict[str, float]:
        """PSNR-Y in dB by set, of the averaged network in evaluation mode."""
        network.eval()
        scores: dict[str, float] = {}
        for name, pairs in self.sets.items():
            values = [psnr_y(run_network(network, lr), hr, border=self.scale) for lr, hr in pairs]
            if values:
                scores[f"{name}_psnr"] = round(float(np.mean(values)), 4)
        return scores
