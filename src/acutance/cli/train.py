"""``acutance train``: run a recipe on a dataset, or continue the run in a folder."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acutance.cli import console
from acutance.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from acutance.training.recipe import Recipe


def train(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe, or my_recipe.py:function.", show_default=False)],
    data: Annotated[Path, typer.Option(help="A dataset made by acutance prepare.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The run folder; an existing run is continued.", show_default=False)],
    style: Annotated[
        Path | None, typer.Option(help="The second dataset, for recipes that carry its look to the first.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all; default from the recipe.", min=1)] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="Start from this run's or model's weights.")] = None,
    bench: Annotated[Path | None, typer.Option(help="A test set (with HR/) to log; it selects nothing.")] = None,
    valid: Annotated[Path | None, typer.Option(help="A dataset to validate on; default: what DATA holds out.")] = None,
    features: Annotated[Path | None, typer.Option(help="Weights of the feature network, for recipes with one.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(help="Same seed, same run.", min=0, max=2**63 - 1)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
) -> None:
    """Train a network. Stop it any time: the same command continues where it was."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError('training needs torch; install it with: pip install "acutance[train]"')
    from acutance.models.model import read_facts, verb
    from acutance.training.loop import train as run

    progress, leads = console.Progress(), os.environ.get("RANK", "0") == "0"

    def on_event(event: dict[str, Any]) -> None:
        if json:
            console.emit(event)
        if event["event"] == "train":
            text = f"step {event['step']}/{event['steps']}  {event['steps_per_s']} steps/s"
            progress.show(event["step"] / event["steps"], text, event["eta_s"])
        elif event["event"] == "progress":
            progress.show(event["done"] / event["total"], event.get("file", ""))
        elif event["event"] in ("note", "warning") and not json:
            progress.clear()
            console.say(f"{event['event']}: {event['text']}")
        elif event["event"] == "resumed" and not json:
            console.say(f"continuing at step {event['step']}")
        elif not json:
            progress.clear()
            console.say("  ".join(f"{key} {value}" for key, value in event.items() if key != "event"))

    with console.stoppable() as stopped:
        try:
            model = run(
                find_recipe(recipe), data=data, out=out, style=style, steps=steps, start=from_, valid=valid,
                bench=bench, features=features, device=device, seed=seed, on_event=on_event,
                cancelled=lambda: bool(stopped()),
            )  # fmt: skip
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
    if not leads:
        return
    progress.clear()
    if json:
        console.emit({"event": "done", "model": str(model)})
    console.say(f"{model}: ready; use it with: acutance {verb(read_facts(model)['network'])} PHOTO --model {model}")


def find_recipe(name: str) -> Recipe:
    """A built-in recipe by name, or ``file.py:function``."""
    from acutance.training.recipes import RECIPES

    if ":" in name:
        return _from_file(*name.rsplit(":", 1))
    if name not in RECIPES:
        raise UsageError(
            f"no recipe called {name}{_nearest(name, RECIPES)}; built in: {', '.join(RECIPES)}, "
            "or give my_recipe.py:function"
        )
    return RECIPES[name]()


def _from_file(file: str, function: str) -> Recipe:
    from acutance.training.recipe import Recipe

    specification = importlib.util.spec_from_file_location("recipe_of_the_user", file)
    if specification is None or specification.loader is None or not Path(file).is_file():
        raise UsageError(f"{file}: no such recipe file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{file}: cannot be imported ({type(error).__name__}: {error})") from error
    build: Callable[[], Recipe] | None = getattr(module, function, None)
    if build is None:
        raise UsageError(f"{file}: holds no function {function}{_nearest(function, vars(module))}")
    try:
        recipe = build()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}{_meant(str(error))}"
        raise UsageError(f"{file}:{function}: gives no recipe ({what})") from error
    if not isinstance(recipe, Recipe):
        raise UsageError(f"{file}:{function}: gives {type(recipe).__name__}, not a Recipe")
    return recipe


def _meant(message: str) -> str:
    """The nearest field, when a recipe's own is misspelt."""
    from acutance.training import data, recipe

    found = re.search(r"unexpected keyword argument '(\w+)'", message)
    kinds = (recipe.Recipe, recipe.ConstantThenDecay, recipe.MultiStep, recipe.CosineRestarts, recipe.Features,
             data.PairedCrops, data.WholePictures)  # fmt: skip
    return _nearest(found[1], {f.name for kind in kinds for f in fields(kind)}) if found else ""


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
