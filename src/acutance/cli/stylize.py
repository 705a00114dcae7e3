"""``acutance stylize``: paint pictures in a style, at their own size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from acutance.cli.upscale import format_name, run


def stylize(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Pictures or folders.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder; default: NAME_MODEL beside the input.")
    ] = None,
    model: Annotated[str, typer.Option(help="A name (see acutance models), a model file or a run folder.")] = "vangogh",
    strength: Annotated[float, typer.Option(help="From 0, the picture itself, to 1, all paint.")] = 1.0,
    shrink: Annotated[
        float, typer.Option(help="Reduce the picture this many times first: strokes become as much larger in it.")
    ] = 1.0,
    file_format: Annotated[
        str | None, typer.Option("--format", help="png, jpg, webp, tif or avif; default: as the input.")
    ] = None,
    quality: Annotated[int, typer.Option(help="1 to 100, for jpg, webp and avif.")] = 90,
    engine: Annotated[str, typer.Option(help="auto, cpu or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    tile: Annotated[int, typer.Option(help="Tile side in pixels; 0 chooses.")] = 0,
    max_megapixels: Annotated[float, typer.Option(help="Largest input accepted.")] = 300,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders with all their subfolders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that another plan made.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
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
        raise typer.Exit(code)
