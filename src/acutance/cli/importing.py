"""``acutance models import`` and ``get``: models of other programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from acutance.cli import console, made, options
from acutance.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from acutance.models.wellknown import WellKnown
    from acutance.training.importing import Wish

output_file = click.option("--output", "-o", type=options.PATH, help="OUT.safetensors; default: your models folder.")
called = click.option("--name", "called", help="What to call it; default: as the file.")
keep_colours = click.option(
    "--keep-colours", is_flag=True, help="Let its results keep the mean colours of their input."
)


@click.command(name="import", short_help="Make a model of another program's checkpoint.")
@click.argument("file", metavar="FILE", type=options.PATH, help="A checkpoint, .pth or .safetensors.")
@output_file
@called
@click.option("--licence", default="unknown", help="Its licence, for the receipt.")
@keep_colours
@made.overwrite
@options.json_lines
def import_(
    file: Path, output: Path | None, called: str | None, licence: str, keep_colours: bool, overwrite: bool, json: bool
) -> None:
    """Make a model of a checkpoint of ESRGAN, Real-ESRGAN, SRVGGNetCompact, MSRResNet, SPAN, PLKSR or RealPLKSR.

    The checkpoint is read without running any code in it, and recognised by its tensors. Well-known sizes need no
    torch; networks of other kinds need torch and spandrel. Models trained against a critic often tint or fade what they
    draw; with --keep-colours that is taken away again.
    """
    from acutance.training.importing import Wish

    if not file.is_file():
        raise UsageError(f"{file}: no such file")
    target = _target(file.stem, output, called, overwrite)
    _import(file, target, Wish(licence=licence, keep_colours=keep_colours), json)


@click.command(short_help="Fetch a well-known model, or one by its address.")
@click.argument("name", metavar="[NAME|URL]", required=False, help="A name, or the https address of a checkpoint.")
@output_file
@called
@click.option("--sha256", help="The checksum its publisher gives, to compare.")
@click.option("--licence", help="Its licence, for the receipt; known for those of the list.")
@click.option("--accept-licence", is_flag=True, help="You keep to a licence that forbids commercial use.")
@keep_colours
@made.overwrite
@options.json_lines
def get(
    name: str | None, output: Path | None, called: str | None, sha256: str | None, licence: str | None,
    accept_licence: bool, keep_colours: bool, overwrite: bool, json: bool,
) -> None:  # fmt: skip
    """Fetch a checkpoint, check it, and make a model of it. Without a name: which names there are.

    Run the same command again after a stop: it goes on.
    """
    from acutance.models.wellknown import TABLE, is_unfree
    from acutance.training.importing import Wish

    if name is None:
        for row in TABLE:
            console.tell(f"{row.name:28} {row.licence:14} {row.what}{'' if row.url else '; by hand'}")
        return
    row = _row(name, sha256, licence)
    stem = Path(unquote(urlsplit(row.url).path)).stem or row.name
    target = _target(stem, output, called, overwrite)
    console.say(f"{row.name}: licence {row.licence}")
    if is_unfree(row.licence) and not accept_licence:
        raise UsageError(
            f"{row.name}: its licence ({row.licence}) forbids commercial use; if you keep to it, add --accept-licence"
        )
    _fetch_and_import(row, target, Wish(licence=row.licence, keep_colours=keep_colours, source=row.url), json)


def _row(name: str, sha256: str | None, licence: str | None) -> WellKnown:
    """What is asked for: of the table, or at an address."""
    from acutance.models.wellknown import WellKnown, by_checksum, find

    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UsageError(f"--sha256 {sha256}: is no SHA-256; it has 64 digits, 0 to 9 and a to f")
    if "://" not in name:
        if sha256 or licence:
            raise UsageError(f"{name}: its SHA-256 and licence are known; leave out --sha256 and --licence")
        return find(name)
    known = by_checksum(sha256.lower()) if sha256 else None
    return WellKnown(
        name=name, what="", licence=licence or (known.licence if known else "unknown"), sha256=(sha256 or "").lower(),
        url=name,
    )  # fmt: skip


def _fetch_and_import(row: WellKnown, target: Path, wish: Wish, json: bool) -> None:
    from acutance.cli.datasets import Report
    from acutance.files.download import Terms, fetch
    from acutance.files.folders import cache_folder

    report, name = Report(json), re.sub(r"[^\w.+-]+", "-", Path(unquote(urlsplit(row.url).path)).name) or "model"
    fetched = cache_folder() / "checkpoints" / name
    with console.stoppable() as stopped:
        terms = Terms(option="ACUTANCE_CACHE", on_event=report, cancelled=lambda: bool(stopped()))
        try:
            fetch(row.remote, fetched, terms)
        except Interrupted as error:
            raise Interrupted(str(error), stopped() or 2) from None
        finally:
            report.progress.clear()
    try:
        _import(fetched, target, wish, json)
    finally:
        fetched.unlink(missing_ok=True)


def _target(stem: str, output: Path | None, name: str | None, overwrite: bool) -> Path:
    from acutance.models.store import models_folder

    if output and name:
        raise UsageError("give one of --name and -o; the model is called as its file")
    if name and Path(name).name != name:
        raise UsageError(f"--name {name}: a name, not a path; for a path use -o")
    called = name or re.sub(r"[^\w.+-]+", "-", stem)
    return made.target(output or models_folder() / f"{called}{made.SUFFIX}", overwrite)


def _import(file: Path, target: Path, wish: Wish, json: bool) -> None:
    from acutance.training.importing import import_checkpoint

    notes = import_checkpoint(file, target, wish)
    made.tell(target, json)
    for note in notes:
        if json:
            console.emit({"event": "note", "text": note})
        else:
            console.say(f"note: {note}")
