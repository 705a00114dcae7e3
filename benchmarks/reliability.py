"""How reliable acutance is, in figures: damaged files, kills, failing disks, little memory, hostile weights.

Usage: python benchmarks/reliability.py [F1 F3 ...] [--quick] [--share 1] [--seed 1] [--jobs 2] [--keep DIR] [--out DIR]
Without names all figures are measured. Each makes its own inputs, runs the command line in processes of its own, and
writes results/reliability/NAME.json (with --quick NAME-quick.json, a small sample of it). The exit code is 1 where a
bar does not hold. --keep keeps the files that broke one; number n of a seed is always the same damage.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from common import RESULTS, store
from trials.figures import Figure
from trials.running import Bench, bench


@dataclass(frozen=True)
class Trial:
    """What a figure is about, and which function of which module of ``trials`` measures it."""

    title: str
    module: str
    function: str = "measure"

    def measure(self, at: Bench) -> Figure:
        """Measure it; modules come late, since some bring torch."""
        run: Callable[[Bench], Figure] = getattr(import_module(f"trials.{self.module}"), self.function)
        return run(at)


TRIALS = {
    "F1": Trial("damaged pictures", "picture_mutants"),
    "F2": Trial("pictures that are healthy but not plain", "tricky"),
    "F3": Trial("damaged films", "film_mutants"),
    "F4": Trial("frames at their times, sound as it was", "times"),
    "F5": Trial("damaged and hostile weight files", "weights"),
    "F6": Trial("training killed at random moments", "kills", "measure_training"),
    "F7": Trial("films and folders killed at random moments", "kills", "measure_films"),
    "F8": Trial("every file operation fails once, or is killed at", "failures"),
    "F9": Trial("memory whatever the size", "memory"),
    "F10": Trial("too little memory, too few open files", "starvation"),
    "F11": Trial("values that are not finite", "finite"),
    "F13": Trial("slow clients and payloads at the server", "server", "measure_attacks"),
    "F15": Trial("many requests to the server", "server", "measure_soak"),
}
NOT_MEASURED = {
    "F12": "overload: there is no server of jobs",
    "F14": "cluster: there is none",
}


def measured(name: str, at: Bench) -> dict[str, Any]:
    """The result of one figure."""
    trial, begin, spent = TRIALS[name], time.monotonic(), _cpu_seconds()
    figure = trial.measure(at)
    size = {"figure": name, "title": trial.title, "quick": at.quick, "share": at.share, "seed": at.seed}
    times = {"seconds": time.monotonic() - begin, "cpu_seconds": _cpu_seconds() - spent}
    return {**size, **{key: round(value, 1) for key, value in times.items()}, **figure.to_dict()}


def _cpu_seconds() -> float:
    """Of this process and all it has started: a machine that does much else is slow, but not by this."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main() -> int:
    """Measure, write and say; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="F1", help=f"of {', '.join(TRIALS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a small sample of each, minutes in all")
    parser.add_argument("--jobs", type=int, default=2, help="commands at once")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other damage and other moments")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of trials")
    parser.add_argument("--keep", type=Path, help="a folder for the files that broke a bar")
    parser.add_argument("--out", type=Path, default=RESULTS / "reliability", help="a folder for the results")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in TRIALS]:
        parser.error(f"{', '.join(unknown)}: {NOT_MEASURED.get(unknown[0], 'no such figure')}")
    broken = []
    with bench(given.jobs, given.quick, given.seed, given.share, given.keep) as at:
        for name in given.names or TRIALS:
            result = measured(name, at)
            store(f"{name}-quick" if given.quick else name, result, given.out)
            broken += [] if result["holds"] else [name]
    print(f"bars that do not hold: {', '.join(broken)}" if broken else "every bar holds", file=sys.stderr)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
