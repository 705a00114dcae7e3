"""``acutance reproduce``: measure published facts again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options

if TYPE_CHECKING:
    from acutance.measuring.methods import Method
    from acutance.measuring.published import Fact
    from acutance.measuring.reproduce import Checked


@click.command(short_help="Measure published figures again.")
@click.option("--bench", type=options.PATH, required=True, help="A folder that holds Set5/, Set14/, BSD100/ ...")
@click.option("--sets", default="", show_default=False, help="Only these sets, with commas.")
@click.option("--json", is_flag=True, help="One JSON line for each fact, on stdout.")
def reproduce(bench: Path, sets: str, json: bool) -> None:
    """Measure what papers and our own receipts say, and print published, measured, difference.

    Interpolation, the built-in models, and public checkpoints that lie in your weights folder. Exit code 1 if a
    figure is not met.
    """
    from acutance.files import machine
    from acutance.measuring import reproduce as work
    from acutance.measuring.published import FACTS

    networks, own = _networks()
    wanted = {name.strip() for name in sets.split(",") if name.strip()}
    facts = [fact for fact in (*FACTS, *own) if not wanted or fact.set in wanted]
    progress = console.Progress()
    checked = []

    def on_event(event: dict[str, Any]) -> None:
        progress.show(event["done"] / event["total"], f"{event['set']} {event['method']}")

    if not json:
        console.tell(
            f"{'method':10} {'set':9} {'picture':9} {'metric':10} {'published':>9} {'measured':>9} {'differs':>8}"
        )
    for each in work.reproduce(bench, networks, facts, on_event=on_event):
        checked.append(each)
        progress.clear()
        if json:
            console.emit({"event": "fact", **each.to_json()})
        else:
            console.tell(_row(each))
    code = work.verdict(checked)
    missing = sorted({each.why for each in checked if each.why})
    held, known = sum(bool(each.holds) for each in checked), sum(each.holds is not None for each in checked)
    if json:
        console.emit({"event": "summary", "facts": len(checked), "measured": known, "hold": held, "missing": missing,
                      **machine.receipt()})  # fmt: skip
    else:
        left_out = f"; left out: {', '.join(missing)}" if missing else ""
        console.say(f"{held} of {known} measured facts hold{left_out}")
    if code:
        sys.exit(code)


def _row(each: Checked) -> str:
    """One line for people."""
    from acutance.measuring.report.text import figure

    fact = each.fact
    start = f"{fact.method:10} {fact.set:9} {fact.image or 'mean':9} {fact.metric:10} "
    start += f"{figure(fact.metric, fact.published):>9} "
    if each.measured is None:
        return f"{start}{'-':>9} {'':8}  {each.why} ({fact.source})"
    mark = "holds" if each.holds else "DOES NOT HOLD"
    return (
        f"{start}{figure(fact.metric, each.measured):>9} {each.measured - fact.published:>+8.4f}"
        f"  {mark} within {fact.tolerance:g} ({fact.source})"
    )


def _networks() -> tuple[dict[str, Method], list[Fact]]:
    """Built-in models, and public checkpoints of the weights folder made into models once; what receipts say."""
    from acutance.measuring import methods
    from acutance.measuring.reproduce import own_facts
    from acutance.models import store
    from acutance.models.model import read_model
    from acutance.pipelines.upscale import Settings

    built_in = (read_model(path) for path in sorted(store.BUILTIN.glob("*.safetensors")))
    models = {model.name: model for model in built_in if model.verb == "upscale"}
    own = own_facts(models)
    models |= _checkpoints()
    alike = Settings(precision="fp32")  # on every machine
    return {name: methods.network(model, alike, name) for name, model in models.items()}, own


def _checkpoints() -> dict[str, Any]:
    """Files of the weights folder that are one of ``CHECKPOINTS``, as models kept in the cache."""
    import importlib.util

    from acutance.files.folders import cache_folder
    from acutance.files.weights import sha256, weights_folder
    from acutance.measuring.published import CHECKPOINTS
    from acutance.models.model import read_model

    known = {digest: name for name, digests in CHECKPOINTS.items() for digest in digests}
    found = {}
    for path in sorted(weights_folder().glob("*.pth")) if importlib.util.find_spec("torch") else []:
        if name := known.get(sha256(path)):
            target = cache_folder() / "models" / f"{name}.safetensors"
            if not target.is_file():
                _import(path, target)
            found[name] = read_model(target)
    return found


def _import(checkpoint: Path, target: Path) -> None:
    from acutance.training.importing import Wish, import_checkpoint

    import_checkpoint(checkpoint, target, Wish())
