"""Adam in one pass is Adam."""

from __future__ import annotations

import copy

import torch
from torch import nn

from acutance.training.recipes.optimizers import adam

LAYOUTS = (torch.channels_last, torch.contiguous_format)


def test_it_moves_weights_as_torch_does_however_gradients_and_memory_lie() -> None:
    """torch's own fused Adam moves other weights then, without a word."""
    torch.manual_seed(0)
    start = torch.randn(8, 4, 3, 3)
    for weight_layout in LAYOUTS:
        for gradient_layout in LAYOUTS:
            found = []
            for make in (adam(0.01), lambda parameters: torch.optim.Adam(parameters, lr=0.01, foreach=False)):
                parameter = nn.Parameter(start.clone(memory_format=weight_layout))
                optimizer, draw = make([parameter]), torch.Generator().manual_seed(1)
                for step in range(6):
                    gradient = torch.randn(start.shape, generator=draw)
                    parameter.grad = gradient.contiguous(memory_format=gradient_layout)
                    optimizer.step()
                    if step == 2:  # as from a checkpoint, which need not keep how arrays lie
                        state = copy.deepcopy(optimizer.state_dict())
                        for name in ("exp_avg", "exp_avg_sq"):
                            state["state"][0][name] = state["state"][0][name].contiguous()
                        optimizer.load_state_dict(state)
                found.append(parameter.detach())
            torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)
