"""``acutance preview``: a few seconds of a film, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acutance.cli import console, options
from acutance.cli.remaster import seconds_of
from acutance.errors import Interrupted, UsageError


@click.command(short_help="Show a few seconds of a film before and after.")
@options.film
@click.option("--at", default="0", help="Where to look: seconds, 1:30 or 0:01:30.")
@click.option("--seconds", default=3.0, help="How much of it; cut short after 30 s of work.")
@click.option("--output", "-o", type=options.PATH, help="An .mp4; the stills lie beside it. Default: NAME_preview.mp4.")
@options.model(default="fidelity")
@options.texture
@options.scale
@options.width
@options.height
@options.deinterlace
@options.denoise_grain
@options.stabilise_time
@options.engine
@options.precision
@click.option("--overwrite", is_flag=True, help="Replace files that do not end in _preview, too.")
@options.json_events
def preview(
    source: Path,
    at: str,
    seconds: float,
    output: Path | None,
    model: str,
    texture: float,
    scale: float | None,
    width: int | None,
    height: int | None,
    deinterlace: str,
    denoise_grain: float,
    stabilise_time: float,
    engine: str,
    precision: str,
    overwrite: bool,
    json: bool,
) -> None:
    """Show what remaster would make of a film: left enlarged by bicubic, right by the model.

    The middle of the picture, as a short clip and as a sheet of stills, and how long the whole film would take.
    """
    from acutance.pipelines.film import FilmSettings

    if not 0 < seconds <= 60:
        raise UsageError(f"--seconds {seconds:g}: expected a number above 0 and up to 60")
    if source.is_dir():
        raise UsageError(f"{source}: is a folder; name a film")
    clip = output or source.with_name(f"{source.stem}_preview.mp4")
    if clip.suffix.lower() != ".mp4":
        raise UsageError(f"{clip}: a preview is an .mp4")
    if clip.exists() and source.exists() and clip.samefile(source):
        raise UsageError(f"{clip}: is the input itself; choose another output with -o")
    settings = FilmSettings(
        scale=scale,
        width=width,
        height=height,
        deinterlace=deinterlace,
        denoise_grain=denoise_grain,
        stabilise_time=stabilise_time,
        engine=engine,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        overwrite=overwrite,
    )
    _run(source, clip, (model, texture), settings, (seconds_of("--at", at) or 0.0, seconds), json)


def _run(
    source: Path, clip: Path, model: tuple[str, float], settings: Any, when: tuple[float, float], json: bool
) -> None:
    from acutance.models import dial
    from acutance.pipelines.preview import preview as run
    from acutance.pipelines.upscale import Upscaler

    progress = console.Progress()

    def on_event(event: dict[str, Any]) -> None:
        progress.show(event["done"] / event["total"], f"{event['done']}/{event['total']} frames")
        if json:
            console.emit(event)

    with console.stoppable() as stopped:
        try:
            upscaler = Upscaler(dial.load(*model, settings.scale, film=True), settings.still())
            facts = run(source, clip, upscaler, settings, at=when[0], seconds=when[1], on_event=on_event,
                        cancelled=lambda: bool(stopped()))  # fmt: skip
        except Interrupted:
            raise Interrupted("stopped", stopped() or 2) from None
        finally:
            progress.clear()
    if json:
        console.emit({"event": "done", **facts})
    cut = f" of {facts['of']}, cut short for time" if facts["frames"] < facts["of"] else ""
    console.say(f"{facts['output']}  {facts['frames']} frames{cut}  {console.clock(facts['seconds'])}")
    console.say(f"{facts['sheet']}  stills; left bicubic, right the model")
    whole = facts["whole_film_s"]
    estimate = f"about {console.clock(whole)}" if whole is not None else "nobody knows; its length is not told"
    console.say(f"the whole film to {facts['size'][0]}x{facts['size'][1]}: {estimate}")
