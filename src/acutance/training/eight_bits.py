"""Training for 8-bit arithmetic: a network that computes as ``engines.int8`` will (Jacob et al. 2018, sec. 3).

Inputs and weights of all convolutions but the first and those of one pixel are rounded to their steps. Gradients
pass as if they were not, except where an input was cut off at the end of its range.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

STEPS, WEIGHT_STEPS = 255, 127
LEAST = 1e-6  # of a range


@contextmanager
def eight_bits(network: nn.Module) -> Iterator[None]:
    """Let ``network`` compute with rounded inputs and weights inside this block."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1][1:]
    try:
        for layer in layers:
            layer.forward = partial(_rounded, layer)  # type: ignore[method-assign]
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _rounded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    most = layer.weight.detach().abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(LEAST)
    weight = _to_steps(layer.weight, most / WEIGHT_STEPS)
    with torch.no_grad():  # the range as engines.int8.observe finds it: the means of each picture's extremes
        low, high = x.amin(dim=(1, 2, 3)).mean(), x.amax(dim=(1, 2, 3)).mean()
        step = (high - low).clamp_min(LEAST) / STEPS
        low = (low / step).round() * step  # so that zero is a step
    return layer._conv_forward(_to_steps(x.float().clamp(low, low + STEPS * step), step), weight, layer.bias)


def _to_steps(x: Tensor, step: Tensor) -> Tensor:
    return x + ((x / step).round() * step - x).detach()
