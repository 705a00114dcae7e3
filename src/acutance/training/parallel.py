"""Several processes: each computes its share of the batch; together they make the step of one.

Started by ``torchrun --nproc-per-node N -m acutance train ...``; without it everything here is the identity.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from acutance.errors import AcutanceError

PATIENCE = timedelta(hours=3)  # without a word from the others: the leader may be validating or fetching


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Within it, this is one of the processes ``torchrun`` started, if it did: gloo between CPUs, nccl between GPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


def place() -> tuple[int, int]:
    """This process's number and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def leads() -> bool:
    """Whether this process writes and speaks."""
    return place()[0] == 0


def wait() -> None:
    """Until every process is here."""
    if dist.is_initialized():
        with _together():
            dist.barrier()


def gather(x: Tensor) -> Tensor:
    """``(N, ...)`` of every process as one ``(world N, ...)``; gradients reach this process's share.

    They are multiplied by the number of processes: a term over the global batch, computed by every
    process alike, then has after ``average_gradients`` the gradient that one process with the whole
    batch would get.
    """
    if not dist.is_initialized():
        return x
    rank, world = place()
    shares = [torch.empty_like(x) for _ in range(world)]
    with _together():
        dist.all_gather(shares, x.detach().contiguous())
    shares[rank] = world * x - (world - 1) * x.detach()
    return torch.cat(shares)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes. Raises ``AcutanceError`` when one is gone."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether ``flag`` is set in any process."""
    if not dist.is_initialized():
        return flag
    count = torch.tensor(float(flag), device=device)
    reduce(count)
    return bool(count.item() > 0)


def reduce(x: Tensor) -> None:
    """Sum over the processes, in place."""
    with _together():
        dist.all_reduce(x)


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise AcutanceError(
            "another process of this run ended or fell silent; the last checkpoint is sound, "
            "and the same torchrun command continues from it"
        ) from error
