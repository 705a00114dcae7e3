"""``acutance study``: ask people which pictures look good (MOS), or which of two looks better (2AFC)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from acutance.cli import console
from acutance.errors import BadInput, UsageError
from acutance.files.atomic import atomic_path, resource_error

if TYPE_CHECKING:
    from acutance.measuring.study import Study
    from acutance.measuring.study_new import Method

app = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
JSON = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]
FOLDER = Annotated[Path, typer.Argument(help="The study's folder.", show_default=False)]


@app.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """Ask people how good pictures look: make a study, serve it, report what it found."""
    if not context.invoked_subcommand:
        print(context.get_help())


@app.command(short_help="Make a study from pictures.")
def new(
    study: FOLDER,
    reference: Annotated[
        list[str], typer.Option(help="A folder of originals, DIR or SET=DIR; repeatable.", show_default=False)
    ],
    method: Annotated[
        list[str],
        typer.Option(help="NAME=DIR, NAME@SET,SET=DIR for some sets, or nearest, bicubic; repeatable.",
                     show_default=False),
    ],
    pairs: Annotated[bool, typer.Option("--pairs", help="Choose the better of two (2AFC), no scores.")] = False,
    title: Annotated[str, typer.Option(help="What raters read first.")] = "Picture quality",
    sessions: Annotated[int, typer.Option(help="In how many parts.", min=1)] = 1,
    repeats: Annotated[int, typer.Option(help="Items shown twice, to see how constant a rater is.", min=0)] = 0,
    calibration: Annotated[
        Path | None,
        typer.Option(help="A folder of other originals: up to 20, nearest is a 1, original a 5.", show_default=False),
    ] = None,
    original: Annotated[bool, typer.Option(help="Judge the originals too, as one more version.")] = True,
    scale: Annotated[int, typer.Option(help="Of nearest and bicubic, and of what sizes are cropped to.", min=2)] = 4,
    seed: Annotated[int, typer.Option(help="Another seed, other orders.")] = 0,
    json: JSON = False,
) -> None:  # fmt: skip
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


def _references(given: list[str]) -> dict[str, Path]:
    """Test sets by name; without a name a folder is called like itself. Originals may lie in its HR/, as in a bench."""
    found: dict[str, Path] = {}
    for text in given:
        name, _, folder = text.rpartition("=")
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


@app.command(short_help="Let people answer, in a browser.")
def serve(
    study: FOLDER,
    host: Annotated[str, typer.Option(help="0.0.0.0 lets in others of your network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65_535)] = 8417,
    raters: Annotated[
        int | None, typer.Option(help="How many links; default: as before, at first 1.", min=1, show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="What links begin with behind a proxy: https://study.example.org.", show_default=False),
    ] = None,
    json: JSON = False,
) -> None:
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
    names = stack.names_of(address)
    site = stack.create([pages.router(plan, store, count)], names=names, address=address, on_stop=store.close)
    base = (address or _reached(host, listener.getsockname()[1])).rstrip("/")
    with console.stoppable() as stopped:
        _announce([base + path for path in pages.links(plan, count)], host, address, json)
        stack.run(site, listener, stopped)
        console.say(f"stopped; every answer is stored. See them: acutance study report {study}")
        if stopped() not in (0, 2):  # Ctrl-C is how a server ends; other signals are told to who sent them
            raise typer.Exit(128 + stopped())


def _announce(links: list[str], host: str, address: str | None, json: bool) -> None:
    """One link per rater, and who can open them."""
    for number, link in enumerate(links, 1):
        if json:
            console.emit({"event": "link", "rater": number, "url": link})
        else:
            print(f"rater {number:>3}  {link}", flush=True)
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


@app.command(short_help="Say what a study found.")
def report(
    study: FOLDER,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="An HTML file that opens offline.", show_default=False)
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A CSV of every answer.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="All of it as one JSON line on stdout.")] = False,
) -> None:
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
        print(text(found))
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
