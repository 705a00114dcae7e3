"""The ledger of a film: what came in, what came out, and what is lost; told in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

REGULAR = 0.95  # share of equal steps from which on a film counts as one of constant rate
TELLING = 0.1  # seconds of holes in the sound
FEW = 3  # holes that a short film may have all the same
HURT = 0.6  # the same for a film of which it is known that frames were lost
RECORDED = ("mpegts", "mpeg")  # containers of what was on the air: films in them begin anywhere
INDEXED = ("mov", "avi")  # containers that list every frame: a gap between two of them is meant


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Counts of what was met while reading. ``undecoded``: packets that gave no picture; ``patched``: pictures the
    decoder had to make up in part; ``spoilt``: packets of sound and subtitles that their container calls damaged;
    ``absent``: frames the file's own index promises beyond its end; ``strange``: streams that turned up in the
    middle; ``set_back``: how often the clock began anew. ``end``: where and why the film ends early.

    ``headless``: frames that need ones from before the file's beginning; that a recording begins so is no damage.
    ``silent``: seconds of holes in the sound, which may be meant.
    Mended without loss: ``retimed``, times that were missing or ran backwards, and ``resized``, other frame sizes.
    """

    undecoded: int = 0
    patched: int = 0
    spoilt: int = 0
    absent: int = 0
    strange: int = 0
    set_back: int = 0
    headless: int = 0
    retimed: int = 0
    silent: float = 0.0
    resized: tuple[str, ...] = ()
    end: str = ""

    def __add__(self, later: Ledger) -> Ledger:
        """Two parts of one reading, one after the other."""
        counts = {name: getattr(self, name) + getattr(later, name) for name in COUNTS}
        sizes = tuple(sorted({*self.resized, *later.resized}))
        return Ledger(**counts, resized=sizes, end=later.end or self.end)

    def since(self, earlier: Ledger) -> Ledger:
        """What was met after ``earlier``, of the same reading."""
        return Ledger(**{n: getattr(self, n) - getattr(earlier, n) for n in COUNTS}, resized=self.resized, end=self.end)

    def stored(self) -> dict[str, object]:
        """As it lies in a journal: what differs from an empty one."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def restored(cls, stored: dict[str, object]) -> Ledger:
        """From a journal."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})  # type: ignore[arg-type]


COUNTS = tuple(each.name for each in fields(Ledger) if each.type in ("int", "float"))


@dataclass(frozen=True)
class Verdict:
    """What people are told: one line of damage, empty if nothing is lost, and notes."""

    damage: str
    notes: tuple[str, ...]


def judge(ledger: Ledger, times: Sequence[int], *, step: float, container: str) -> Verdict:
    """Settle the account of a film whose frames came at ``times`` (ticks), usually ``step`` apart.

    A hole between two frames counts as a loss unless the container lists every frame: then the film was made so.
    """
    if container not in RECORDED:
        ledger = replace(ledger, undecoded=ledger.undecoded + ledger.headless)
    hurt = bool(ledger.undecoded or ledger.patched or ledger.spoilt or ledger.end)
    holes = missing(times, step, 0.0 if container == "avi" else HURT if hurt else REGULAR) - ledger.retimed
    notes = []
    if container.startswith(INDEXED) and holes > ledger.undecoded:
        left_out = many(holes - ledger.undecoded, "frame")
        notes.append(f"the film leaves out {left_out} and shows the ones before longer; so does the result")
        holes = 0
    if ledger.headless and container in RECORDED:
        first = many(ledger.headless, "frame")
        notes.append(f"{first} at the beginning need others that were cut off before them, and are left out")
    if ledger.retimed:
        notes.append(f"{many(ledger.retimed, 'frame')} had no time or ran backwards, and were given one")
    if ledger.silent >= TELLING:
        notes.append(f"its sound has holes or ends early, {ledger.silent:.1f} s in all; it stays so")
    if ledger.resized:
        notes.append(f"frames of {', '.join(ledger.resized)} were resized as they came")
    lost = max(holes, ledger.undecoded) + ledger.absent
    return Verdict(", ".join(_losses(ledger, lost, len(times) + lost)), tuple(notes))


def _losses(ledger: Ledger, lost: int, total: int) -> list[str]:
    counted, undecoded = f"{lost} of {total} frames", ledger.undecoded
    again = "its clock begins anew inside ({}x), and sound and subtitles from there on are missing or out of time"
    lines = {
        f"{counted} could not be decoded": 0 < lost == undecoded,
        f"{counted} are missing": lost > undecoded == 0,
        f"{counted} are missing, {undecoded} of them could not be decoded": lost > undecoded > 0,
        f"the decoder patched up {many(ledger.patched, 'frame')}": ledger.patched,
        f"{many(ledger.spoilt, 'packet')} of sound or subtitles are damaged": ledger.spoilt,
        "a stream that turns up in the middle is not carried over": ledger.strange,
        again.format(ledger.set_back): ledger.set_back,
        ledger.end: ledger.end,
    }
    return [line for line, holds in lines.items() if holds]


def many(number: int, what: str) -> str:
    """A number of things.

    >>> many(1, "frame"), many(2, "frame")
    ('1 frame', '2 frames')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def missing(times: Sequence[int], step: float = 0.0, regular: float = REGULAR) -> int:
    """How many frames seem to be missing within a film of constant rate, ``step`` ticks apart as far as its header
    says (0: it does not); 0 for a film whose rate varies: fewer steps than the share ``regular`` are equal.

    >>> missing([*range(0, 1000, 10), *range(1030, 2000, 10)]), missing([0, 10, 40, 50, 90])
    (3, 0)
    """
    steps = np.diff(np.asarray(times, np.int64))
    if not len(steps):
        return 0
    usual = float(np.median(steps))
    usual = step if abs(step - usual) <= 1 and usual >= 10 else usual  # ticks are whole, frames need not be
    equal = np.abs(steps - usual) <= max(1.0 if usual >= 3 else 0.0, 0.05 * usual)
    odd = np.count_nonzero(~equal)
    if odd > max((1 - regular) * len(steps), min(FEW, len(steps) / 5)):
        return 0
    return int(sum(round(step / usual) - 1 for step in steps[steps > 1.5 * usual]))
