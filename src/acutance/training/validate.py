"""Scores during training: on held-out photographs, and on a test set that selects nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from acutance.files.pixels import read_rgb8
from acutance.imaging.bicubic import downscale, modcrop
from acutance.measuring.metrics.psnr import psnr_y
from acutance.training.data import Pack

LARGEST = 512  # pixels of a validation picture's centre that are used


@torch.inference_mode()
def run_network(network: nn.Module, lr: np.ndarray) -> np.ndarray:
    """uint8 ``(h, w, 3)`` through a torch network in fp32 to uint8 ``(s h, s w, 3)``."""
    device = next(network.parameters()).device
    x = torch.from_numpy(lr).to(device).permute(2, 0, 1)[None].float() / 255
    y = network(x.contiguous(memory_format=torch.channels_last)).float()[0]
    return (y.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def validate(network: nn.Module, pack: Pack, scale: int, bench: Path | None, run: Path, step: int) -> dict[str, float]:
    """PSNR-Y in dB on the held-out pictures and, where given, on the test set ``bench/HR``."""
    held_out = [_centre(np.asarray(pack.picture(item)), scale) for item in pack.valid]
    scores = {"valid_psnr": _mean_psnr(network, held_out, scale)}
    if bench is not None:
        test = [modcrop(read_rgb8(path), scale) for path in sorted((bench / "HR").iterdir())]
        scores[f"{bench.name}_psnr"] = _mean_psnr(network, test, scale)
    return scores


def _centre(picture: np.ndarray, scale: int) -> np.ndarray:
    top, left = (max(side - LARGEST, 0) // 2 for side in picture.shape[:2])
    return modcrop(picture[top : top + LARGEST, left : left + LARGEST], scale)


def _mean_psnr(network: nn.Module, pictures: list[np.ndarray], scale: int) -> float:
    network.eval()
    values = [psnr_y(run_network(network, downscale(hr, scale)), hr, border=scale) for hr in pictures]
    network.train()
    return round(float(np.mean(values)), 4) if values else float("nan")
