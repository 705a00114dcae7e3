"""Remastering with a network that only repeats pixels; as a program, so that tests can kill it.

Usage: python toy_film.py INPUT OUTPUT SETTINGS_AS_JSON. Prints events as JSON lines.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from acutance.models import store
from acutance.pipelines.film import FilmSettings
from acutance.pipelines.remaster import remaster
from acutance.pipelines.upscale import Upscaler


class Nearest:
    """Enlarges four times by repetition; ``seconds`` a tile. Counts its tiles."""

    name, precision = "toy", "fp32"

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.tiles = seconds, 0

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for tile in tiles:
            self.tiles += 1
            time.sleep(self.seconds)
            rows, columns = (0, 1) if tile.dtype == np.uint8 else (1, 2)
            yield tile.repeat(4, rows).repeat(4, columns)


class ToyUpscaler(Upscaler):
    """An upscaler with that network, whatever its model says."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(store.load())
        self.toy = Nearest(seconds)

    def settle(self, depth: np.dtype) -> tuple[str, str]:
        return "toy", "fp32"

    def engine(self, grid: object, depth: np.dtype) -> Nearest:  # type: ignore[override]
        return self.toy


if __name__ == "__main__":
    facts = remaster(
        Path(sys.argv[1]), Path(sys.argv[2]), ToyUpscaler(float(os.environ.get("TOY_SECONDS", "0"))),
        FilmSettings(**json.loads(sys.argv[3])), on_event=lambda event: print(json.dumps(event), flush=True),
    )  # fmt: skip
    print(json.dumps(facts))
