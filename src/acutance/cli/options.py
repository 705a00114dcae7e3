"""Options that mean the same in several commands, and groups that list their commands in our order."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

PATH = click.Path(readable=False, path_type=Path)  # what cannot be read is named by who reads it


class Group(click.Group):
    """Commands in the order they were added; click's own sorts them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as the help lists them."""
        return list(self.commands)


json_events = click.option("--json", is_flag=True, help="Events as JSON lines on stdout.")
json_lines = click.option("--json", is_flag=True, help="JSON lines on stdout.")
engine = click.option("--engine", default="auto", help="auto, cpu or torch.")
precision = click.option("--precision", default="auto", help="auto, fp32, bf16 or int8 (fastest without AMX).")

# What is enlarged or painted, by which model
pictures = click.argument("inputs", metavar="INPUT...", type=PATH, nargs=-1, required=True, help="Pictures or folders.")
film = click.argument("source", metavar="INPUT", type=PATH, help="A film.")
model = partial(click.option, "--model", help="A name (see acutance models), a model file or a run folder.")

# Enlarging
texture = click.option("--texture", default=0.0, help="From 0, faithful, to 1, most texture (partly invented).")
scale = click.option(
    "--scale",
    type=float,
    help="Times as large, up to 16; default: the model's. Up to 2, fidelity and restore have networks for x2.",
)
width = click.option("--width", type=int, help="Or: exact width in pixels.")
height = click.option("--height", type=int, help="Or: exact height in pixels.")

# Pictures
file_format = click.option("--format", "file_format", help="png, jpg, webp, tif or avif; default: as the input.")
quality = click.option("--quality", default=90, help="1 to 100, for jpg, webp and avif.")
tile = click.option("--tile", default=0, help="Tile side in pixels; 0 chooses.")
max_megapixels = click.option("--max-megapixels", type=float, default=300, help="Largest input accepted.")
recursive = click.option("--recursive", "-r", is_flag=True, help="Folders with all their subfolders.")
overwrite_results = click.option("--overwrite", is_flag=True, help="Replace results that another plan made.")

# Films
deinterlace = click.option(
    "--deinterlace", default="auto", help="auto, off, on, bob (50 or 60 a second) or ivtc (film from TV)."
)
denoise_grain = click.option("--denoise-grain", default=0.0, help="Less film grain: 0, off, to 1.")
stabilise_time = click.option("--stabilise-time", default=0.0, help="Less flicker between frames: 0, off, to 1.")
