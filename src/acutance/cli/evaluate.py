"""``acutance evaluate``: measure models, interpolation and finished pictures on test sets."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options
from acutance.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from acutance.measuring.methods import Method


@click.command(short_help="Measure models, or any pictures, on test sets.")
@click.option(
    "--bench", type=options.PATH, multiple=True, help="A folder of originals, or with HR/ (and LRx4/); repeatable."
)
@click.option("--model", multiple=True, help="A model, or bicubic, nearest, lanczos; repeatable. Default: fidelity.")
@click.option(
    "--images",
    type=options.PATH,
    multiple=True,
    help="Results of any other tool: a folder, or one with a folder for each set; repeatable.",
)
@click.option("--metrics", default="psnr_y,ssim_y", help="Names with commas; --metrics list shows them.")
@click.option("--out", type=options.PATH, multiple=True, help="A report: NAME.html, NAME.md or NAME.json; repeatable.")
@click.option("--pictures", type=options.PATH, help="Save each result here, with its input, original and bicubic.")
@click.option("--scale", type=click.IntRange(2, 16), help="The scale, when no model fixes it.")
@click.option("--texture", default=0.0, help="0 to 1: the dial of upscale, for models that have it.")
@options.engine
@click.option("--precision", default="auto", help="auto, fp32, bf16 or int8.")
@click.option("--fetch", is_flag=True, help="Fetch weight files that metrics need, checked by SHA-256.")
@click.option("--per-image", is_flag=True, help="Print every image, not only the means.")
@options.json_events
def evaluate(
    bench: tuple[Path, ...],
    model: tuple[str, ...],
    images: tuple[Path, ...],
    metrics: str,
    out: tuple[Path, ...],
    pictures: Path | None,
    scale: int | None,
    texture: float,
    engine: str,
    precision: str,
    fetch: bool,
    per_image: bool,
    json: bool,
) -> None:
    """Scores by the protocol of the SRGAN and ESRGAN papers: luma, a border of SCALE pixels cut off.

    Learned metrics look at the whole picture and need torch and weight files, named if missing; --fetch brings
    them. Scores are kept in ~/.cache/acutance, so a second run is instant.
    """
    from acutance.measuring import benchmark, report
    from acutance.measuring import metrics as table

    if metrics == "list":
        return _list_metrics(json)
    if not bench:
        raise UsageError("--bench is missing: name a folder of originals, or one with HR/")
    names = table.chosen_metrics(metrics)
    for path in out:
        report.check_suffix(path)
    models = model or (() if images else ("fidelity",))
    methods, times = _methods(models, images, bench, scale, texture, engine, precision)
    if fetch:
        _fetch(names, json)
    view, spent = _View(json, per_image, names), benchmark.Spent()
    begin = time.perf_counter()
    results = benchmark.evaluate(methods, bench, times, names, pictures=pictures, on_event=view, spent=spent)
    wall = time.perf_counter() - begin
    view.close(spent, wall)
    if out:
        crops = _crops(results, methods, names, times) if any(p.suffix.lower() == ".html" for p in out) else []
        made = report.Report(
            results=tuple(results), methods=tuple(methods), metrics=names, scale=times,
            receipt=_receipt(methods, bench), crops=tuple(crops),
        )  # fmt: skip
        for path in out:
            report.write(path, made)
            console.say(str(path))


def _fetch(metrics: Sequence[str], json: bool) -> None:
    """The weight files of these metrics that are not there yet."""
    from acutance.files.download import Terms
    from acutance.measuring.metrics import fetch_missing

    progress = console.Progress()

    def on_event(event: dict[str, Any]) -> None:
        if json:
            console.emit(event)
        if event["event"] == "progress":
            progress.show(event["done"] / event["total"], event["file"], event["eta_s"])
        elif event["event"] == "note" and not json:
            console.say(event["text"])

    with console.stoppable() as stopped:
        terms = Terms(option="ACUTANCE_WEIGHTS", on_event=on_event, cancelled=lambda: bool(stopped()))
        try:
            fetch_missing(metrics, terms)
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
        finally:
            progress.clear()


def _methods(
    models: Sequence[str],
    images: Sequence[Path],
    benches: Sequence[Path],
    scale: int | None,
    texture: float,
    engine: str,
    precision: str,
) -> tuple[list[Method], int]:
    """Everything that is compared, each under a name of its own, and the one scale of all."""
    from acutance.measuring import benchmark, methods
    from acutance.models import dial
    from acutance.pipelines.upscale import Settings

    settings = Settings(engine=engine, precision=precision)  # type: ignore[arg-type]
    loaded = {name: dial.load(name, texture, scale) for name in models if name not in methods.INTERPOLATIONS}
    for model in loaded.values():
        if scale and model.geometry.scale != scale:
            raise UsageError(
                f"--scale {scale}: {model.name} enlarges {model.geometry.scale} times; leave one of both out"
            )
    times = benchmark.common_scale([each.geometry.scale for each in loaded.values()], scale)
    called = [model.name for model in loaded.values()]
    found = [
        methods.network(loaded[name], settings, _title(name) if called.count(loaded[name].name) > 1 else "")
        if name in loaded
        else methods.interpolation(name, times)
        for name in dict.fromkeys(models)
    ]
    found += [methods.ready_made(folder, times, benches) for folder in images]
    names = [method.name for method in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two methods are called {twice}; rename a file or folder, so that they can be told apart")
    return found, times


def _title(given: str) -> str:
    """What to call one of several models of the same name: as its file or folder.

    >>> _title("runs/first"), _title("mine/second.safetensors")
    ('first', 'second')
    """
    path = Path(given)
    return path.stem if path.suffix == ".safetensors" else path.resolve().name


def _crops(results: Sequence[Any], methods: Sequence[Method], names: Sequence[str], scale: int) -> list[Any]:
    """The worst places of the first method that is not plain interpolation."""
    from acutance.measuring.metrics import METRICS
    from acutance.measuring.report.crops import worst_crops

    judged = next((m.name for m in methods if m.facts["kind"] != "interpolation"), methods[0].name)
    return worst_crops(results, methods, judged, names[0], scale, higher=METRICS[names[0]].better == "higher")


def _receipt(methods: Sequence[Method], benches: Sequence[Path]) -> dict[str, str]:
    """What a reader needs to measure the same again."""
    from acutance.files import images, machine
    from acutance.measuring.pairs import find_pairs, set_name

    rows = {"command": shlex.join(["acutance", *sys.argv[1:]]), **machine.receipt()}
    for method in methods:
        rows[f"method {method.name}"] = ", ".join(f"{label} {value}" for label, value in method.facts.items())
    for bench in benches:
        originals = [path for path, _ in find_pairs(bench, int(methods[0].facts["scale"]))]
        rows[f"set {set_name(bench)}"] = (
            f"{len(originals)} originals, SHA-256 {images.sha256_of_all(originals)[:16]}..."
        )
    return rows


def _list_metrics(json: bool) -> None:
    from acutance.measuring.metrics import METRICS

    for name, metric in METRICS.items():
        if json:
            console.emit({"event": "metric", "name": name, "label": metric.title, "better": metric.better,
                          "about": metric.about, "protocol": metric.protocol})  # fmt: skip
        else:
            console.tell(f"{name:14} {metric.better:6} is better  {metric.about}")


SHOWN_NOTES = 5  # of one method on one set


class _View:
    """Progress, a table, or JSON lines."""

    def __init__(self, json: bool, per_image: bool, metrics: Sequence[str]) -> None:
        from acutance.measuring.metrics import METRICS

        self.json, self.per_image, self.metrics = json, per_image, metrics
        self.progress, self.begin = console.Progress(), time.monotonic()
        self.notes = 0
        if not json:
            labels = "".join(f" {METRICS[name].title:>10}" for name in metrics)
            console.tell(f"{'method':18} {'set':10} {'images':>6}{labels}")

    def __call__(self, event: dict[str, Any]) -> None:
        if self.json:
            console.emit(event)
        if event["event"] == "image":
            share, spent = event["done"] / event["total"], time.monotonic() - self.begin
            self.progress.show(share, f"{event['set']} {event['method']} {event['image']}", spent / share - spent)
            for note in event["notes"]:
                self.notes += 1
                if self.notes <= SHOWN_NOTES:
                    self.progress.clear()
                    console.say(f"  note: {event['method']}, {event['image']}: {note}")
            return
        self.progress.clear()
        if self.notes > SHOWN_NOTES:
            console.say(
                f"  and {self.notes - SHOWN_NOTES} more notes on {event['method']}, {event['set']}; --json has all"
            )
        self.notes = 0
        if self.json:
            return
        console.tell(
            f"{event['method'][:18]:18} {event['set'][:10]:10} {event['images']:>6}{self._columns(event['mean'])}"
        )
        for row in event["per_image"] if self.per_image else []:
            console.tell(f"  {row['image'][:26]:26} {'':9}{self._columns(row)}")

    def _columns(self, row: dict[str, Any]) -> str:
        from acutance.measuring.report.text import figure
        from acutance.measuring.scores import from_json

        return "".join(f" {figure(name, from_json(row[name])):>10}" for name in self.metrics)

    def close(self, spent: Any, wall: float) -> None:
        """How long it took, and how much of it was known already."""
        self.progress.clear()
        if self.json:
            console.emit({"event": "summary", "measured": spent.measured, "recalled": spent.recalled,
                          "seconds": round(wall, 3), "methods_seconds": round(spent.methods_s, 3),
                          "metrics_seconds": round(spent.metrics_s, 3)})  # fmt: skip
            return
        known = f", {spent.recalled} known from before" if spent.recalled else ""
        console.say(f"{spent.measured} results measured{known}; {console.clock(wall)}")
