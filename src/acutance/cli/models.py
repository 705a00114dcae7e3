"""``acutance models``: which models there are, and how good they are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from acutance.cli import console
from acutance.errors import AcutanceError


def models(json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False) -> None:
    """List the models: name, scale, size, training steps, scores."""
    from acutance.models.model import read_facts
    from acutance.models.store import available, models_folder

    for name, path in available().items():
        try:
            row = _row(name, read_facts(path))
        except (AcutanceError, KeyError, TypeError, AttributeError) as error:
            console.say(f"acutance: {error}")
            continue
        if json:
            console.emit({"event": "model", "path": str(path), **row})
        else:
            scores = "  ".join(f"{key} {value:.2f} dB" for key, value in row["scores"].items())
            print(f"{name:12} x{row['scale']}  {path.stat().st_size / 1e6:.1f} MB  {row['network']}  {scores}")
            if row["about"]:
                print(f"{'':12} {row['about']}")
    if not json:
        console.say(f"your own: put model files into {models_folder()}, or name one with --model FILE")


def _row(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    receipt = facts["receipt"]
    return {
        "name": name, "network": facts["network"], "scale": facts["geometry"]["scale"],
        "steps": receipt.get("steps"), "scores": receipt.get("measured", {}), "about": receipt.get("about", ""),
    }  # fmt: skip
