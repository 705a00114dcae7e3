"""F3: damaged films through ``acutance remaster``: whatever is lost is said."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from trials.figures import Bar, Figure, tally
from trials.film_judge import Found, Shown, shown
from trials.films import RATE, SEEDS, seed
from trials.judges import LEVELS, SHARE
from trials.mutants import mutant
from trials.running import HERE, JOURNAL, Bench, Ended, Warm, environment, lines, run, short

OPTIONS = ("--scale", "2", "--preset", "ultrafast", "--json")
PATIENCE = 20.0  # seconds without a word about a small film
JUDGE_PATIENCE = 30.0
RIGHT_CODES = (0, 1, 2, 3)  # 4 and 5 would blame the model or the disk
SAID = re.compile(r"frame|missing|gap|ends|damag|lost|second|clock|time", re.I)
SOUND, SOUND_KEPT = re.compile(r"sound|audio|dropped", re.I), 0.95
MOST_LINES = 8

FAULTS = (
    "silent loss",
    "silent loss of sound",
    "exit 70",
    "traceback",
    "hang",
    "crash",
    "stray file",
    "partial result",
    "blamed on model or disk",
    "too many lines",
)


@dataclass(frozen=True)
class Reference:
    """What comes of the healthy film."""

    shown: Shown
    notes: frozenset[str]


@dataclass
class Outcome:
    """A word for the film, and what was wrong."""

    word: str
    faults: list[tuple[str, str]] = field(default_factory=list)
    peak_mb: float = 0.0


def measure(bench: Bench) -> Figure:
    """The figure."""
    tried = bench.amount(110, 1_200)
    names = list(SEEDS)[:: max(1, len(SEEDS) // tried)]
    each = -(-tried // len(names))
    assert bench.model.is_file()  # made before several at once would make it
    references = dict(bench.each(_reference, [(bench, name) for name in names]))
    outcomes = bench.each(_run, [(bench, name, number, references) for number in range(each) for name in names])
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    unread = sorted(name for name, reference in references.items() if reference is None)
    kinds = tally(kind for kind, _ in faults)
    bars = [Bar(kind, kinds.get(kind, 0)) for kind in FAULTS] + [Bar("healthy films refused", len(unread))]
    counts = {
        "mutants": len(outcomes),
        "seeds": len(references),
        "outcomes": tally(outcome.word for outcome in outcomes),
        "faults": kinds,
        "largest_peak_mb": round(max(outcome.peak_mb for outcome in outcomes)),
        "meaning": MEANING,
    }
    limits = ["frames that nothing in the file speaks of any more (counted as unknowable) cannot be missed"]
    return Figure(
        bars,
        counts,
        [f"healthy film refused: {name}" for name in unread] + [f"{kind}: {text}" for kind, text in faults],
        limits,
    )


MEANING = {
    "refused": "one line, no result",
    "unchanged": "all frames, as the healthy film's within what anybody sees",
    "said": "exit 1, or a note on what is wrong",
    "unknowable": "fewer or other frames, and neither the container's promises nor a plain decoder object",
    "silent loss": "fewer frames without a word, though the container promises more or a decoder objects",
    "silently wrong": "all frames, some visibly other than the healthy film's, though a decoder called them corrupt",
}


def _options(name: str, number: int) -> tuple[str, list[str]]:
    """The result's name, and what is asked for beside the usual: every so often an excerpt or another container."""
    more = ["--start", "0.2", "--end", "0.8"] if number % 7 == 6 else []
    return ("out.mp4" if number % 5 == 4 and "ffv1" not in name else "out.mkv"), more


def _reference(warm: Warm, task: tuple[Bench, str]) -> tuple[str, Reference | None]:
    bench, name = task
    with bench.place("film") as place:
        (place / name).write_bytes(seed(name))
        command = ["remaster", name, "-o", "out.mkv", "--model", bench.model, *OPTIONS]
        ended = warm.run(command, place, patience=PATIENCE)
        done = _done(ended)
        if done is None or ended.code != 0:
            return name, None
        return name, Reference(shown(place / "out.mkv"), _notes(done))


def _done(ended: Ended) -> dict[str, Any] | None:
    return next((event for event in ended.events if event["event"] == "done"), None)


def _notes(done: dict[str, Any]) -> frozenset[str]:
    return frozenset(done.get("notes", ()))


def _run(warm: Warm, task: tuple[Bench, str, int, dict[str, Reference | None]]) -> Outcome:
    bench, name, number, references = task
    data, how = mutant(seed(name), name, number, bench.seed)
    target, more = _options(name, number)
    where = f"{name} mutant {number} of seed {bench.seed} ({how}) {' '.join(more)} to {target}"
    with bench.place("mutant") as place:
        path = place / f"m{Path(name).suffix}"
        path.write_bytes(data)
        command = ["remaster", path.name, "-o", target, "--model", bench.model, *OPTIONS, *more]
        ended = warm.run(command, place, patience=PATIENCE)
        outcome = Outcome("refused", _faults(ended, place, where), ended.peak_mb)
        reference, done = references[name], _done(ended)
        if done is not None and reference is not None:
            _judge(bench, path, place / target, done, reference, outcome, where, whole=not more)
        if outcome.faults:
            outcome.word = outcome.faults[0][0]
        if outcome.faults or outcome.word == "silently wrong":
            bench.keep_file(path, f"{outcome.word.replace(' ', '-')}-{Path(name).stem}-{number}{path.suffix}")
    return outcome


def _faults(ended: Ended, place: Path, where: str) -> list[tuple[str, str]]:
    said = f"{where}: {short(ended.err)}"
    if ended.hung:
        return [("hang", said)]
    if ended.crashed:
        return [("crash", f"signal {-ended.code} {said}")]
    found = [("traceback", said)] if ended.traceback else []
    if ended.code not in RIGHT_CODES:
        found.append(("blamed on model or disk" if ended.code in (4, 5) else "exit 70", f"exit {ended.code} {said}"))
    if len(lines(ended.err)) > MOST_LINES:
        found.append(("too many lines", f"{len(lines(ended.err))} {said}"))
    for each in place.rglob("*"):
        kept = each.name in (JOURNAL, "m" + each.suffix) or each.name.startswith("out.")
        work = any(part.startswith(".out") for part in each.relative_to(place).parts) and _done(ended) is None
        if (not kept and not work) or ".part" in each.name:
            found.append(("stray file", f"{each.relative_to(place)} {where}"))
    return found


def _judge(
    bench: Bench,
    source: Path,
    target: Path,
    done: dict[str, Any],
    reference: Reference,
    outcome: Outcome,
    where: str,
    *,
    whole: bool,
) -> None:
    """What to call a result; an excerpt is only looked at for whether it is whole."""
    try:
        made = shown(target)
    except Exception as error:
        outcome.faults.append(("partial result", f"{where}: {error}"))
        return
    if len(made.times) != done["frames"]:
        outcome.faults.append(("partial result", f"{where}: {len(made.times)} frames, said were {done['frames']}"))
    said = bool(done.get("damage")) or any(SAID.search(note) for note in _notes(done) - reference.notes)
    if said or not whole:
        outcome.word = "said" if said else "excerpt"
        return
    fewer, other = len(made.times) < len(reference.shown.times), _differs(made, reference.shown)
    found = _found(bench, source)
    if _less_sound(made, found) and not any(SOUND.search(note) for note in _notes(done)):
        outcome.faults.append(("silent loss of sound", f"{where}: {found.sound} became {made.sound}"))
    if not fewer and not other:
        outcome.word = "unchanged"
        return
    step = 1 / RATE
    length = made.times[-1] - made.times[0] + step if made.times else 0.0
    gaps = sum(later - earlier > 2.5 * step for earlier, later in zip(made.times, made.times[1:], strict=False))
    objection = found.objects()
    if fewer:
        why = objection or found.promises(len(made.times), length, step) or (f"{gaps} gaps in time" if gaps else "")
        outcome.word = "silent loss" if why else "unknowable"
        if why:
            outcome.faults.append(("silent loss", f"{where}: {len(made.times)} of {len(reference.shown.times)}; {why}"))
    else:
        outcome.word = "silently wrong" if objection else "unknowable"


def _less_sound(made: Shown, found: Found) -> bool:
    return bool(found.sound) and sum(made.sound.values()) < SOUND_KEPT * sum(found.sound.values())


def _differs(made: Shown, reference: Shown) -> bool:
    """Whether frames show something else than those of the healthy film at their place."""
    count = min(len(made.times), len(reference.times))
    if made.pictures.shape[1:] != reference.pictures.shape[1:]:
        return True
    off = np.abs(made.pictures[:count].astype(int) - reference.pictures[:count]) > LEVELS
    return bool((off.mean(axis=(1, 2)) > SHARE).any())


def _found(bench: Bench, path: Path) -> Found:
    """A plain reader's findings, in a process of its own; one that falls over finds nothing."""
    command = [sys.executable, "-m", "trials.film_judge", str(path)]
    ended = run(command, HERE, environment(bench.folder), JUDGE_PATIENCE)
    try:
        return Found(**json.loads(ended.out))
    except (ValueError, TypeError):
        return Found()
