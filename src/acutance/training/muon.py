"""Muon for convolutions: momentum whose update is made orthogonal, Adam for everything else.

torch's own Muon takes matrices only; hidden convolutions are matrices of ``(out, in x 3 x 3)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024, "Muon": coefficients of the iteration


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly, by Newton-Schulz in float32.

    >>> s = torch.linalg.svdvals(orthogonalise(torch.randn(8, 72)))
    >>> bool((s > 0.3).all() and (s < 1.4).all())
    True
    """
    a, b, c = QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T


def is_hidden(parameter: Tensor) -> bool:
    """Kernels between equally many channels: neither the first nor the last layer."""
    return parameter.ndim == 4 and parameter.shape[0] == parameter.shape[1]


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) on hidden convolutions, Adam (Kingma & Ba 2015) on the rest.

    ``lr``, ``momentum``: of the orthogonal updates; ``adam_lr``, ``betas``: of Adam.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        *,
        lr: float,
        adam_lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        hidden = [p for p in parameters if is_hidden(p)]
        other = [p for p in parameters if not is_hidden(p)]
        groups = [{"params": hidden, "lr": lr, "adam": False}, {"params": other, "lr": adam_lr, "adam": True}]
        super().__init__(groups, {"momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    update = self._adam(parameter, group) if group["adam"] else self._muon(parameter, group)
                    parameter.add_(update, alpha=-group["lr"])

    def _muon(self, parameter: nn.Parameter, group: dict) -> Tensor:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(state["momentum"], group["momentum"])
        return orthogonalise(ahead.reshape(ahead.shape[0], -1)).reshape(parameter.shape)

    def _adam(self, parameter: nn.Parameter, group: dict) -> Tensor:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        first, second = group["betas"]
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].lerp_(gradient.square(), 1 - second)
        mean = state["mean"] / (1 - first ** state["step"].item())
        square = state["square"] / (1 - second ** state["step"].item())
        return mean / (square.sqrt() + 1e-8)
