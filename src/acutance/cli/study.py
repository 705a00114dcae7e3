"""``acutance study``: ask people which pictures look good (MOS), or which of two looks better (2AFC)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from acutance.cli import console, options
from acutance.errors import BadInput, UsageError
from acutance.files.atomic import atomic_path, resource_error

if TYPE_CHECKING:
    from acutance.measuring.study import Study
    from acutance.measuring.study_new import Method

study_folder = click.argument("study", type=options.PATH, help="The study's folder.")


@click.group(cls=options.Group, invoke_without_command=True, short_help="Ask people how good pictures look.")
@click.pass_context
def study(context: click.Context) -> None:
    """Ask people how good pictures look: make a study, serve it, report what it found."""
    if not context.invoked_subcommand:
        console.tell(context.get_help())


@study.command(short_help="Make a study from pictures.")
@study_folder
@click.option("--reference", multiple=True, required=True, help="A folder of originals, DIR or SET=DIR; repeatable.")
@click.option(
    "--method",
    multiple=True,
    required=True,
    help="NAME=DIR, NAME@SET,SET=DIR for some sets, or nearest, bicubic; repeatable.",
)
@click.option("--pairs", is_flag=True, help="Choose the better of two (2AFC), no scores.")
@click.option("--title", default="Picture quality", help="What raters read first.")
@click.option("--sessions", type=click.IntRange(1), default=1, help="In how many parts.")
@click.option("--repeats", type=click.IntRange(0), default=0, help="Items shown twice, to see how constant a rater is.")
@click.option(
    "--calibration",
    type=options.PATH,
    help="A folder of other originals: up to 20, nearest is a 1, original a 5.",
)
@click.option("--original/--no-original", default=True, help="Judge the originals too, as one more version.")
@click.option(
    "--scale", type=click.IntRange(2), default=4, help="Of nearest and bicubic, and of what sizes are cropped to."
)
@click.option("--seed", default=0, help="Another seed, other orders.")
@options.json_lines
def new(
    study: Path,
    reference: tuple[str, ...],
    method: tuple[str, ...],
    pairs: bool,
    title: str,
    sessions: int,
    repeats: int,
    calibration: Path | None,
    original: bool,
    scale: int,
    seed: int,
    json: bool,
) -> None:
    """Check that every method has every picture in the right size, then copy all into the folder STUDY.

    With several references, a method's folder has one inner folder for each, called like it.
    """
    from acutance.measuring.study_new import Plan, make

    progress = console.Progress()

    def on_event(event: dict[str, Any]) -> None:
        progress.show(event["done"] / event["total"], event["picture"])
        if json:
            console.emit(event)

    plan = Plan(
        references=_references(reference), methods=[_method(text) for text in method], title=title, sessions=sessions,
        kind="pairs" if pairs else "scores", repeats=repeats, calibration=calibration, original=original,
        scale=scale, seed=seed,
    )  # fmt: skip
    made, notes = make(study, plan, on_event)
    progress.clear()
    _told(made, notes, json)


def _told(made: Study, notes: list[str], json: bool) -> None:
    """What was made, and what comes next."""
    from acutance.measuring.study_order import items, order

    steps = len(order(made, 1))
    if json:
        console.emit({"event": "done", "study": made.folder, "kind": made.kind, "pictures": len(made.pictures),
                      "versions": made.versions, "items": len(items(made)), "per_rater": steps,
                      "calibration": len(made.examples), "notes": notes})  # fmt: skip
        return
    for note in notes:
        console.say(f"note: {note}")
    console.say(
        f"{made.folder}: {len(made.pictures)} pictures, {len(made.versions)} versions ({', '.join(made.versions)}); "
        f"{steps} {'choices' if made.kind == 'pairs' else 'scores'} per rater in {made.sessions} "
        f"session{'s' * (made.sessions != 1)}"
    )
    console.say(f"next: acutance study serve {made.folder} --raters N")


def _references(given: Iterable[str]) -> dict[str, Path]:
    """Test sets by name; without a name a folder is called like itself. Originals may lie in its HR/, as in a bench."""
    found: dict[str, Path] = {}
    for text in given:
        name, _, folder = ("", "", text) if Path(text).is_dir() or "=" not in text else text.partition("=")
        path = Path(folder)
        if (path / "HR").is_dir():
            path = path / "HR"
        whole = path.resolve()
        name = name or (whole.parent.name if whole.name == "HR" else whole.name)
        if name in found:
            raise UsageError(f"--reference {text}: two sets are called {name}; name them with SET=DIR")
        found[name] = path
    return found


def _method(text: str) -> Method:
    from acutance.measuring.study_new import MADE, Method

    name, equals, folder = text.partition("=")
    name, _, sets = name.partition("@")
    if not name or not (folder if equals else name in MADE):
        raise UsageError(f"--method {text}: is not NAME=DIR; without a folder there are {' and '.join(MADE)}")
    chosen = tuple(part for part in sets.split(",") if part) or None
    return Method(name=name, folder=Path(folder) if equals else None, sets=chosen)


@study.command(short_help="Let people answer, in a browser.")
@study_folder
@click.option("--host", default="127.0.0.1", help="0.0.0.0 lets in others of your network.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8417, help="0 takes a free one.")
@click.option("--raters", type=click.IntRange(1), help="How many links; default: as before, at first 1.")
@click.option("--address", help="What links begin with behind a proxy: https://study.example.org.")
@options.json_lines
def serve(study: Path, host: str, port: int, raters: int | None, address: str | None, json: bool) -> None:
    """Serve the study's pages until stopped, and print one link per rater.

    Links stay the same; who opens theirs again goes on where they stopped. Keep STUDY/secret to yourself.
    """
    from acutance.measuring.study import check_pictures, load
    from acutance.measuring.study_store import Store

    try:
        from acutance.serving import app as stack
        from acutance.serving import study as pages
    except ImportError as error:
        raise UsageError('serving needs FastAPI; install it with: pip install "acutance[serve]"') from error
    if address is not None and not address.startswith(("http://", "https://")):
        raise UsageError(f"--address {address}: is not an address; it begins with https:// or http://")
    if address is not None and urlsplit(address).path.strip("/"):
        raise UsageError(f"--address {address}: the pages need a host of their own; leave out what follows its name")
    plan = load(study)
    check_pictures(plan)
    store = Store(plan)
    listener = stack.listen(host, port)
    count = _count(store, raters)
    names = stack.names_of(address, host)
    site = stack.create([pages.router(plan, store, count)], names=names, address=address, on_stop=store.close)
    base = (address or _reached(host, listener.getsockname()[1])).rstrip("/")
    with console.stoppable() as stopped:
        _announce([base + path for path in pages.links(plan, count)], host, address, json)
        stack.run(site, listener, stopped)
        console.say(f"stopped; every answer is stored. See them: acutance study report {study}")
        if stopped() not in (0, 2):  # Ctrl-C is how a server ends; other signals are told to who sent them
            sys.exit(128 + stopped())


def _announce(links: list[str], host: str, address: str | None, json: bool) -> None:
    """One link per rater, and who can open them."""
    for number, link in enumerate(links, 1):
        if json:
            console.emit({"event": "link", "rater": number, "url": link})
        else:
            console.tell(f"rater {number:>3}  {link}")
    if address is None and host in ("127.0.0.1", "localhost", "::1"):
        console.say("only this machine can open these links; --host 0.0.0.0 lets in others of your network")
    elif address is None:
        console.say(
            "answers cross your network unencrypted; for the internet put a proxy with https in front (--address)"
        )
    console.say("serving; Ctrl-C stops, and the same command goes on")


def _count(store: Any, raters: int | None) -> int:
    """How many raters there are: as many as asked for or as ever before, never fewer than have a link."""
    before = int(store.fact("raters") or 1)
    if raters is not None and raters < before:
        raise UsageError(f"--raters {raters}: {before} links were given out already; leave it out, or name more")
    count = raters or before
    store.set_fact("raters", str(count))
    return count


def _reached(host: str, port: int) -> str:
    """Where a server listening on ``host`` is reached from elsewhere."""
    import socket

    if host in ("0.0.0.0", "::", ""):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # connecting UDP sends nothing
            try:
                probe.connect(("192.0.2.1", 9))
                host = probe.getsockname()[0]
            except OSError:
                host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@study.command(short_help="Say what a study found.")
@study_folder
@click.option("--output", "-o", type=options.PATH, help="An HTML file that opens offline.")
@click.option("--csv", type=options.PATH, help="A CSV of every answer.")
@click.option("--json", is_flag=True, help="All of it as one JSON line on stdout.")
def report(study: Path, output: Path | None, csv: Path | None, json: bool) -> None:
    """Mean opinion scores with 95 % intervals, tests, agreement and raters; also while the study is served."""
    from acutance.measuring.opinion.page import html
    from acutance.measuring.opinion.results import results
    from acutance.measuring.opinion.table import to_csv
    from acutance.measuring.opinion.text import text
    from acutance.measuring.study import load
    from acutance.measuring.study_store import Store

    plan = load(study)
    store = Store(plan)
    ratings = store.ratings()
    store.close()
    found = results(plan, ratings)
    for path, content in ((output, html), (csv, None)):
        if path is not None:
            _write(path, content(found) if content else to_csv(plan, ratings))
    if json:
        console.emit({"event": "report", **found})
    else:
        console.tell(text(found))
    for path in (output, csv):
        if path is not None:
            console.say(f"{path}: written")


def _write(path: Path, content: str) -> None:
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise resource_error(error, path) from error
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
