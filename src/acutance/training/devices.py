"""Where a training runs: the device, what it multiplies fast, and what is said when its memory is full."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from acutance.engines import bf16
from acutance.engines.torch import has_bf16
from acutance.errors import ResourceError, UsageError
from acutance.training.recipe import Recipe

FAST_FP16 = (7, 0)  # compute capability with matrix units for fp16 (Volta); Pascal is slower in it than in fp32
SHORT = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises ``UsageError`` for a device this machine lacks."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here; use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    processes, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if processes > gpus:
        raise UsageError(f"{processes} processes, but GPUs: {gpus}; use --nproc-per-node {gpus}, or --device cpu")
    return torch.device("cuda")


def multiplies_in(recipe: Recipe, device: torch.device) -> torch.dtype:
    """What the networks of ``recipe`` multiply in: bf16, fp16 on a GPU that has only that, or fp32, because
    others are slower in them."""
    if not recipe.mixed:
        return torch.float32
    if device.type != "cuda":
        return torch.bfloat16 if bf16.is_faster() else torch.float32
    if has_bf16():
        return torch.bfloat16
    return torch.float16 if torch.cuda.get_device_capability(device) >= FAST_FP16 else torch.float32


@cache
def compiles(kind: str) -> bool:
    """Whether ``torch.compile`` works here, on a "cpu" or "cuda": it needs a C++ compiler and Python's headers, or
    Triton, and says so in many ways."""
    try:
        with warnings.catch_warnings():  # torch's own, of what it will do without
            warnings.simplefilter("ignore")
            torch.compile(lambda x: x + 1)(torch.zeros(2, device=kind))
    except Exception:
        return False
    return True


@contextmanager
def enough_memory(recipe: Recipe) -> Iterator[None]:
    """A device whose memory is full ends a training with a remedy; its last checkpoint is sound."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ResourceError(
            f"{recipe.name}: the GPU's memory is full with batches of {recipe.data.batch}; "
            "smaller ones or patches need a recipe of your own (file.py:function), what was saved stays sound"
        ) from error
