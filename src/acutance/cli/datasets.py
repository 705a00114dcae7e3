"""``acutance datasets``: the public photographs people train on, fetched or explained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acutance.cli import console, options
from acutance.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from acutance.training.datasets import Dataset

NAMED = 10


@click.group(cls=options.Group, invoke_without_command=True, short_help="List and fetch public training photographs.")
@options.json_lines
@click.pass_context
def datasets(context: click.Context, json: bool) -> None:
    """List the public datasets; "acutance datasets get NAME" fetches one."""
    if context.invoked_subcommand:
        return
    from acutance.files.remote import amount
    from acutance.training.datasets import DATASETS

    for row in DATASETS.values():
        size = row.remote.size if row.remote else None
        if json:
            console.emit({"event": "dataset", "name": row.name, "pictures": row.pictures, "what": row.what,
                          "bytes": size, "terms": row.terms, "page": row.page, "by_hand": not size})  # fmt: skip
        else:
            console.tell(f"{row.name:18} {amount(size) if size else 'by hand':>8}  {row.what}")
            console.tell(f"{'':27}  terms: {row.terms}")
    if not json:
        console.say("fetch one: acutance datasets get NAME; the names without a size say how to get them")


@datasets.command(short_help="Fetch a dataset, or say how to get it.")
@click.argument("name", help="A name of the list.")
@click.option("--to", type=options.PATH, help="Where its folder goes; default: here.")
@options.json_lines
def get(name: str, to: Path | None, json: bool) -> None:
    """Fetch, check and unpack a dataset. Run the same command again after a stop: it goes on.

    For those that must be got by hand, say how; --to FOLDER then checks what you put there.
    """
    from acutance.training.datasets import find

    row = find(name)
    if row.remote is None:
        _by_hand(row, to, json)
    else:
        _fetch(row, to or Path(), json)


def _fetch(row: Dataset, to: Path, json: bool) -> None:
    from acutance.files.download import Terms
    from acutance.training.datasets import get, next_command

    report = Report(json)
    with console.stoppable() as stopped:
        terms = Terms(option="--to", on_event=report, cancelled=lambda: bool(stopped()))
        try:
            found = get(row, to, terms)
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
        finally:
            report.progress.clear()
    command = next_command(row, found["path"])
    if json:
        console.emit({"event": "done", **found, "terms": row.terms, "next": command})
        return
    checked = f"fetched, {found['checked']} checked" if found["fetched"] else "already there"
    console.say(f"{found['path']}: {_pictures(found['pictures'])} ({checked})")
    for reason, count in found["left_out"].items():
        console.say(f"left out: {_pictures(count)}, {reason}")
    if "SHA-256" not in found["checked"]:
        console.say(f"no SHA-256 of it is published; {found['checked']} were compared")
    console.say(f"terms: {row.terms} ({row.page})")
    console.say(f"next: {command}")


def _by_hand(row: Dataset, folder: Path | None, json: bool) -> None:
    from acutance.training.datasets import check_folder, next_command

    if folder is None:
        if json:
            console.emit({"event": "by_hand", "name": row.name, "page": row.page, "how": row.how, "terms": row.terms})
            return
        for line in (f"{row.name}: {row.what}", f"page: {row.page}", f"terms: {row.terms}", *row.how,
                     f"then: acutance datasets get {row.name} --to FOLDER   (checks it)"):  # fmt: skip
            console.say(line)
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; see how to get the pictures: acutance datasets get {row.name}")
    report = Report(json)
    found = check_folder(folder, report)
    report.progress.clear()
    command = next_command(row, folder)
    if json:
        console.emit({"event": "done", "path": folder, **found, "terms": row.terms, "next": command})
    for file in found["unreadable"][: 0 if json else NAMED]:
        console.say(file["reason"])
    if not found["pictures"]:
        raise UsageError(f"{folder}: no readable pictures; see how to get them: acutance datasets get {row.name}")
    if json:
        return
    console.say(
        f"{folder}: {_pictures(found['pictures'])} of {row.pictures:,}, smallest side {found['smallest']} pixels, "
        f"{len(found['unreadable'])} unreadable (only headers were read)"
    )
    console.say(f"terms: {row.terms} ({row.page})")
    console.say(f"next: {command}")


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' * (count != 1)}"


class Report:
    """Turns events into progress and lines."""

    def __init__(self, json: bool) -> None:
        self.json, self.progress = json, console.Progress()

    def __call__(self, event: dict[str, Any]) -> None:
        from acutance.files.remote import amount

        if self.json:
            console.emit(event)
        kind, file = event["event"], event["file"]
        if kind == "progress":
            total = event["total"]
            of = f" of {amount(total)}" if total else ""
            rate = f", {amount(event['bytes_per_s'])}/s" if event["bytes_per_s"] else ""
            text = f"{file}  {amount(event['done'])}{of}{rate}"
            self.progress.show(event["done"] / total if total else 0, text, event["eta_s"])
        elif kind == "checking":
            self.progress.show(event["done"] / event["total"], file)
        elif kind == "unpacking":
            self.progress.show(event["done"] / event["total"], f"unpacking {file}")
        elif not self.json:
            self.progress.clear()
            wait = f"; again in {event['wait_s']:.0f} s" if kind == "retry" else "; from the start again"
            console.say(f"{file}: {event['reason']}{wait}")
