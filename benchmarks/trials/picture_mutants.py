"""F1: damaged pictures through ``acutance upscale``, in batches that end with a healthy one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from trials import handmade
from trials.figures import Bar, Figure, tally
from trials.judges import differs, levels, objection
from trials.mutants import mutant
from trials.pictures import SEEDS, seed
from trials.running import JOURNAL, Bench, Ended, Warm, lines, short

OPTIONS = ("--scale", "2", "--json", "--max-megapixels", "1")
FORMATS: tuple[tuple[str, ...], ...] = ((), ("--format", "tif"), ("--format", "png"))
SIZE, FEWEST = 20, 4  # pictures a batch, and mutants a seed
HEALTHY, HEALTHY_SEED = "zz_healthy.png", "png_rgb8.png"
HANG = 10.0  # seconds without a word about a small picture
ALLOWED = 3  # lines a picture that failed
KEPT = ("silent", "exit 70", "hang", "crash", "no word", "partial result")  # words of files to look at


@dataclass(frozen=True)
class Reference:
    """What comes of the seed itself: 8-bit levels, and what is said of it."""

    pixels: np.ndarray
    notes: frozenset[str]


References = dict[tuple[str, tuple[str, ...]], Reference | None]


@dataclass(frozen=True)
class Batch:
    """Mutants of one seed, by number, written in one format."""

    name: str
    numbers: range
    options: tuple[str, ...]


@dataclass
class Outcome:
    """What a batch came to: a word for every picture, and what else was wrong, each with enough to find it again."""

    words: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    peak_mb: float = 0.0
    slowest_s: float = 0.0


def measure(bench: Bench) -> Figure:
    """The figure."""
    tried = bench.amount(424, 10_000)
    batches = _batches(tried)
    known: References = {}
    assert bench.model.is_file()  # made before several at once would make it
    for found in bench.each(_references, [(bench, _seeds(tried), options) for options in FORMATS]):
        known |= found
    outcomes = bench.each(_run, [(bench, batch, known) for batch in batches])
    words = [word for outcome in outcomes for word in outcome.words]
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    handmade_run, handmade_faults = handmade.measure(bench)
    counts, kinds = tally(words), tally(kind for kind, _ in faults + handmade_faults)
    bars = [
        Bar(kind, kinds.get(kind, 0))
        for kind in (
            "exit 70",
            "traceback",
            "hang",
            "crash",
            "stray file",
            "batch broken off",
            "healthy picture harmed",
            "partial result",
            "no word",
            "too many lines",
            "blamed on model or disk",
            "memory above 1 GB",
            "escape code shown",
        )
    ]
    bars.append(Bar("damage done without a note, share", counts.get("silent", 0) / max(1, len(words)), 0.001))
    failures = [f"{kind}: {text}" for kind, text in handmade_faults + faults]
    return Figure(
        bars,
        {
            "mutants": len(words),
            "seeds": len(_seeds(tried)),
            "handmade": handmade_run,
            "outcomes": counts,
            "faults": kinds,
            "largest_peak_mb": round(max(outcome.peak_mb for outcome in outcomes)),
            "slowest_batch_s": round(max(outcome.slowest_s for outcome in outcomes), 1),
            "meaning": MEANING,
        },
        failures,
        ["damage that no checksum, length or decoder shows (counted as unknowable) cannot be reported"],
    )


MEANING = {
    "refused": "one line, no result",
    "unchanged": "the result is the healthy picture's, within what anybody sees",
    "said": "a result, with a note about the damage",
    "unknowable": "another result, and no checksum, length or decoder objects to the file",
    "silent": "another result without a note, though a checksum, a length or a decoder objects to the file",
    "faint": "as silent, but the difference is hard to see",
}


def _seeds(tried: int) -> list[str]:
    """Every seed, or for a small sample so few that each has some mutants."""
    return list(SEEDS)[:: max(1, len(SEEDS) * FEWEST // tried)]


def _batches(tried: int) -> list[Batch]:
    """Every seed in turn, its formats of output in turn."""
    found: list[Batch] = []
    seeds = _seeds(tried)
    each = -(-tried // len(seeds))
    for place, name in enumerate(seeds):
        for number, start in enumerate(range(0, each, SIZE)):
            options = FORMATS[(place + number) % len(FORMATS)]
            found.append(Batch(name, range(start, min(each, start + SIZE)), options))
    return found


def _references(warm: Warm, task: tuple[Bench, list[str], tuple[str, ...]]) -> References:
    """Of every seed, written in one format; None where it is not read at all."""
    bench, names, options = task
    names = list(dict.fromkeys([*names, HEALTHY_SEED]))
    found: References = dict.fromkeys(((name, options) for name in names), None)
    with bench.place("seeds") as place:
        for name in names:
            (place / name).write_bytes(seed(name))
        ended = warm.run(["upscale", *names, "-o", "out", "--model", bench.model, *OPTIONS, *options], place)
        for event in ended.events:
            if event["event"] == "done":
                name = event["input"]
                found[name, options] = Reference(levels(str(place / event["output"])), _notes(event, name))
    return found


def _notes(event: dict[str, Any], name: str) -> frozenset[str]:
    """What is said, whatever the picture is called."""
    return frozenset(note.replace(name, "it") for note in event.get("notes", ()))


def _run(warm: Warm, task: tuple[Bench, Batch, References]) -> Outcome:
    bench, batch, references = task
    with bench.place("batch") as place:
        return _Run(bench, batch, references, place).outcome_by(warm)


@dataclass
class _Run:
    """One batch on its way. ``made``: what each file in it is, in words."""

    bench: Bench
    batch: Batch
    references: References
    place: Path
    outcome: Outcome = field(default_factory=Outcome)
    made: dict[str, str] = field(default_factory=dict)

    def outcome_by(self, warm: Warm) -> Outcome:
        """Write the files, run the batch, and judge what came of it."""
        batch, suffix = self.batch, Path(self.batch.name).suffix
        for number in batch.numbers:
            data, how = mutant(seed(batch.name), batch.name, number, self.bench.seed)
            name = f"m{number:05d}{suffix}"
            (self.place / name).write_bytes(data)
            self.made[name] = (
                f"{batch.name} mutant {number} of seed {self.bench.seed} ({how}) {' '.join(batch.options)}"
            )
        (self.place / HEALTHY).write_bytes(seed(HEALTHY_SEED))
        words = self._through(warm, [*self.made, HEALTHY])
        for name, how in self.made.items():
            word = words.get(name, "no word")
            if isinstance(word, dict):
                word = _judged(self.place, name, word, self.references[batch.name, batch.options], self.outcome, how)
            if word == "no word":
                self._fault("no word", how)
            if word in KEPT:
                kept = f"{word.replace(' ', '-')}-{Path(batch.name).stem}-{name}"
                self.bench.keep_file(self.place / name, kept)
            self.outcome.words.append(word)
        self._check_healthy(words.get(HEALTHY))
        self._check_strays()
        return self.outcome

    def _fault(self, kind: str, text: str) -> None:
        self.outcome.faults.append((kind, text))

    def _through(self, warm: Warm, names: list[str]) -> dict[str, Any]:
        """Run the batch; a crash or a hang is laid to the picture it happened at, and the rest run without that."""
        words: dict[str, Any] = {}
        left = names
        while left:
            ended = warm.run(self._command(left, "out"), self.place, patience=3 * HANG)
            self.outcome.peak_mb = max(self.outcome.peak_mb, ended.peak_mb)
            self.outcome.slowest_s = max(self.outcome.slowest_s, ended.seconds)
            words |= _heard(ended, self.outcome, self.made)
            if not (ended.hung or ended.crashed):
                _check_end(ended, len(left), self.outcome, self.made.get(left[0], left[0]))
                break
            rest = [name for name in left if name not in words]
            if not rest:
                break
            words[rest[0]] = self._blame(warm, rest[0], "hang" if ended.hung else "crash", ended.err)
            left = rest[1:]
        return words

    def _command(self, names: list[str], out: str) -> list[object]:
        return ["upscale", *names, "-o", out, "--model", self.bench.model, *OPTIONS, *self.batch.options]

    def _blame(self, warm: Warm, name: str, kind: str, err: str) -> str:
        """Try the picture at which a batch ended once more, alone; what is said of it."""
        alone = warm.run(self._command([name], "alone"), self.place, patience=HANG)
        again = "again when alone" if alone.hung or alone.crashed else "not when alone"
        self._fault(kind, f"{self.made.get(name, name)}: {again} {short(err)}")
        return kind

    def _check_healthy(self, event: Any) -> None:
        """The healthy picture at the end must come out as ever."""
        reference = self.references[HEALTHY_SEED, self.batch.options]
        try:
            same = (
                isinstance(event, dict)
                and reference is not None
                and np.array_equal(levels(str(self.place / event["output"])), reference.pixels)
            )
        except pyvips.Error:
            same = False
        if not same:
            self._fault("healthy picture harmed", f"batch of {self.batch.name} from {self.batch.numbers.start}")

    def _check_strays(self) -> None:
        known = {Path(name).stem for name in (*self.made, HEALTHY)}
        for path in self.place.rglob("*"):
            if path.is_file() and path.name != JOURNAL and path.stem not in known:
                self._fault("stray file", f"{path.relative_to(self.place)}, batch of {self.batch.name}")


def _heard(ended: Ended, outcome: Outcome, made: dict[str, str]) -> dict[str, Any]:
    """The word for each picture that an event speaks of; of those that were made the event itself."""
    words: dict[str, Any] = {}
    for event in ended.events:
        name = Path(event.get("input", "")).name
        if event["event"] in ("progress", "summary", "note") or not name:
            continue
        if event["event"] != "failed":
            words[name] = event
        elif event["exit_code"] == 70:
            words[name] = "exit 70"
            outcome.faults.append(("exit 70", f"{made.get(name, name)}: {short(event['error'])}"))
        else:
            words[name] = "refused"
            if event["exit_code"] in (4, 5):
                outcome.faults.append(("blamed on model or disk", f"{made.get(name, name)}: {short(event['error'])}"))
    return words


def _check_end(ended: Ended, pictures: int, outcome: Outcome, first: str) -> None:
    summary = next((event for event in ended.events if event["event"] == "summary"), None)
    if ended.traceback:
        outcome.faults.append(("traceback", f"batch of {first}: {short(ended.err)}"))
    if ended.code == 70:
        outcome.faults.append(("exit 70", f"batch of {first}: {short(ended.err)}"))
    if summary is None or summary["not_tried"]:
        outcome.faults.append(("batch broken off", f"batch of {first}: {short(ended.err)}"))
    if len(lines(ended.err)) > ALLOWED * pictures + 1:
        outcome.faults.append(("too many lines", f"batch of {first}: {len(lines(ended.err))} lines"))


def _judged(
    place: Path, name: str, event: dict[str, Any], reference: Reference | None, outcome: Outcome, how: str
) -> str:
    """What to call a result, seen beside the healthy picture's."""
    try:
        pixels = levels(str(place / event["output"]))
    except (pyvips.Error, KeyError) as error:
        outcome.faults.append(("partial result", f"{how}: {short(str(error))}"))
        return "partial result"
    if reference is None:
        return "unknowable"
    said = bool(_notes(event, name) - reference.notes) or bool(event.get("damage"))
    if np.array_equal(pixels, reference.pixels):
        return "unchanged"
    if said:
        return "said"
    visible = differs(pixels, reference.pixels)
    if found := objection((place / name).read_bytes()):
        outcome.faults += [("silent", f"{how}: {short(found, 100)}")] if visible else []
        return "silent" if visible else "faint"
    return "unknowable" if visible else "unchanged"
