"""Save a run's state, and find the way back into it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from acutance.errors import BadInput, UsageError
from acutance.training import checkpoint, parallel
from acutance.training.log import Event, Log
from acutance.training.recipe import Recipe
from acutance.training.run import write_json
from acutance.training.step import State

MAX_ROLLBACKS = 3


def save(state: State, run: Path, recipe: Recipe, steps: int) -> None:
    """Write a checkpoint, and drop those that neither an exact nor a longer run needs."""
    if not parallel.leads():
        return
    assert isinstance(state.objective, torch.nn.Module)
    tensors: checkpoint.Tensors = {
        "networks": state.objective.state_dict(),
        "average": state.average.state_dict(),
        **{f"optimizer-{name}": checkpoint.optimizer_tensors(o) for name, o in state.optimizers.items()},
    }
    facts = {
        "draws": state.draws, "best": state.best, "best_step": state.best_step, "skipped": state.skipped,
        "rollbacks": state.rollbacks, "scores": state.scores, "rng": torch.get_rng_state().tolist(),
        "scaler": state.scaler.state_dict(),
    }  # fmt: skip
    checkpoint.save(run, state.step, tensors, facts)
    until = recipe.schedule.constant_until(steps)
    there = [checkpoint.step_of(c) for c in checkpoint.checkpoints(run)]
    milestones = [s for s in there if recipe.keep_every and s % recipe.keep_every == 0]
    checkpoint.prune(run, {*[s for s in there if s <= until][-1:], *milestones, state.best_step})


def resume(state: State, run: Path, recipe: Recipe, steps: int, on_event: Event) -> None:
    """Load the newest sound checkpoint; one made while an earlier plan decayed does not count."""
    plan = json.loads((run / "run.json").read_text())
    planned = plan.get("steps", steps)
    limit = steps if planned == steps else recipe.schedule.constant_until(min(steps, planned))
    there = [checkpoint.step_of(c) for c in checkpoint.checkpoints(run)]
    _refuse_shorter(run, recipe, there, planned, steps)
    if there and min(there) > limit:
        raise UsageError(
            f"{run}: its learning rate has been falling towards step {planned} since its first checkpoint; to go on, "
            f"start a new run: --from {run} --out ANOTHER"
        )
    if there and there[-1] > limit:
        text = f"goes back to step {max(s for s in there if s <= limit)}, before the learning rate fell"
        on_event({"event": "note", "text": text})
        if all(checkpoint.damage(c) for c in checkpoint.checkpoints(run) if checkpoint.step_of(c) <= limit):
            raise BadInput(f"{run}: the checkpoint to go back to is damaged; stay with --steps {planned}")
    parallel.wait()  # until everyone has read the plan
    if parallel.leads():
        for candidate in checkpoint.checkpoints(run):
            if checkpoint.step_of(candidate) > limit:  # of a plan that is no longer followed
                shutil.rmtree(candidate)
        write_json(run / "run.json", plan | {"steps": steps})
    parallel.wait()
    for candidate in reversed(checkpoint.checkpoints(run)):
        if why := checkpoint.damage(candidate):
            on_event({"event": "warning", "text": f"{candidate}: {why}; using the one before it, or starting anew"})
            continue
        _load(state, candidate)
        on_event({"event": "resumed", "step": state.step})
        break


def _refuse_shorter(run: Path, recipe: Recipe, there: list[int], planned: int, steps: int) -> None:
    """Raise ``UsageError`` where a run is to end before what it has computed, or too soon after it to slow down."""
    newest = max(there, default=0)
    if steps < newest:
        raise UsageError(f"{run}: stands at step {newest} already, and --steps {steps} is less; choose another --out")
    until = recipe.schedule.constant_until
    if newest <= until(planned) and newest > until(steps):
        raise UsageError(
            f"{run}: stands at step {newest} at full learning rate, which falls over the last {steps - until(steps)} "
            f"steps of a run; give at least --steps {newest + steps - until(steps)}"
        )


def _load(state: State, candidate: Path) -> None:
    tensors, facts = checkpoint.load(candidate)
    assert isinstance(state.objective, torch.nn.Module)
    state.objective.load_state_dict(tensors["networks"])
    state.average.load_state_dict(tensors["average"])
    for name, optimizer in state.optimizers.items():
        checkpoint.restore_optimizer(optimizer, tensors[f"optimizer-{name}"])
    if facts.get("scaler"):
        state.scaler.load_state_dict(facts["scaler"])
    torch.set_rng_state(torch.tensor(facts["rng"], dtype=torch.uint8))
    for name in ("step", "draws", "best", "best_step", "skipped", "rollbacks", "scores"):
        setattr(state, name, facts.get(name, getattr(state, name)))


def go_back(state: State, run: Path, log: Log) -> None:
    """To the last sound checkpoint, and past the data that led here. Raises ``BadInput`` after three times."""
    draws, skipped, rollbacks = state.draws, state.skipped, state.rollbacks + 1
    sound = [c for c in checkpoint.checkpoints(run) if checkpoint.damage(c) is None]
    if rollbacks > MAX_ROLLBACKS or not sound:
        times = f", {rollbacks} times" if rollbacks > 1 else ""
        what = "the last checkpoint is sound: " if sound else "there is no checkpoint yet: "
        raise BadInput(
            f"{run}: {state.bad_steps} steps in a row gave no finite loss{times}; {what}"
            "lower the learning rate in the recipe and start a new run" + (" from it" if sound else "")
        )
    _load(state, sound[-1])
    state.draws, state.skipped, state.rollbacks, state.bad_steps = draws, skipped, rollbacks, 0
    log.warn(f"several steps in a row gave no finite loss; back to step {state.step}, with other data")
