"""``acutance remaster``: make films larger."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from acutance.cli import console, options
from acutance.errors import Interrupted, UsageError


@click.command(short_help="Enlarge a film.")
@options.film
@click.option("--output", "-o", type=options.PATH, help=".mkv, .mp4, .mov or .webm; default: NAME_x4 beside the input.")
@options.model(default="fidelity")
@options.texture
@options.scale
@options.width
@options.height
@click.option(
    "--codec",
    help="h264, h265, av1, ffv1 (lossless) or prores; default: h264, h265 for 10 bits or large results, av1 in .webm.",
)
@click.option("--crf", type=int, help="Quality, lower is better; default 17 (h264), 20 (h265), 25 (av1).")
@click.option("--preset", help="The encoder's speed; default: medium.")
@click.option(
    "--pixels",
    help="Chroma: 420, 422, 444 or same; default: 420 for h264 and h265 where it holds all colour, else same.",
)
@options.deinterlace
@options.denoise_grain
@options.stabilise_time
@click.option("--start", help="Begin here: seconds, 1:30 or 0:01:30.")
@click.option("--end", help="End here.")
@options.engine
@options.precision
@click.option("--overwrite", is_flag=True, help="Replace a result that another plan made.")
@options.json_events
def remaster(
    source: Path,
    output: Path | None,
    model: str,
    texture: float,
    scale: float | None,
    width: int | None,
    height: int | None,
    codec: str | None,
    crf: int | None,
    preset: str | None,
    pixels: str | None,
    deinterlace: str,
    denoise_grain: float,
    stabilise_time: float,
    start: str | None,
    end: str | None,
    engine: str,
    precision: str,
    overwrite: bool,
    json: bool,
) -> None:
    """Enlarge a film, with all its sound, subtitles, chapters and every frame at its time.

    Stop it any time; the same command goes on. See acutance preview for a first look.
    """
    from acutance.pipelines.film import FilmSettings

    settings = FilmSettings(
        scale=scale,
        width=width,
        height=height,
        codec=codec and codec.lower(),
        crf=crf,
        preset=preset,
        pixels=pixels,
        deinterlace=deinterlace,
        denoise_grain=denoise_grain,
        stabilise_time=stabilise_time,
        start=seconds_of("--start", start),
        end=seconds_of("--end", end),
        engine=engine,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        overwrite=overwrite,
    )
    if code := _run(source, output, (model, texture), settings, json):
        sys.exit(code)


def seconds_of(option: str, text: str | None) -> float | None:
    """A time as people write it, in seconds. Raises ``UsageError``.

    >>> seconds_of("--at", "90"), seconds_of("--at", "1:30.5"), seconds_of("--at", "01:00:02"), seconds_of("--at", None)
    (90.0, 90.5, 3602.0, None)
    """
    if text is None:
        return None
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", text):
        raise UsageError(f"{option} {text}: expected seconds, minutes:seconds or hours:minutes:seconds")
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def _run(source: Path, output: Path | None, model: tuple[str, float], settings: Any, json: bool) -> int:
    """Load, run and report; returns the exit code: 1 if the film was damaged."""
    from acutance.files.memory import return_freed_memory
    from acutance.models import dial
    from acutance.pipelines.remaster import remaster as run
    from acutance.pipelines.upscale import Upscaler

    return_freed_memory()
    loaded = dial.load(*model, settings.scale, film=True)
    if source.is_dir():
        raise UsageError(f"{source}: is a folder; name a film")
    target = output or beside(source, settings, loaded.geometry.scale)
    report = _Report(json)
    with console.stoppable() as stopped:
        try:
            upscaler = Upscaler(loaded, settings.still())
            facts = run(source, target, upscaler, settings, on_event=report, cancelled=lambda: bool(stopped()))
        except Interrupted as error:
            report.progress.clear()
            raise Interrupted(str(error), stopped() or 2) from None
        finally:
            report.progress.clear()
    report.close(facts)
    return 1 if facts["damage"] else 0


def beside(source: Path, settings: Any, model_scale: int) -> Path:
    """The default name of a result: in the input's container where that can be written, else in Matroska."""
    from acutance.files.video_codecs import CONTAINERS
    from acutance.pipelines.batch import label

    suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    return source.with_name(f"{source.stem}{label(settings.still(), model_scale)}{suffix}")


class _Report:
    """Turns events into progress and lines."""

    def __init__(self, json: bool) -> None:
        self.json = json
        self.progress = console.Progress()

    def __call__(self, event: dict[str, Any]) -> None:
        if self.json:
            console.emit(event)
        if event["event"] == "progress":
            done, total, rate = event["done"], event["total"], event["rate"]
            text = f"{done}/{total or '?'} frames, {rate:.2g} a second"
            self.progress.show(total and done / total, text, total and (total - done) / rate)
        elif event["event"] == "plan":
            name = Path(event["input"]).name
            console.say(f"{name}: to {event['width']}x{event['height']}, {event['codec']} {event['pixel_format']}, "
                        f"{event['frames'] or 'unknown'} frames")  # fmt: skip
            for note in event["notes"]:
                console.say(f"  note: {note}")
            self.told = set(event["notes"])

    def close(self, facts: dict[str, Any]) -> None:
        """The last lines: the result, what else is to be said, and the damage."""
        if self.json:
            console.emit({"event": facts["status"], **{k: v for k, v in facts.items() if k != "status"}})
        if facts["status"] == "kept":
            console.say(f"{facts['output']}  already there")
        else:
            console.say(
                f"{facts['output']}  {facts['width']}x{facts['height']}  {facts['frames']} frames  "
                f"{console.clock(facts['seconds'])}  ({facts['model']}, {facts['engine']} {facts['precision']})"
            )
            for note in facts["notes"]:
                if note not in self.told:
                    console.say(f"  note: {note}")
        if facts["damage"]:
            console.say(f"acutance: {facts['input']}: is damaged: {facts['damage']}; what could be read was delivered")
