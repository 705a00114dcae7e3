"""The one training loop. It knows turns, not methods: which networks move and what they minimise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from acutance.errors import Interrupted, UsageError
from acutance.files.download import Terms
from acutance.files.locks import claim
from acutance.measuring.pairs import find_pairs
from acutance.training import checkpoint, parallel
from acutance.training.batch import Batch
from acutance.training.data import PairedCrops, Sampler, batches
from acutance.training.devices import SHORT, choose_device, compiles, enough_memory, multiplies_in
from acutance.training.export import export_run
from acutance.training.features import digest, load_features
from acutance.training.log import Event, Log
from acutance.training.pack import Pack, Picture
from acutance.training.recipe import Recipe
from acutance.training.resume import go_back, resume, save
from acutance.training.run import device_remark, load_start, open_run
from acutance.training.step import State, build, check_network, step
from acutance.training.style_validation import StyleValidation
from acutance.training.teacher import load_teacher
from acutance.training.validate import Validation

MAX_BAD_STEPS = 10  # in a row, before a run goes back to its last checkpoint
PICTURES = 50  # of a validation set that are used


def train(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    style: Path | None = None,
    steps: int | None = None,
    start: Path | None = None,
    valid: Path | None = None,
    bench: Path | None = None,
    features: Path | None = None,
    teacher: str | None = None,
    device: str = "auto",
    seed: int = 0,
    on_event: Event = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Run ``recipe`` on the dataset ``data`` in the folder ``out``; returns the final model file.

    An existing run of the same recipe, data and seed is continued. ``start``: a model or run whose
    generator it begins with. ``style``: the second dataset, for recipes that carry its look to the first.
    ``valid``: a dataset to validate on instead of the pictures held out of
    ``data``. ``bench``: a test set that is logged and never selects anything. ``features``: the weights
    of the feature network, where the recipe needs one; ``teacher``: likewise the model to
    learn from. Raises ``Interrupted`` after a checkpoint when cancelled.
    """
    steps = steps or recipe.steps
    target = choose_device(device)
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with exact, parallel.joined(target), enough_memory(recipe):
        if not parallel.leads():
            on_event = _silent
        _check_shares(recipe)
        # Everything that can be wrong is looked at before the run folder is made.
        pack = _pack(recipe, data, style, bench)
        held_out = _held_out(recipe, pack, valid)
        if isinstance(recipe.data, PairedCrops):
            recipe = replace(recipe, data=recipe.data.fitted(pack))
        if bench is not None:
            find_pairs(bench, recipe.data.scale)
        network = _features(recipe, features, Terms(option="ACUTANCE_WEIGHTS", on_event=on_event, cancelled=cancelled))
        torch.manual_seed(seed)
        master, master_sha256 = load_teacher(recipe, teacher, target)
        state = build(recipe, network and network.to(target), target, master)
        check_network(recipe, state.objective.generator)
        if start is not None and not any(checkpoint.damage(c) is None for c in checkpoint.checkpoints(out)):
            load_start(start, state)
        sampler = recipe.data.sampler(pack, seed)
        run = open_run(out, recipe, state, digest(network), master_sha256, pack.sha256, seed, start)
        with _claimed(run):
            resume(state, run, recipe, steps, on_event)
            _remark(recipe, state, pack, sampler, start, steps, device_remark(run, recipe, state), on_event)
            log = Log(run if parallel.leads() else None, recipe, state.step, steps, on_event)
            validation = _validation(held_out, bench, recipe, pack, run, log) if parallel.leads() else None
            place = next(state.average.parameters()).device  # with its number: other threads know no current GPU
            stream = batches(sampler, recipe.data.batch, state.draws, place, parallel.place())
            with closing(stream), closing(log.board):
                _run(state, stream, recipe, run, steps, log, validation, cancelled)
            if parallel.leads():
                used = len(sampler.pools[0].items if sampler.pools else pack.train)
                return export_run(run, recipe, state.average, state.step, pack.sha256, used, state.scores)
            return run / f"{recipe.name}.safetensors"


def _check_shares(recipe: Recipe) -> None:
    """Every process takes an equal share of a batch, in equal parts."""
    processes, parts = parallel.place()[1], recipe.accumulate
    if recipe.data.batch % (processes * parts):
        each = f" in {parts} parts each" if parts > 1 else ""
        raise UsageError(
            f"{recipe.name}: a batch of {recipe.data.batch} cannot be shared by {processes} processes{each}"
        )


def _pack(recipe: Recipe, data: Path, style: Path | None, bench: Path | None) -> Pack:
    """The dataset, or both of a recipe that learns from two."""
    if not getattr(recipe.data, "two_sets", False):
        if style is not None:
            raise UsageError(f"--style {style}: {recipe.name} learns from one dataset; leave it out")
        return Pack(data)
    if style is None:
        raise UsageError(
            f"{recipe.name} carries the look of a second dataset to the first; name it with --style PAINTINGS "
            "(made by: acutance prepare)"
        )
    if style.resolve() == data.resolve():
        raise UsageError(f"--style {style}: is the dataset of --data itself; give the paintings")
    if bench is not None:
        raise UsageError(f"--bench {bench}: {recipe.name} has no originals to compare with; leave it out")
    return Pack(data, Pack(style))


def _validation(
    held_out: list[tuple[Picture, Picture]], bench: Path | None, recipe: Recipe, pack: Pack, run: Path, log: Log
) -> Validation | StyleValidation:
    if pack.style is not None:
        return StyleValidation([photograph for photograph, _ in held_out], pack.style, run, log.board)
    validation = Validation(held_out, bench, recipe.data.scale, run, log.board)
    for note in validation.notes:
        log.on_event({"event": "note", "text": note})
    return validation


def _run(
    state: State, stream: Iterator[Batch], recipe: Recipe, run: Path, steps: int, log: Log,
    validation: Validation | StyleValidation | None, cancelled: Callable[[], bool],
) -> None:  # fmt: skip
    """Step until ``steps``, with what has to happen between steps."""
    target = next(state.average.parameters()).device
    while state.step < steps:
        factor = recipe.schedule.factor(state.step, steps)
        try:
            step(state, stream, recipe, factor)
        except Exception as error:
            if not cancelled():
                raise
            # Ctrl-C ends torch.compile's C++ compiler as well; of a step half made nothing is saved.
            raise Interrupted(f"stopped in step {state.step + 1}; run the same command again to continue") from error
        state.step += 1
        last, sound = state.step == steps, state.bad_steps == 0
        if state.bad_steps >= MAX_BAD_STEPS or (last and not sound):
            go_back(state, run, log)
            continue
        log.step(state, factor)
        if validation and (last or state.step % recipe.valid_every == 0):
            state.scores = validation.run(state.average, state.step)
            if recipe.keep_best and state.scores.get("valid_psnr", -math.inf) > state.best:
                state.best, state.best_step = state.scores["valid_psnr"], state.step
            log.validation(state.step, state.scores)
        stop = parallel.any_of(cancelled(), target) and sound  # else a few steps later, when there is something to save
        if sound and (last or stop or state.step % recipe.save_every == 0):
            save(state, run, recipe, steps)
        if stop and not last:
            raise Interrupted(f"stopped at step {state.step}; run the same command again to continue")


def _silent(event: dict) -> None:
    """Only the leading process speaks."""


def _features(recipe: Recipe, file: Path | None, terms: Terms) -> torch.nn.Module | None:
    """The feature network, fetched by the leading process where it has to be."""
    if recipe.features is None:
        if file is not None:
            raise UsageError(f"--features {file}: {recipe.name} uses no features; leave it out")
        return None
    if not parallel.leads():
        parallel.wait()
    network = load_features(recipe.features.kind, recipe.features.last, file, terms)
    if parallel.leads():
        parallel.wait()
    return network


@contextmanager
def _claimed(run: Path) -> Iterator[None]:
    """Hold the run folder. Raises ``ResourceError`` when another process does."""
    with open(run / f"lock-{parallel.place()[0]}", "wb") as file:
        claim(file, run)
        yield


def _remark(
    recipe: Recipe, state: State, pack: Pack, sampler: Sampler, start: Path | None, steps: int, moved: str,
    on_event: Event,
) -> None:  # fmt: skip
    """What a person would want to know before the first step."""
    notes = [text for text in (*(pool.remark for pool in sampler.pools), moved) if text]
    if state.step == 0 and recipe.after and start is None:
        notes.append(f"{recipe.name} is meant to start --from a trained {recipe.after}; it starts from noise")
    if any("lr" in item for item in pack.train) and getattr(recipe.data, "degrade", None) is not None:
        notes.append(f"the dataset has low-resolution partners; {recipe.name} makes its own")
    elif getattr(recipe.data, "degrade", pack) is None:
        notes.append("learns from the low-resolution partners of the dataset")
    device = next(state.average.parameters()).device
    if recipe.mixed and multiplies_in(recipe, device) is not torch.bfloat16:
        where, what = "GPU" if device.type == "cuda" else "processor", SHORT[multiplies_in(recipe, device)]
        notes.append(f"this {where} is no faster in bf16; it computes in {what}")
    if recipe.compile:
        without = "torch.compile does not work here (no C++ compiler, or no Python headers?): slower without it"
        notes.append("the first step waits for torch.compile" if compiles(device.type) else without)
    if state.step == steps:
        notes.append(f"stands at step {steps} of {steps}: nothing left to train")
    for text in notes:
        on_event({"event": "note", "text": text})


def _held_out(recipe: Recipe, pack: Pack, valid: Path | None) -> list[tuple[Picture, Picture]]:
    """What validation looks at: a dataset of its own, or what the training set holds out; both read once in whole."""
    if not parallel.leads():
        return []
    pack.check()
    other = Pack(valid) if valid else pack
    if valid:
        other.check()
    data = recipe.data.fitted(other) if isinstance(recipe.data, PairedCrops) else recipe.data
    return data.pairs(other, (other.everything if valid else other.valid)[:PICTURES])
