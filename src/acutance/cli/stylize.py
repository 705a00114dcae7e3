"""``acutance stylize``: paint pictures in a style, at their own size."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from acutance.cli import options
from acutance.cli.upscale import format_name, run


@click.command(short_help="Paint pictures in a style.")
@options.pictures
@click.option("--output", "-o", type=options.PATH, help="File or folder; default: NAME_MODEL beside the input.")
@options.model(default="vangogh")
@click.option("--strength", default=1.0, help="From 0, the picture itself, to 1, all paint.")
@click.option(
    "--shrink", default=1.0, help="Reduce the picture this many times first: strokes become as much larger in it."
)
@options.file_format
@options.quality
@options.engine
@click.option("--precision", default="auto", help="auto, fp32 or bf16.")
@options.tile
@options.max_megapixels
@options.recursive
@options.overwrite_results
@options.json_events
def stylize(
    inputs: tuple[Path, ...],
    output: Path | None,
    model: str,
    strength: float,
    shrink: float,
    file_format: str | None,
    quality: int,
    engine: str,
    precision: str,
    tile: int,
    max_megapixels: float,
    recursive: bool,
    overwrite: bool,
    json: bool,
) -> None:
    """Paint pictures in a style, at any size: depth, transparency, profile and metadata are kept.

    A stroke has the same size in pixels in every picture: of a large photograph, --shrink 2 or 3 makes
    a painting that can be taken in at once. Run the same command again after a stop: it goes on.
    """
    from acutance.models import store
    from acutance.pipelines.settings import Settings

    settings = Settings(
        verb="stylize",
        strength=strength,
        shrink=shrink,
        file_format=format_name(file_format),
        quality=quality,
        engine=engine,  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        tile=tile,
        overwrite=overwrite,
        max_megapixels=max_megapixels,
    )
    if code := run(inputs, output, store.load(model), recursive, settings, json):
        sys.exit(code)
