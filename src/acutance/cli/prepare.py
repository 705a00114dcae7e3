"""``acutance prepare``: a folder of photographs becomes a packed dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acutance.cli import console, options
from acutance.errors import Interrupted

NAMED = 10  # how many of the files left out, or of the pairs that do not fit, are named


@click.command(short_help="Pack photographs for training.")
@click.argument("photos", type=options.PATH, nargs=-1, required=True, help="Pictures or folders of pictures.")
@click.option("--out", "-o", type=options.PATH, required=True, help="The dataset folder to make.")
@click.option(
    "--crop", default=0, show_default=False, help="Store squares of this many pixels instead of whole pictures."
)
@click.option(
    "--step", default=0, show_default=False, help="Pixels from one square to the next; default: side by side."
)
@click.option("--lr", type=options.PATH, help="A folder of ready-made low-resolution partners.")
@click.option("--scale", default=0, show_default=False, help="How many times smaller the partners are.")
@click.option("--skip-unpaired", is_flag=True, help="Leave out pictures without a fitting partner.")
@click.option(
    "--held-out", type=click.FloatRange(0, 0.5), default=0.04, help="Share of the pictures kept for validation."
)
@options.json_events
def prepare(
    photos: tuple[Path, ...],
    out: Path,
    crop: int,
    step: int,
    lr: Path | None,
    scale: int,
    skip_unpaired: bool,
    held_out: float,
    json: bool,
) -> None:
    """Pack photographs for training: checked, counted, hashed, a few held out for validation."""
    from acutance.training.prepare import prepare as pack

    report = _Report(json, held_out)
    with console.stoppable() as stopped:
        try:
            manifest = pack(photos, out, crop=crop, step=step, lr=lr, scale=scale, skip_unpaired=skip_unpaired,
                            valid_share=held_out, on_event=report, cancelled=lambda: bool(stopped()))  # fmt: skip
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
        finally:
            report.progress.clear()
    report.close(manifest, out)


class _Report:
    """Turns events into progress and lines, and the manifest into a summary."""

    def __init__(self, json: bool, share: float) -> None:
        self.share, self.json, self.progress, self.unpaired = share, json, console.Progress(), 0

    def __call__(self, event: dict[str, Any]) -> None:
        if self.json:
            console.emit(event)
        if event["event"] == "unpaired":
            self.unpaired += 1
            self._name(self.unpaired, f"{event['name']} {event['reason']}")
            return
        text = f"looking at {event['name']}" if event["event"] == "scan" else event["name"]
        self.progress.show(event["done"] / event["total"], text)

    def _name(self, number: int, text: str) -> None:
        if number <= NAMED and not self.json:
            self.progress.clear()
            console.say(text)

    def close(self, manifest: dict[str, Any], out: Path) -> None:
        """What went in, what did not and why."""
        items, skipped, counts = manifest["items"], manifest["skipped"], manifest["counts"]
        held = sum(item["valid"] for item in items)
        if self.json:
            console.emit({"event": "done", "pictures": len(items), "held_out": held, "counts": counts,
                          "spare_lr": manifest["spare_lr"], "skipped": skipped})  # fmt: skip
            return
        named = [skip for skip in skipped if skip["kind"] not in ("unpaired", "blank crop")]
        for number, skip in enumerate(named, 1):
            self._name(number, f"left out {_once(skip)}")
        if len(named) > NAMED:
            console.say(f"... and {len(named) - NAMED} more; all are named in {out / 'manifest.json'}")
        if manifest["spare_lr"]:
            console.say(f"low-resolution files that were not used: {manifest['spare_lr']}")
        what = f"squares of {manifest['crop']} pixels" if manifest["crop"] else "pictures"
        megapixels = sum(item["width"] * item["height"] for item in items) / 1e6
        why = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        console.say(
            f"{out}: {len(items)} {what}{' in pairs' if manifest['scale'] else ''}, {megapixels:.0f} megapixels, "
            f"{held} held out for validation; left out: {why or 'none'}"
        )
        if not held and self.share:
            console.say(
                f"none is held out ({self.share:.2g} are, by their hash): to watch the training, add pictures, or "
                "remove this dataset and prepare it with --held-out 0.3"
            )


def _once(skip: dict[str, str]) -> str:
    """The file and the reason, without naming the file twice."""
    return f"{skip['name']}: {skip['reason'].removeprefix(skip['name'] + ': ')}"
