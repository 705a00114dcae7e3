"""``acutance train``: run a recipe on a dataset, or continue the run in a folder."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options
from acutance.errors import Interrupted, UsageError
from acutance.training.misspelt import meant, nearest

if TYPE_CHECKING:
    from acutance.training.recipe import Recipe


LINE = 60.0  # seconds between two lines where there is no terminal to draw on


def _list(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the built-in recipes, one a line, and end."""
    if not wanted or context.resilient_parsing:
        return
    _need_torch()
    from acutance.training.recipes import RECIPES

    for name, make in RECIPES.items():
        about = " ".join((make.__doc__ or "").split("\n\n")[0].split()).replace("``", "")
        console.tell(f"{name:24} {about}")
    context.exit()


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise UsageError('training needs torch; install it with: pip install "acutance[train]"')


@click.command(short_help="Train a network, or go on training it.")
@click.argument("recipe", help="A built-in recipe (see --list), or my_recipe.py:function.")
@click.option("--data", type=options.PATH, required=True, help="A dataset made by acutance prepare.")
@click.option("--out", type=options.PATH, required=True, help="The run folder; an existing run is continued.")
@click.option("--style", type=options.PATH, help="The second dataset, for recipes that carry its look to the first.")
@click.option("--steps", type=click.IntRange(1), help="Steps in all; default from the recipe.")
@click.option("--from", "from_", type=options.PATH, help="Start from this run's or model's weights.")
@click.option("--bench", type=options.PATH, help="A test set (with HR/) to log; it selects nothing.")
@click.option("--valid", type=options.PATH, help="A dataset to validate on; default: what DATA holds out.")
@click.option("--features", type=options.PATH, help="Weights of the feature network, for recipes with one.")
@click.option("--teacher", help="A model to learn from, for recipes that say so: a name, a file or a run folder.")
@click.option("--device", default="auto", help="auto, cpu or cuda.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Same seed, same run.")
@options.json_events
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the recipes.")
def train(
    recipe: str,
    data: Path,
    out: Path,
    style: Path | None,
    steps: int | None,
    from_: Path | None,
    bench: Path | None,
    valid: Path | None,
    features: Path | None,
    teacher: str | None,
    device: str,
    seed: int,
    json: bool,
) -> None:
    """Train a network. Stop it any time: the same command continues where it was."""
    _need_torch()
    from acutance.models.model import read_facts, verb
    from acutance.training.loop import train as run

    progress, leads = console.Progress(), os.environ.get("RANK", "0") == "0"
    with console.stoppable() as stopped:
        try:
            model = run(
                find_recipe(recipe), data=data, out=out, style=style, steps=steps, start=from_, valid=valid,
                bench=bench, features=features, teacher=teacher, device=device, seed=seed,
                on_event=_teller(progress, json), cancelled=lambda: bool(stopped()),
            )  # fmt: skip
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
    if not leads:
        return
    progress.clear()
    if json:
        console.emit({"event": "done", "model": str(model)})
    console.say(f"{model}: ready; use it with: acutance {verb(read_facts(model)['network'])} PHOTO --model {model}")


def _teller(progress: console.Progress, json: bool) -> Callable[[dict[str, Any]], None]:
    """What passes each event on: to a machine, to the progress line, or as a line of its own."""

    told = [time.monotonic()]

    def on_event(event: dict[str, Any]) -> None:
        if json:
            console.emit(event)
        if event["event"] in ("step", "train"):
            speed = f"{event['steps_per_s']} steps/s, {event['images_per_s']} images/s"
            text = f"step {event['step']}/{event['steps']}  {speed}{_first_loss(event)}"
            progress.show(event["step"] / event["steps"], text, event["eta_s"])
            if event["event"] == "train" and not progress.live and not json and time.monotonic() - told[0] > LINE:
                told[0] = time.monotonic()
                console.say(f"{text}  {console.clock(event['eta_s'])} left")
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

    return on_event


def _first_loss(event: dict[str, Any]) -> str:
    """The generator's first term, for a line of progress."""
    return next((f"  {name} {value:.4g}" for name, value in event.items() if name.startswith("generator/")), "")


def find_recipe(name: str) -> Recipe:
    """A built-in recipe by name, or ``file.py:function``."""
    from acutance.training.recipes import RECIPES

    if ":" in name:
        return _from_file(*name.rsplit(":", 1))
    if name not in RECIPES:
        raise UsageError(
            f"no recipe called {name}{nearest(name, RECIPES)}; acutance train --list names those built in, "
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
        raise UsageError(f"{file}: holds no function {function}{nearest(function, vars(module))}")
    try:
        recipe = build()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}{meant(error)}"
        raise UsageError(f"{file}:{function}: gives no recipe ({what})") from error
    if not isinstance(recipe, Recipe):
        raise UsageError(f"{file}:{function}: gives {type(recipe).__name__}, not a Recipe")
    return recipe
