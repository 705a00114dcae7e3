"""``acutance upscale``: make pictures larger."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from acutance.cli import console
from acutance.errors import AcutanceError, Interrupted, UsageError

if TYPE_CHECKING:
    from acutance.models.model import Model
    from acutance.pipelines.settings import Settings


def upscale(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Pictures or folders.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder; default: NAME_x4 beside the input.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A name (see acutance models), a model file or a run folder.")
    ] = "fidelity",
    texture: Annotated[float, typer.Option(help="From 0, faithful, to 1, most texture (partly invented).")] = 0.0,
    scale: Annotated[
        float | None,
        typer.Option(help="Times as large, up to 16; default: the model's. To 2, fidelity_x2 works for fidelity."),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Or: exact width in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Or: exact height in pixels.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="png, jpg, webp, tif or avif; default: as the input.")
    ] = None,
    quality: Annotated[int, typer.Option(help="1 to 100, for jpg, webp and avif.")] = 90,
    engine: Annotated[str, typer.Option(help="auto, cpu or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or int8 (fastest).")] = "auto",
    tile: Annotated[int, typer.Option(help="Tile side in pixels; 0 chooses.")] = 0,
    back_project: Annotated[
        int, typer.Option(help="Correct the result N times until it shrinks to the input again; 0 is off, 20 is usual.")
    ] = 0,
    max_megapixels: Annotated[float, typer.Option(help="Largest input accepted.")] = 300,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders with all their subfolders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that another plan made.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
) -> None:
    """Enlarge pictures, faithfully: depth, transparency, profile and metadata are kept.

    Run the same command again after a stop: what is finished is kept, the rest goes on.
    """
    from acutance.models import dial
    from acutance.pipelines.settings import Settings

    settings = Settings(
        scale=scale,
        width=width,
        height=height,
        file_format=format_name(file_format),
        quality=quality,
        engine=engine,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        tile=tile,
        back_project=back_project,
        overwrite=overwrite,
        max_megapixels=max_megapixels,
    )
    if code := run(inputs, output, dial.load(model, texture, scale), recursive, settings, json):
        raise typer.Exit(code)


def format_name(given: str | None) -> str | None:
    """A format as the settings call it."""
    name = given and given.lower()
    return {"jpeg": "jpg", "tiff": "tif"}.get(name or "", name)


def run(inputs: list[Path], output: Path | None, model: Model, recursive: bool, settings: Settings, json: bool) -> int:
    """Plan, run and report; returns the exit code."""
    from acutance.files.memory import return_freed_memory
    from acutance.pipelines.batch import plan_jobs, run_jobs
    from acutance.pipelines.upscale import Upscaler

    return_freed_memory()
    upscaler = Upscaler(model, settings)
    jobs, others, unopened = plan_jobs(inputs, output, settings, model, recursive)
    report = _Report(json)
    for problem in unopened:
        report.failure(problem)
    if not jobs:
        raise UsageError("no pictures found" + ("" if recursive else "; subfolders need --recursive"))
    with console.stoppable() as stopped:
        try:
            debug = "--debug" in sys.argv
            summary = run_jobs(upscaler, jobs, on_event=report, cancelled=lambda: bool(stopped()), debug=debug)
        except Interrupted as error:
            report.progress.clear()
            raise Interrupted(str(error), stopped() or 2) from None
    report.close(summary, others, len(jobs))
    return summary.exit_code or int(bool(unopened))


class _Report:
    """Turns events into progress, lines and one summary line."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self.progress = console.Progress()
        self.begin = time.monotonic()

    def __call__(self, event: dict[str, Any]) -> None:
        if self.json:
            console.emit(event)
        name = Path(event["input"]).name
        if event["event"] == "progress":
            share = (event["picture"] - 1 + event["done"] / event["total"]) / event["pictures"]
            spent = time.monotonic() - self.begin
            text = name if event["pictures"] == 1 else f"{event['picture']}/{event['pictures']} {name}"
            self.progress.show(share, text, spent / share - spent)
            return
        self.progress.clear()
        if event["event"] == "done":
            size = f"{event['width']}x{event['height']}"
            seams = f", seam ratio {event['seams']:.3f}" if "seams" in event else ""
            how = f"{event['model']}, {event['engine']} {event['precision']}{seams}"
            console.say(f"{event['output']}  {size}  {event['seconds']:.1f} s  ({how})")
            for note in event["notes"]:
                console.say(f"  note: {name} {note}")
        elif event["event"] == "failed":
            console.say(f"acutance: {event['error']}")

    def failure(self, error: AcutanceError) -> None:
        """Something that could not even be opened."""
        if self.json:
            console.emit({"event": "failed", "kind": error.kind, "exit_code": error.exit_code, "error": str(error)})
        console.fail(error)

    def close(self, summary: Any, others: int, jobs: int) -> None:
        """The summary line of a batch."""
        failed = len(summary.failed)
        never = jobs - summary.done - summary.kept - failed
        if self.json:
            console.emit({"event": "summary", "done": summary.done, "kept": summary.kept, "failed": failed,
                          "not_tried": never, "other_files": others})  # fmt: skip
        if jobs == 1 and not summary.kept:
            return
        parts = [f"{summary.done} done"]
        parts += [f"{summary.kept} already there"] if summary.kept else []
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{never} not tried"] if never else []
        parts += [f"{others} other files left alone"] if others else []
        console.say(f"{', '.join(parts)}; {console.clock(time.monotonic() - self.begin)}")
