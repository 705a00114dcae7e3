"""What a run says about itself: ``metrics.jsonl``, progress events, warnings when the game tips over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from acutance.measuring.scores import to_json
from acutance.training.board import Board
from acutance.training.recipe import Recipe
from acutance.training.step import State

Event = Callable[[dict[str, Any]], None]

EVERY = 100  # steps between two rows
GLANCE = 2.0  # seconds between two signs of life
LOST_CONTRAST = 0.5  # of the originals' standard deviation
ALWAYS_RIGHT, FOR_ROWS = 0.99, 10  # a critic that is never wrong teaches nothing


class Log:
    """Means over every hundred steps, with the time left. Without a ``run`` nothing is written."""

    def __init__(self, run: Path | None, recipe: Recipe, first: int, steps: int, on_event: Event) -> None:
        self.path, self.batch, self.on_event = run and run / "metrics.jsonl", recipe.data.batch, on_event
        self.board = Board(run and run / "board", first)
        self.steps, self.first, self.start = steps, first, time.monotonic()
        if self.path and self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n"):
            with open(self.path, "a") as file:  # killed in the middle of a row
                file.write("\n")
        self.found: dict[str, list[float]] = {}
        self.count = self.rows_right = 0
        self.shown = self.start

    def write(self, row: dict[str, Any]) -> None:
        """Append a row."""
        if self.path is None:
            return
        with open(self.path, "a") as file:
            file.write(json.dumps({name: to_json(value) for name, value in row.items()}) + "\n")

    def step(self, state: State, factor: float) -> None:
        """Count a step; every hundred of them make a row and an event."""
        for name, value in state.losses.items():
            self.found.setdefault(name, []).append(value)
        self.count += 1
        rate = (state.step - self.first) / (time.monotonic() - self.start)
        if self.count < EVERY and state.step != self.steps:
            self._glance(state.step, rate)
            return
        row = {"step": state.step, "lr_factor": round(factor, 4), "steps_per_s": round(rate, 2),
               "images_per_s": round(rate * self.batch, 1), "skipped": state.skipped}  # fmt: skip
        means = {name: round(fmean(values), 6) for name, values in self.found.items()}
        self.write(row | means)
        self.board.scalars(state.step, means | {"lr_factor": factor})
        self.shown = time.monotonic()
        self.on_event({"event": "train", "steps": self.steps, "eta_s": self._left(state.step, rate), **row, **means})
        self._watch(means)
        self.found, self.count = {}, 0

    def _glance(self, step: int, rate: float) -> None:
        """Between two rows, that it goes on."""
        if time.monotonic() - self.shown < GLANCE:
            return
        self.shown = time.monotonic()
        losses = {name: round(values[-1], 6) for name, values in self.found.items()}
        self.on_event({"event": "step", "step": step, "steps": self.steps, "eta_s": self._left(step, rate),
                       "steps_per_s": round(rate, 2), "images_per_s": round(rate * self.batch, 1),
                       **losses})  # fmt: skip

    def _left(self, step: int, rate: float) -> int:
        return round((self.steps - step) / rate)

    def _watch(self, means: dict[str, float]) -> None:
        contrast = means.get("generator/contrast", 1.0)
        if contrast < LOST_CONTRAST:
            self.warn(f"the generator's pictures have {contrast:.0%} of the contrast they should have")
        right = means.get("critic/right", 0.0)
        if "real/p_real" in means:  # a step for each
            right = min(means["real/p_real"], 1 - means["fake/p_fake"])
        self.rows_right = self.rows_right + 1 if right > ALWAYS_RIGHT else 0
        if self.rows_right == FOR_ROWS:
            self.warn("the critic is no longer ever wrong; a weaker critic or a lower rate for it teaches more")

    def warn(self, text: str) -> None:
        """Something the person who trains should know."""
        self.write({"warning": text})
        self.on_event({"event": "warning", "text": text})

    def validation(self, step: int, scores: dict[str, float]) -> None:
        """Scores of one validation, if there was anything to look at."""
        if not scores:
            return
        self.write({"step": step, **scores})
        self.board.scalars(step, scores)
        self.on_event({"event": "validation", "step": step, **scores})


def metrics(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run's log, without one that a kill cut short."""
    with open(run / "metrics.jsonl") as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)
