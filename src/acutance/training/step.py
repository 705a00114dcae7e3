"""One step of training: every turn once. What is not finite is skipped and counted."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from acutance.errors import AcutanceError, UsageError
from acutance.networks import NETWORKS
from acutance.networks.convolution import weights_at_rest
from acutance.training import parallel
from acutance.training.batch import Batch
from acutance.training.devices import compiles, multiplies_in
from acutance.training.misspelt import meant
from acutance.training.objective import Losses, Objective, Turn, only
from acutance.training.recipe import Recipe


@dataclass
class State:
    """Everything that moves during a run.

    ``draws``: batches taken so far; ``bad_steps``: steps in a row with something not finite; ``skipped``:
    turns skipped for that in all; ``rollbacks``: returns to a checkpoint; ``scores``: of the last validation;
    ``scaler``: lifts losses into the range of fp16, where that is computed in (Micikevicius et al. 2018, sec. 3.2).
    """

    objective: Objective
    optimizers: dict[str, Optimizer]
    average: nn.Module
    scaler: torch.amp.GradScaler
    step: int = 0
    draws: int = 0
    best: float = -math.inf
    best_step: int = -1
    bad_steps: int = 0
    skipped: int = 0
    rollbacks: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def build(recipe: Recipe, features: nn.Module | None, device: torch.device, teacher: nn.Module | None = None) -> State:
    """The networks and optimizers of a recipe before the first step. Raises ``UsageError``."""
    try:
        objective = recipe.objective(features, teacher) if recipe.teacher_scale else recipe.objective(features)
        generator = objective.generator
    except Exception as error:
        if isinstance(error, AcutanceError):
            raise
        what = f"{type(error).__name__}: {error}{meant(error)}"
        raise UsageError(f"{recipe.name}: its objective cannot be built ({what})") from error
    if recipe.accumulate > 1 and objective.global_terms:
        raise UsageError(
            f"{recipe.name}: accumulate={recipe.accumulate}, but its game compares each picture with the whole "
            "batch, which parts of a batch cannot; use accumulate=1 and a smaller batch"
        )
    if recipe.data.batch % recipe.accumulate:
        raise UsageError(f"{recipe.name}: a batch of {recipe.data.batch} has no {recipe.accumulate} equal parts")
    assert isinstance(objective, nn.Module)
    objective.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if recipe.compile and compiles(device.type):
        for network in objective.optimizers:
            objective.get_submodule(network).compile()
    optimizers = {
        name: make(list(objective.get_submodule(name).parameters())) for name, make in objective.optimizers.items()
    }
    for name, optimizer in optimizers.items():
        for rate in (group["lr"] for group in optimizer.param_groups):
            if not (isinstance(rate, float | int) and 0 < rate <= 10):
                raise UsageError(f"{recipe.name}: a learning rate of {rate!r} for the {name}; above 0, at most 10")
    scaler = torch.amp.GradScaler(device.type, enabled=multiplies_in(recipe, device) is torch.float16)
    return State(objective=objective, optimizers=optimizers, average=average_of(generator), scaler=scaler)


def check_network(recipe: Recipe, generator: nn.Module) -> None:
    """The generator is the one that a model file of this recipe would name."""
    if recipe.network not in NETWORKS:
        raise UsageError(f"{recipe.name}: no network {recipe.network}; there are {', '.join(NETWORKS)}")
    with torch.device("meta"):
        named = NETWORKS[recipe.network](**recipe.arguments)
    if {k: v.shape for k, v in named.state_dict().items()} != {k: v.shape for k, v in generator.state_dict().items()}:
        raise UsageError(f"{recipe.name}: its generator is not {recipe.network} with {recipe.arguments}")
    side = getattr(recipe.data, "patch", 0) // named.scale
    if side % (multiple := getattr(named, "multiple", 1)):
        raise UsageError(f"{recipe.name}: inputs of {side} pixels, but {recipe.network} takes multiples of {multiple}")
    if named.scale != recipe.data.scale:
        raise UsageError(f"{recipe.name}: data for x{recipe.data.scale}, but {recipe.network} makes x{named.scale}")


def average_of(network: nn.Module) -> nn.Module:
    """A copy that gradients and compilation do not touch."""
    compiled, network._compiled_call_impl = network._compiled_call_impl, None
    copied = copy.deepcopy(network).requires_grad_(False)
    network._compiled_call_impl = compiled
    return copied


def step(state: State, stream: Iterator[Batch], recipe: Recipe, factor: float) -> None:
    """Play every turn of the objective once, at ``factor`` times the learning rates of the recipe."""
    state.losses = {}
    bad, parts = False, []
    for turn in state.objective.turns:
        if not parts or turn.fresh:
            parts = next(stream).split(recipe.accumulate)
            state.draws += 1
        if not _play(state, turn, parts, recipe, factor):
            state.skipped += 1
            bad = bad or not _settling(state.scaler)
    state.bad_steps = state.bad_steps + 1 if bad else 0
    decay = min(recipe.ema, (1 + state.step) / (10 + state.step)) if recipe.ema else 0.0
    _follow(state.average, state.objective.generator, decay)


def _play(state: State, turn: Turn, parts: list[Batch], recipe: Recipe, factor: float) -> bool:
    """One turn; False when its loss or gradient was not finite and nothing moved."""
    optimizer = state.optimizers[turn.network]
    network = state.objective.get_submodule(turn.network)
    parameters = list(network.parameters())
    before = [(b, b.detach().clone()) for b in network.buffers()]
    optimizer.zero_grad(set_to_none=True)
    with only(state.objective, turn.network):  # pyright: ignore[reportArgumentType]
        terms, watched = _backward(turn, parts, parameters, recipe, state.scaler)
    parallel.average_gradients(parameters)
    state.scaler.unscale_(optimizer)
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if recipe.clip:
        nn.utils.clip_grads_with_norm_(parameters, recipe.clip, norm)
    values = {name: value.item() for name, value in terms.items()}
    if parallel.any_of(not (math.isfinite(norm.item()) and all(map(math.isfinite, values.values()))), norm.device):
        with torch.no_grad():
            for buffer, old in before:
                buffer.copy_(old)
        state.scaler.update()
        return False
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
    state.scaler.step(optimizer)
    state.scaler.update()
    state.losses |= values | {name: value.item() for name, value in watched.items()}
    return True


def _backward(
    turn: Turn, parts: list[Batch], parameters: list[nn.Parameter], recipe: Recipe, scaler: torch.amp.GradScaler
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gradients of one turn over the whole batch; what it minimises and what it watches, by name."""
    terms: dict[str, Tensor] = {}
    watched: dict[str, Tensor] = {}
    for part in parts:
        device = part.lr.device
        short = multiplies_in(recipe, device)
        with torch.autocast(device.type, short, enabled=short is not torch.float32), weights_at_rest():
            losses: Losses = turn.loss(part)
        total = torch.stack(list(losses.terms.values())).sum() / len(parts)
        scaler.scale(total).backward(inputs=parameters)
        for found, new in ((terms, losses.terms), (watched, losses.watched)):
            for name, value in new.items():
                key = f"{turn.name}/{name}"
                found[key] = found.get(key, 0) + value.detach() / len(parts)
    return terms, watched


def _settling(scaler: torch.amp.GradScaler) -> bool:
    """Whether a turn without a finite gradient may be due to too large a scale, which has been halved for it."""
    return scaler.is_enabled() and scaler.get_scale() >= 1


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of weights; buffers are copied."""
    for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)
