"""The trained model whose drawing a recipe learns from."""

from __future__ import annotations

import torch
from torch import nn

from acutance.engines.torch import rebuild
from acutance.errors import UsageError
from acutance.models import store
from acutance.training.devices import multiplies_in
from acutance.training.recipe import Recipe

ADVICE = "a model that enlarges {scale} times, such as ESRGAN's (acutance models import), with --teacher MODEL"


def load_teacher(recipe: Recipe, name: str | None, device: torch.device) -> tuple[nn.Module | None, str]:
    """The network of the model ``name`` on ``device``, as ``losses.taught`` wants it, and the checksum of its file;
    None and "" for recipes without one.

    Raises ``UsageError`` where a recipe and its teacher do not fit, ``BadModel`` for a file that is none.
    """
    if not recipe.teacher_scale:
        if name is not None:
            raise UsageError(f"--teacher {name}: {recipe.name} learns from photographs alone; leave it out")
        return None, ""
    advice = ADVICE.format(scale=recipe.teacher_scale)
    if name is None:
        raise UsageError(f"{recipe.name} learns from a teacher; name {advice}")
    model = store.load(name)
    if model.verb != "upscale" or model.geometry.scale != recipe.teacher_scale:
        raise UsageError(f"--teacher {name}: does not enlarge {recipe.teacher_scale} times; name {advice}")
    short = multiplies_in(recipe, device)
    network = rebuild(model).to(device, short if short is torch.bfloat16 else torch.float32)
    return network.to(memory_format=torch.channels_last), model.sha256  # pyright: ignore[reportCallIssue]
