"""``acutance prepare``: a folder of photographs becomes a packed dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from acutance.cli import console


def prepare(
    photos: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The dataset folder to make.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
) -> None:
    """Pack photographs for training: checked, counted, hashed, a few held out for validation."""
    from acutance.training.prepare import prepare as pack

    progress = console.Progress()

    def on_event(event: dict[str, Any]) -> None:
        progress.show(event["done"] / event["total"], event["name"])
        if json:
            console.emit(event)

    manifest = pack(photos, out, on_event=on_event)
    progress.clear()
    items, skipped = manifest["items"], manifest["skipped"]
    held = sum(item["valid"] for item in items)
    megapixels = sum(item["width"] * item["height"] for item in items) / 1e6
    for skip in skipped[:10]:
        console.say(f"left out {skip['name']}: {skip['reason']}")
    if json:
        console.emit({"event": "done", "pictures": len(items), "held_out": held, "skipped": skipped})
    console.say(f"{out}: {len(items)} pictures, {megapixels:.0f} megapixels, {held} held out; {len(skipped)} left out")
