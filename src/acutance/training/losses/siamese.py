"""The article's tiles and losses (Pasini 2019): what is judged is always an assembly of four tiles.

Its text prints two slips: LossD1 with D(A), where the logic asks for paintings; and the cosine as something
to minimise, where it must grow. Both are set right here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def split(x: Tensor, context: int = 0) -> Tensor:
    """``(N, C, 2 S, 2 S)`` to its four tiles ``(4 N, C, S + context, S + context)``: all top left ones, then top
    right, bottom left, bottom right. With ``context`` each also holds that many pixels of its neighbours.

    >>> split(torch.arange(4.0).view(1, 1, 2, 2)).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    first, second = slice(0, x.shape[-1] // 2 + context), slice(x.shape[-1] // 2 - context, None)
    return torch.cat([x[:, :, rows, columns] for rows in (first, second) for columns in (first, second)])


def join(tiles: Tensor, context: int = 0) -> Tensor:
    """The inverse of ``split``: every tile's own part in its place.

    >>> x = torch.rand(3, 2, 8, 8)
    >>> bool((join(split(x, 2), 2) == x).all())
    True
    """
    s = tiles.shape[-1] - context
    first, second = slice(0, s), slice(context, None)
    a, b, c, d = tiles.chunk(4)
    top = torch.cat([a[:, :, first, first], b[:, :, first, second]], 3)
    return torch.cat([top, torch.cat([c[:, :, second, first], d[:, :, second, second]], 3)], 2)


def combo(generator: Callable[[Tensor], Tensor], x: Tensor, context: int = 0) -> Tensor:
    """Each of the four tiles of ``x`` through ``generator``, in one batch, then put together in place."""
    return join(generator(split(x, context)), context)


def pull(vectors: Tensor) -> Tensor:
    """Mean squared length: LossD1 on paintings, LossG1 on what was painted.

    >>> pull(torch.tensor([[0.0, 3.0, 4.0]])).item()
    25.0
    """
    return vectors.square().sum(1).mean()


def push(vectors: Tensor, margin: float) -> Tensor:
    """LossD2: the mean squared amount by which lengths fall short of ``margin``.

    >>> push(torch.tensor([[3.0, 0.0, 4.0]]), 10.0).item(), push(torch.tensor([[3.0, 0.0, 4.0]]), 4.0).item()
    (25.0, 0.0)
    """
    return F.relu(margin - (vectors.square().sum(1) + 1e-12).sqrt()).square().mean()


def transformation(sources: Tensor, painted: Tensor) -> Tensor:
    """Mean cosine of D(A1) - D(A2) and D(AB1) - D(AB2) over neighbours in the batch (the last with the first):
    LossD3 and LossG2, which both sides want to grow. Of two pictures there is one pair.

    >>> a = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    >>> b = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    >>> round(transformation(a, b).item(), 6)
    0.898146
    """
    one, other = (x - x.roll(-1, 0) for x in (sources, painted))
    return F.cosine_similarity(one, other, dim=1).mean()


def jumps(painted: Tensor) -> Tensor:
    """By how much steps across the two middle lines of ``(N, C, 2 S, 2 S)``, where tiles meet, exceed those elsewhere.

    A step counts by its difference from the mean of the steps beside it, squared; zero where the middle has no larger
    ones than the mean of the picture (ours).

    >>> x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> x[..., 32:] += 2
    >>> jumps(x).item() > 5, jumps(torch.arange(8.0).repeat(1, 1, 8, 1)).item()
    (True, 0.0)
    """
    return _jump(painted) + _jump(painted.transpose(2, 3))


def _jump(x: Tensor) -> Tensor:
    steps = x[..., 1:] - x[..., :-1]
    bends = (steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2).square()
    middle = x.shape[-1] // 2 - 2
    return F.relu(bends[..., middle].mean() / bends.detach().mean().clamp_min(1e-8) - 1)
