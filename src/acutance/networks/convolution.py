"""A convolution for critics' last layers: many weights, few pixels.

oneDNN lays the weights of a convolution anew for every pass (torch 2.13), which takes longer than multiplying when
there are few pixels. As a product of matrices, weights as they lie, a processor's bf16 units are kept busy: one pass
and its gradients of 512 to 512 channels, 4x4, stride 2, on four 12x12 pictures take 8.4 instead of 15 ms on two cores
with AMX; of 1024 to 2048 channels, 102 instead of 334.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_casts: ContextVar[dict[tuple[int, bool], tuple[Tensor, Tensor]] | None] = ContextVar("casts", default=None)
MANY_WEIGHTS, FEW_PIXELS = 2**21, 600  # measured: with fewer weights or more pixels it is no faster


class Conv2d(nn.Conv2d):
    """torch's, one group, zero padding; as a product of matrices where that is faster."""

    def forward(self, input: Tensor) -> Tensor:
        """``(N, in_channels, H, W)`` to ``(N, out_channels, H', W')``."""
        if not self._as_product(input):
            return super().forward(input)
        x, (stride, _), (padding, _) = input.to(torch.bfloat16), self.stride, self.padding
        return _Product.apply(x, _short(self.weight), self.bias, stride, padding)  # type: ignore[return-value]

    def _as_product(self, x: Tensor) -> bool:
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
            return False
        pixels = x.shape[0] * x.shape[2] * x.shape[3] // self.stride[0] ** 2
        return (
            torch.get_autocast_dtype("cpu") is torch.bfloat16
            and self.in_channels * self.out_channels * self.kernel_size[0] ** 2 >= MANY_WEIGHTS
            and pixels <= FEW_PIXELS
        )


@contextmanager
def weights_at_rest() -> Iterator[None]:
    """Within it, weights do not change: each is cast once, as autocast does it for torch's own layers."""
    token = _casts.set({})
    try:
        yield
    finally:
        _casts.reset(token)


def _short(weight: Tensor) -> Tensor:
    casts = _casts.get()
    if casts is None:
        return weight.to(torch.bfloat16)
    key = id(weight), weight.requires_grad and torch.is_grad_enabled()
    if key not in casts:
        casts[key] = weight, weight.to(torch.bfloat16)  # held, so that no other comes to have its id
    return casts[key][1]


class _Product(torch.autograd.Function):
    """Windows, one a row, times weights; in bf16, summed up in fp32. Rows and weights lie channel after channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        framed = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
        side = weight.shape[2]
        windows = framed.unfold(1, side, stride).unfold(2, side, stride).permute(0, 1, 2, 4, 5, 3)
        rows = windows.reshape(-1, side * side * x.shape[1])
        flat = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
        ctx.save_for_backward(rows, flat)
        ctx.geometry = windows.shape, framed.shape, stride, padding
        made = F.linear(rows, flat, None if bias is None else bias.to(x.dtype))
        return made.view(*windows.shape[:3], -1).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, flat = ctx.saved_tensors
        (count, high, wide, side, _, channels), framed, stride, padding = ctx.geometry
        of_rows = gradient.permute(0, 2, 3, 1).reshape(len(rows), -1)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            windows = (of_rows @ flat).view(count, high, wide, side, side, channels)
            into = torch.zeros(framed, dtype=torch.float32)
            for y in range(side):
                for x in range(side):
                    into[:, y : y + stride * high : stride, x : x + stride * wide : stride] += windows[:, :, :, y, x]
            inside = into[:, padding : framed[1] - padding, padding : framed[2] - padding]
            of_x = inside.to(gradient.dtype).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            of_weight = (of_rows.mT @ rows).view(-1, side, side, channels).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[2]:
            of_bias = of_rows.sum(0)
        return of_x, of_weight, of_bias, None, None
