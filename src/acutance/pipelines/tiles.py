"""Which tiles a picture is worked on in: as little arithmetic twice as the caches and the memory for strips allow."""

from __future__ import annotations

from dataclasses import replace

from acutance.errors import UsageError
from acutance.imaging.tiling import Grid, ceil_to, plan_grid
from acutance.models.model import Model
from acutance.pipelines.settings import passes_needed

TILE = 288  # pixels a side, as the network works on them: about what the processor's caches like, halo included
FOLDS = 4  # networks with a ``multiple`` up to this fold as many pixels a side into channels before they work
STYLE_TILE = 800  # of networks that paint: most of them works at a quarter of the size or less
STRIP_BYTES = 32 << 20  # a strip of the result, so that memory does not grow with the picture
TRIED = 64  # heights compared


def tile_grid(
    width: int, height: int, model: Model, wanted: int = 0, pixel_bytes: int = 3, *, many: bool = False
) -> Grid:
    """The tiles of one pass, of an area near ``TILE`` (or ``STYLE_TILE``) squared; of all such tiles those of which
    least is computed twice.

    They are flatter for wide pictures, so that a strip of the result, of ``pixel_bytes`` a pixel, stays under
    ``STRIP_BYTES``. ``wanted``: the size a person asked for. ``many``: pictures follow one another, so that a last
    odd tile leaves nobody waiting. Raises ``UsageError`` for a size that the network cannot take.
    """
    geometry, paints = model.geometry, model.verb == "stylize"
    margin = ceil_to(2 * (geometry.halo or 0) + geometry.overlap, geometry.multiple)
    check_tile(wanted, model)
    rows_allowed = STRIP_BYTES // (width * pixel_bytes * geometry.scale**2)
    least = margin + max(32, geometry.multiple)
    usual = STYLE_TILE if paints else TILE * (geometry.multiple if geometry.multiple <= FOLDS else 1)
    highest = max(rows_allowed + margin, least)
    tall = wanted or max(min(usual, highest), least)
    wide = max(wanted or (usual + usual * usual // tall) // 2, least)  # less when flat: wide rows need memory elsewhere
    first = _grid(height, width, tall, wide, model)
    if wanted or geometry.tile or geometry.halo is None or paints:
        return first
    area = tall * wide
    step = ceil_to(max(1, (2 * usual - least) // TRIED), geometry.multiple)
    heights = range(least, min(highest, 2 * usual) + 1, step)
    others = [_grid(height, width, tall, max(area // tall, least), model) for tall in heights]
    return min([first, *others], key=lambda grid: work(grid) * (1 if many else _odd(len(grid))))


def frame_grids(width: int, height: int, size: tuple[int, int], model: Model, deep: bool) -> tuple[Grid, ...]:
    """The tiles of every pass that takes frames of ``width`` x ``height`` to ``size`` or beyond."""
    grids, scale = [], model.geometry.scale
    for _ in range(passes_needed(width, height, size, scale)):
        grids.append(tile_grid(width, height, model, 0, 6 if deep else 3, many=True))
        width, height = width * scale, height * scale
    return tuple(grids)


def work(grid: Grid) -> int:
    """Pixels that the network computes."""
    return len(grid) * grid.tile[0] * grid.tile[1]


def check_tile(wanted: int, model: Model) -> None:
    """Raise ``UsageError`` for a size of tiles that ``model`` cannot take; 0 means any."""
    geometry = model.geometry
    margin = ceil_to(2 * (geometry.halo or 0) + geometry.overlap, geometry.multiple)
    if wanted and geometry.tile and wanted != geometry.tile:
        raise UsageError(f"--tile {wanted}: {model.name} works on tiles of {geometry.tile} only; leave it out")
    if wanted and wanted < margin + geometry.multiple:
        raise UsageError(f"--tile {wanted}: {model.name} needs at least {margin + geometry.multiple}")


def _grid(height: int, width: int, tall: int, wide: int, model: Model) -> Grid:
    geometry = model.geometry
    rows, columns = (
        plan_grid(
            height, width, tile=tile, halo=geometry.halo, multiple=geometry.multiple, fixed=geometry.tile,
            overlap=geometry.overlap,
        )
        for tile in (tall, wide)
    )  # fmt: skip
    return replace(rows, columns=columns.columns)


def _odd(count: int) -> float:
    """How much longer it takes than its work, because tiles run in pairs.

    >>> _odd(1), _odd(2), _odd(4)
    (2.0, 1.0, 1.0)
    """
    return ceil_to(count, 2) / count
