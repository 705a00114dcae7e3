"""``acutance upscale``: make pictures larger."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options
from acutance.errors import AcutanceError, Interrupted, UsageError

NAMED = 5  # files left alone that are named

if TYPE_CHECKING:
    from acutance.models.model import Model
    from acutance.pipelines.settings import Settings


@click.command(short_help="Enlarge pictures.")
@options.pictures
@click.option("--output", "-o", type=options.PATH, help="File or folder; default: NAME_x4 beside the input.")
@options.model(default="fidelity")
@options.texture
@options.scale
@options.width
@options.height
@options.file_format
@options.quality
@options.engine
@options.precision
@options.tile
@click.option(
    "--back-project",
    default=0,
    help="Correct the result N times until it shrinks to the input again; 0 is off, 20 is usual.",
)
@options.max_megapixels
@options.recursive
@options.overwrite_results
@options.json_events
def upscale(
    inputs: tuple[Path, ...],
    output: Path | None,
    model: str,
    texture: float,
    scale: float | None,
    width: int | None,
    height: int | None,
    file_format: str | None,
    quality: int,
    engine: str,
    precision: str,
    tile: int,
    back_project: int,
    max_megapixels: float,
    recursive: bool,
    overwrite: bool,
    json: bool,
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
        sys.exit(code)


def format_name(given: str | None) -> str | None:
    """A format as the settings call it."""
    name = given and given.lower()
    return {"jpeg": "jpg", "tiff": "tif"}.get(name or "", name)


def run(
    inputs: Sequence[Path], output: Path | None, model: Model, recursive: bool, settings: Settings, json: bool
) -> int:
    """Plan, run and report; returns the exit code."""
    from acutance.files.memory import return_freed_memory
    from acutance.pipelines.batch import Summary, plan_jobs, run_jobs
    from acutance.pipelines.upscale import Upscaler

    return_freed_memory()
    upscaler = Upscaler(model, settings)
    jobs, left, unopened = plan_jobs(list(inputs), output, settings, model, recursive)
    report = _Report(json)
    for path, problem in unopened:
        report.failure(path, problem)
    if not jobs and unopened:
        report.close(Summary(), left, 0, len(unopened))
        codes = {problem.exit_code for _, problem in unopened}
        return codes.pop() if len(codes) == 1 else 1
    if not jobs:
        raise UsageError("no pictures found" + ("; subfolders need --recursive" if left.folders else ""))
    with console.stoppable() as stopped:
        try:
            debug = "--debug" in sys.argv
            summary = run_jobs(upscaler, jobs, on_event=report, cancelled=lambda: bool(stopped()), debug=debug)
        except Interrupted as error:
            report.progress.clear()
            raise Interrupted(str(error), stopped() or 2) from None
    report.close(summary, left, len(jobs), len(unopened))
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
                console.say(f"  note: {name}: {note}")
        elif event["event"] == "kept" and event["damage"]:
            console.say(f"  note: {name}: was damaged ({event['damage']}); look whether parts of it are wrong")
        elif event["event"] == "failed":
            console.say(f"acutance: {event['error']}")

    def failure(self, path: Path, error: AcutanceError) -> None:
        """Something that could not even be opened."""
        if self.json:
            console.emit({"event": "failed", "input": str(path), "kind": error.kind, "exit_code": error.exit_code,
                          "error": str(error)})  # fmt: skip
        console.fail(error)

    def close(self, summary: Any, left: Any, jobs: int, unopened: int) -> None:
        """The summary line of a batch."""
        failed = len(summary.failed) + unopened
        never = jobs - summary.done - summary.kept - len(summary.failed)
        if self.json:
            console.emit({"event": "summary", "done": summary.done, "kept": summary.kept, "failed": failed,
                          "damaged": summary.damaged, "not_tried": never, "other_files": left.files,
                          "other_names": [str(path) for path in left.others], "results": left.results,
                          "subfolders": left.folders, "linked_folders": left.links})  # fmt: skip
        alone = [f"{left.results} results of earlier commands"] if left.results else []
        alone += [f"{left.files} other files ({_names(left)})"] if left.files else []
        alone += [f"{left.folders} subfolders (--recursive takes them in)"] if left.folders else []
        alone += [f"{left.links} links to folders (name them to take them in)"] if left.links else []
        if jobs + unopened == 1 and not summary.kept and not alone:
            return
        parts = [f"{summary.done} done"]
        parts += [f"{summary.kept} already there"] if summary.kept else []
        parts += [f"{summary.damaged} damaged"] if summary.damaged else []
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{never} not tried"] if never else []
        parts += [f"left alone: {', '.join(alone)}"] if alone else []
        console.say(f"{', '.join(parts)}; {console.clock(time.monotonic() - self.begin)}")


def _names(left: Any) -> str:
    """The first files left alone, and what would read them."""
    names = ", ".join(path.name for path in left.others[:NAMED])
    more = f" and {left.files - NAMED} more" if left.files > NAMED else ""
    extras = "".join(f'; pip install "acutance[{extra}]"' for extra in sorted(left.needed))
    return names + more + (extras and f"{extras} to read them")
