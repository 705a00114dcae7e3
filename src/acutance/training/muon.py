"""Muon for convolutions: momentum whose update is made orthogonal, Adam for everything else.

torch's own Muon takes matrices only; hidden convolutions are matrices of ``(out, in x 3 x 3)``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024, "Muon": coefficients of the iteration


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly, of ``(N, rows, columns)`` by Newton-Schulz.

    >>> s = torch.linalg.svdvals(orthogonalise(torch.randn(2, 8, 72)))
    >>> bool((s > 0.3).all() and (s < 1.4).all())
    True
    """
    a, b, c = QUINTIC
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    square = x @ x.mT  # every step multiplies x by a polynomial of this from the left: the small matrices go through
    identity = torch.eye(square.shape[1], dtype=x.dtype, device=x.device)  # the steps, x is multiplied once
    product = identity.expand_as(square)
    for left in reversed(range(steps)):
        factor = torch.baddbmm(a * identity, square, square, alpha=c).add_(square, alpha=b)
        product = factor @ product
        square = factor @ square @ factor if left else square
    x = product @ x
    return x if wide else x.mT


def is_hidden(parameter: Tensor) -> bool:
    """Kernels between equally many channels: neither the first nor the last layer."""
    return parameter.ndim == 4 and parameter.shape[0] == parameter.shape[1]


def is_inside(parameter: Tensor) -> bool:
    """Any kernel but those that read or draw a picture; networks that narrow and widen have few square ones.

    >>> [is_inside(torch.zeros(shape)) for shape in ((16, 3, 3, 3), (16, 32, 4, 4), (16,))]
    [False, True, False]
    """
    return parameter.ndim == 4 and min(parameter.shape[:2]) > 3


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) on convolutions that are ``hidden``, Adam (Kingma & Ba 2015) on the rest.

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
        hidden: Callable[[Tensor], bool] = is_hidden,
    ) -> None:
        inside = [p for p in parameters if hidden(p)]
        other = [p for p in parameters if not hidden(p)]
        groups = [{"params": inside, "lr": lr, "adam": False}, {"params": other, "lr": adam_lr, "adam": True}]
        super().__init__(groups, {"momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            if group["adam"]:
                for parameter in moving:
                    parameter.add_(self._adam(parameter, group), alpha=-group["lr"])
            else:
                for shape in {parameter.shape: None for parameter in moving}:
                    self._muon([parameter for parameter in moving if parameter.shape == shape], group)

    def _muon(self, alike: list[nn.Parameter], group: dict) -> None:
        """Move kernels of one shape; together, because many small products are slow."""
        gradients = torch.stack([p.grad.contiguous() for p in alike if p.grad is not None]).flatten(2)
        for parameter in alike:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in alike]
        ahead = torch.empty_like(gradients)
        for gradient, momentum, target in zip(gradients, momenta, ahead, strict=True):
            momentum.lerp_(gradient.view(momentum.shape), 1 - group["momentum"])
            torch.lerp(gradient.view(momentum.shape), momentum, group["momentum"], out=target.view(momentum.shape))
        for parameter, update in zip(alike, orthogonalise(ahead.flatten(2)), strict=True):
            parameter.add_(update.view(parameter.shape), alpha=-group["lr"])

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
