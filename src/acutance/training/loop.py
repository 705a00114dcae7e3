"""The one training loop. It knows turns, not methods: which networks move and what they minimise."""

from __future__ import annotations

import copy
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from acutance.errors import AcutanceError, Interrupted, UsageError
from acutance.training import checkpoint
from acutance.training.data import Batch, Pack, Sampler, batches
from acutance.training.objective import Regression, Turn
from acutance.training.recipe import Recipe
from acutance.training.run import open_run, start_weights, write_json
from acutance.training.validate import validate

MAX_BAD_STEPS = 10
Event = Callable[[dict[str, Any]], None]


@dataclass
class State:
    """Everything that moves during a run."""

    objective: Regression
    optimizers: dict[str, Optimizer]
    average: nn.Module
    step: int = 0
    best: float = -math.inf
    best_step: int = -1
    bad_steps: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def train(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    steps: int | None = None,
    start: Path | None = None,
    bench: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    on_event: Event = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Run ``recipe`` on the dataset ``data`` in the folder ``out``; returns the final model file.

    An existing run of the same recipe, data and seed is continued. ``bench``: a test set that is
    logged and never selects anything. Raises ``Interrupted`` after a checkpoint when cancelled.
    """
    steps = steps or recipe.steps
    target = choose_device(device)
    pack = Pack(data)
    run = open_run(out, recipe, pack.sha256, seed, start)
    # Build networks and optimisers, then continue where the run stopped.
    torch.manual_seed(seed)
    state = _fresh_state(recipe, target, start)
    _resume(state, run, recipe, steps, on_event)
    # Train.
    stream = batches(Sampler(pack, recipe.data, seed), state.step, target)
    log = _Log(run, recipe, state.step, steps, on_event)
    while state.step < steps:
        factor = recipe.schedule.factor(state.step, steps)
        _step(state, next(stream), recipe, factor)
        state.step += 1
        log.step(state, factor)
        last = state.step == steps
        if last or state.step % recipe.valid_every == 0:
            scores = validate(state.average, pack, recipe.data.scale, bench, run, state.step)
            if scores["valid_psnr"] > state.best:
                state.best, state.best_step = scores["valid_psnr"], state.step
            log.validation(state.step, scores)
        stop = cancelled()
        if last or stop or state.step % recipe.save_every == 0:
            _save(state, run, recipe, steps)
        if stop and not last:
            raise Interrupted(f"stopped at step {state.step}; run the same command again to continue")
    from acutance.training.export import export_run

    return export_run(run, recipe, state.average, state.step, pack, log.last_scores)


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises ``UsageError`` for a device this machine lacks."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {name}: expected auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no GPU here; use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _fresh_state(recipe: Recipe, device: torch.device, start: Path | None) -> State:
    objective = recipe.objective().to(device)
    objective = objective.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if start is not None:
        objective.generator.load_state_dict(start_weights(start, objective.generator))
    optimizers = {turn.name: turn.optimizer(_parameters(objective, turn)) for turn in objective.turns}
    return State(objective=objective, optimizers=optimizers, average=copy.deepcopy(objective.generator))


def _parameters(objective: Regression, turn: Turn) -> list[nn.Parameter]:
    return [p for name in turn.networks for p in objective.get_submodule(name).parameters()]


def _step(state: State, batch: Batch, recipe: Recipe, factor: float) -> None:
    """Play every turn once; a turn with a non-finite loss or gradient is skipped and counted."""
    state.losses = {}
    device = batch.lr.device.type
    for turn in state.objective.turns:
        optimizer = state.optimizers[turn.name]
        parameters = _parameters(state.objective, turn)
        with torch.autocast(device, torch.bfloat16, enabled=recipe.bf16):
            terms = turn.loss(batch)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=parameters)
        norm = nn.utils.clip_grad_norm_(parameters, recipe.clip or math.inf)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            state.bad_steps += 1
            if state.bad_steps >= MAX_BAD_STEPS:
                raise AcutanceError(
                    f"{MAX_BAD_STEPS} steps in a row gave no finite loss; the last checkpoint is sound: "
                    "lower the learning rate in the recipe and start a new run from it"
                )
            continue
        state.bad_steps = 0
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        optimizer.step()
        state.losses |= {f"{turn.name}/{name}": value.item() for name, value in terms.items()}
    _average(state.average, state.objective.generator, min(recipe.ema, (1 + state.step) / (10 + state.step)))


@torch.no_grad()
def _average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of weights; buffers are copied."""
    for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)


def _save(state: State, run: Path, recipe: Recipe, steps: int) -> None:
    tensors: checkpoint.Tensors = {
        "networks": state.objective.state_dict(),
        "average": state.average.state_dict(),
        **{f"optimizer-{name}": checkpoint.optimizer_tensors(o) for name, o in state.optimizers.items()},
    }
    facts = {"best": state.best, "best_step": state.best_step, "rng": torch.get_rng_state().tolist()}
    checkpoint.save(run, state.step, tensors, facts)
    until = recipe.schedule.constant_until(steps)
    constant = [s for c in checkpoint.checkpoints(run) if (s := checkpoint.step_of(c)) <= until]
    checkpoint.prune(run, {*constant[-1:], state.best_step})


def _resume(state: State, run: Path, recipe: Recipe, steps: int, on_event: Event) -> None:
    """Load the newest sound checkpoint; one made while an earlier plan decayed does not count."""
    plan = json.loads((run / "run.json").read_text())
    planned = plan.get("steps", steps)
    limit = steps if planned == steps else recipe.schedule.constant_until(min(steps, planned))
    for candidate in checkpoint.checkpoints(run):
        if checkpoint.step_of(candidate) > limit:  # of a plan that is no longer followed
            shutil.rmtree(candidate)
    for candidate in reversed(checkpoint.checkpoints(run)):
        if why := checkpoint.damage(candidate):
            on_event({"event": "warning", "text": f"{candidate}: {why}; using the checkpoint before it"})
            continue
        tensors, facts = checkpoint.load(candidate)
        state.objective.load_state_dict(tensors["networks"])
        state.average.load_state_dict(tensors["average"])
        for name, optimizer in state.optimizers.items():
            checkpoint.restore_optimizer(optimizer, tensors[f"optimizer-{name}"])
        torch.set_rng_state(torch.tensor(facts["rng"], dtype=torch.uint8))
        state.step, state.best, state.best_step = facts["step"], facts["best"], facts["best_step"]
        on_event({"event": "resumed", "step": state.step})
        break
    write_json(run / "run.json", plan | {"steps": steps})


class _Log:
    """``metrics.jsonl`` and progress events, with the time left."""

    def __init__(self, run: Path, recipe: Recipe, first: int, steps: int, on_event: Event) -> None:
        self.path, self.batch, self.on_event = run / "metrics.jsonl", recipe.data.batch, on_event
        self.steps, self.first, self.start = steps, first, time.monotonic()
        self.sums: dict[str, float] = {}
        self.count = 0
        self.last_scores: dict[str, float] = {}

    def _write(self, row: dict[str, Any]) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")

    def step(self, state: State, factor: float) -> None:
        for name, value in state.losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if self.count < 100 and state.step != self.steps:
            return
        rate = (state.step - self.first) / (time.monotonic() - self.start)
        row = {"step": state.step, "lr_factor": round(factor, 4), "steps_per_s": round(rate, 2)}
        row |= {name: round(total / self.count, 6) for name, total in self.sums.items()}
        self._write(row)
        left = (self.steps - state.step) / rate
        self.on_event({"event": "train", "steps": self.steps, "eta_s": round(left), **row})
        self.sums, self.count = {}, 0

    def validation(self, step: int, scores: dict[str, float]) -> None:
        self.last_scores = scores
        self._write({"step": step, **scores})
        self.on_event({"event": "validation", "step": step, **scores})


def metrics(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run's log."""
    with open(run / "metrics.jsonl") as file:
        for line in file:
            yield json.loads(line)
