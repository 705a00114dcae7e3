"""What a stylizer does now: held-out photographs as it paints them, beside paintings; drawing kept, seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from torch import nn

from acutance.files.pixels import write_png
from acutance.imaging.seams import seam_ratio
from acutance.imaging.tiling import ceil_to, plan_grid
from acutance.measuring.metrics.style import edge_agreement
from acutance.pipelines.strips import Layout, upscale_strips
from acutance.training.board import Board
from acutance.training.pack import Pack, Picture
from acutance.training.sheet import table
from acutance.training.validate import run_network

ROWS = 4  # of the sheet
MOST = 8  # photographs that are painted
SIDE = 384  # pixels of a picture on it
LAID = 64  # pixels of a tile, where the network leaves it open


class StyleValidation:
    """Fixed photographs; there are no originals, so nothing here says what is best."""

    def __init__(self, photographs: list[Picture], paintings: Pack, run: Path, board: Board) -> None:
        self.photographs, self.run_folder, self.board = photographs[:MOST], run, board
        examples = [np.array(paintings.picture(item)) for item in (paintings.valid or paintings.train)[:ROWS]]
        self.paintings = [_middle(painting) for painting in examples]

    def run(self, network: nn.Module, step: int) -> dict[str, float]:
        """Mean edge agreement, and seam ratio with tiles joined as they are, without surroundings; and a sheet."""
        network.eval()
        whole = getattr(network, "tile", None) is None
        painted = [run_network(network, p) if whole else laid(network, p) for p in self.photographs]
        scores: dict[str, float] = {}
        if painted:
            pairs = zip(self.photographs, painted, strict=True)
            scores["valid_edges"] = round(fmean(edge_agreement(*pair) for pair in pairs), 4)
            side = tile_of(network)
            found = painted if not whole else [laid(network, p) for p in self.photographs]
            scores["valid_seams"] = round(fmean(seam_ratio(picture, side) for picture in found), 4)
            rows = [
                [_middle(p), _middle(q), self.paintings[i % len(self.paintings)]]
                for i, (p, q) in enumerate(list(zip(self.photographs, painted, strict=True))[:ROWS])
            ]
            picture = table(("PHOTO", "NOW", "PAINTING"), rows)
            (self.run_folder / "sheets").mkdir(exist_ok=True)
            write_png(self.run_folder / "sheets" / f"step-{step:08d}.png", picture)
            self.board.picture(step, picture)
        return scores


def tile_of(network: nn.Module) -> int:
    """The side of a tile: the network's own, or one that its sizes allow."""
    return getattr(network, "tile", None) or ceil_to(LAID, getattr(network, "multiple", 1))


def laid(network: nn.Module, picture: Picture, *, drop: bool = False) -> Picture:
    """``picture`` painted as the article does: equal tiles, each alone, joined without overlap. The last ones are
    aligned to the edge; with ``drop`` what fills no tile is cut off instead, as in the article."""
    side = tile_of(network)
    if drop:
        picture = picture[: picture.shape[0] // side * side, : picture.shape[1] // side * side]
    height, width = picture.shape[:2]
    grid = plan_grid(height, width, tile=side, halo=0, multiple=getattr(network, "multiple", 1), fixed=side)
    layout = Layout(3, np.dtype(np.uint8), 255.0)
    ground = getattr(network, "ground", 0)
    strips = upscale_strips(lambda top, bottom: picture[top:bottom], layout, grid, 1, _Direct(network), ground=ground)
    return np.concatenate(list(strips))


class _Direct:
    """A network as an engine, for tiles of 8 bits; see ``engines.Engine``."""

    name, precision = "torch", "fp32"

    def __init__(self, network: nn.Module) -> None:
        self.run = partial(run_network, network, grained=True)

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """One after another."""
        return map(self.run, tiles)


def _middle(picture: Picture) -> Picture:
    top, left = (max(side - SIDE, 0) // 2 for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + SIDE, left : left + SIDE])
