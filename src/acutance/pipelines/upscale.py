"""Upscale pictures: the story from an open file to a finished one, and the same for arrays."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from acutance import engines
from acutance.engines import Engine
from acutance.errors import BadInput, UsageError
from acutance.files import images, limits, standard, writing
from acutance.files.atomic import resource_error, sweep, temporary_beside
from acutance.files.memory import PICTURE, TILE_PIXEL, require
from acutance.files.metadata import Metadata
from acutance.files.spill import room_in
from acutance.files.vips import few_lines
from acutance.imaging.tiling import Grid
from acutance.models.model import Model
from acutance.pipelines.journal import TAKEN, Journal
from acutance.pipelines.plan import Plan, units
from acutance.pipelines.projection import projected_strips
from acutance.pipelines.settings import Settings, final_size, passes_needed
from acutance.pipelines.strips import Layout, Rows, peak_of
from acutance.pipelines.stylize import Painted
from acutance.pipelines.tiles import check_tile, tile_grid

INHERITED: list[Any] = []  # engines of the process this one was forked from
WORKED: set[int] = set()  # the process that has worked on files, whose libvips keeps threads that a fork lacks
Event = Callable[[dict[str, Any]], None]


class Upscaler:
    """One model, ready for many pictures; keeps the network compiled between pictures of equal tiles.

    Threads may share it; each call then opens an engine anew where sizes differ. A process forked from one that has
    worked on files cannot: start it with "spawn".
    """

    def __init__(self, model: Model, settings: Settings | None = None) -> None:
        self.model, self.settings = model, settings or Settings()
        if model.verb != self.settings.verb:
            does = "paints pictures in a style" if model.verb == "stylize" else "enlarges pictures"
            raise UsageError(f"{model.name} {does}; use it with: acutance {model.verb} --model {model.name}")
        if self.settings.back_project and model.geometry.scale == 1:
            raise UsageError(
                f"--back-project: {model.name} does not enlarge, so nothing could be compared; leave it out"
            )
        check_tile(self.settings.tile, model)
        self.settle(np.dtype(np.uint8))  # what cannot be had is said before the first picture
        self._engine: tuple[tuple[Any, ...], Engine] | None = None
        self._told, self._lock = 0, threading.Lock()  # of its tiles computed again

    def settle(self, depth: np.dtype) -> tuple[str, str]:
        """The engine and precision for pictures of this depth."""
        return engines.choose(self.model, self.settings.engine, self.settings.precision, deep=depth != np.uint8)

    def forget(self) -> None:
        """Let go of the engine, and of its memory."""
        with self._lock:
            self._engine = None

    def engine(self, grid: Grid, depth: np.dtype) -> Engine:
        """An engine for the tiles of ``grid``."""
        deep = depth != np.uint8
        precision = self.settle(depth)
        key = (os.getpid(), grid.tile, deep, *precision)
        with self._lock:
            if self._engine is None or self._engine[0] != key:
                if self._engine is not None and self._engine[0][0] != key[0]:
                    INHERITED.append(self._engine)  # of the process this one was forked from: to free it would hang
                self._engine, self._told = None, 0
                self._engine = (key, engines.open_engine(self.model, grid.tile, *precision, deep=deep))
            return self._engine[1]

    def array(self, image: np.ndarray) -> np.ndarray:
        """Enlarge ``(H, W)`` or ``(H, W, C)``, C 1 to 4, uint8, uint16 or float32 in [0, 1], by the
        model's scale; same depth and bands out. Raises ``UsageError`` for other arrays and other scales."""
        wanted, own = self.settings, self.model.geometry.scale
        if wanted.width is not None or wanted.height is not None or wanted.scale not in (None, own):
            raise UsageError(f"arrays are enlarged by the model's own scale, here {own}; others are for files only")
        depth = image.dtype
        if depth not in (np.uint8, np.uint16, np.float32) or image.ndim not in (2, 3) or image.size == 0:
            raise UsageError(
                f"an array of shape {image.shape} and type {depth} was given; accepted are (H, W) and "
                "(H, W, C) of uint8, uint16 or float32"
            )
        pixels = image[:, :, None] if image.ndim == 2 else image
        if not 1 <= pixels.shape[2] <= 4:
            raise UsageError(f"an array of {pixels.shape[2]} bands was given; accepted are 1 to 4")
        height, width, bands = pixels.shape
        if not np.isfinite(pixels.sum(dtype=np.float64)):
            raise UsageError("the array holds NaN or infinite samples")
        layout = Layout(bands, depth, peak_of(depth, float(pixels.max())))
        if bands in (2, 4):
            pixels = standard.bled_array(pixels)
        grid = tile_grid(width, height, self.model, self.settings.tile)
        engine = self.engine(grid, depth)
        if self.settings.shrink != 1:
            raise UsageError("arrays keep their size; shrink is for files only")
        rows = self._made(lambda top, bottom: pixels[top:bottom], layout, grid, engine)
        result = np.concatenate(list(rows))
        return result[:, :, 0] if image.ndim == 2 else result

    def file(
        self,
        source: Path,
        target: Path,
        *,
        journal: Journal | None = None,
        on_event: Event = lambda event: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Enlarge one picture file into ``target``; returns what was done.

        The result's key ``status`` is "done", or "kept" when the journal says that this very plan made the file that is
        there; ``damage`` says what is wrong with the input, if anything. Raises an ``AcutanceError`` and leaves no file
        otherwise.
        """
        if WORKED - {os.getpid()}:
            raise UsageError('this process was forked from one that worked on pictures; start it with "spawn"')
        WORKED.add(os.getpid())
        journal = journal or Journal(target.parent)
        begin = time.perf_counter()
        file_format = _check_target(source, target, self.settings.file_format)
        sweep(target)
        limit, shrink = self.settings.max_megapixels, self.settings.shrink
        opened = images.open_picture(source, scratch=target, max_megapixels=limit, shrink=shrink)
        with opened as picture:
            plan, size, grids = self._plan(picture, source, file_format)
            (unit,) = units(plan)
            facts: dict[str, Any] = {
                "input": str(source), "output": str(target), "width": size[0], "height": size[1],
                "plan": plan.sha256, "model": self.model.name, "engine": plan.engine, "precision": plan.precision,
            }  # fmt: skip
            if self._kept(target, journal, unit):
                return {"status": "kept", "damage": journal.facts(target).get("damage", ""), **facts}
            require(PICTURE + picture.held + TILE_PIXEL * max(math.prod(grid.tile) for grid in grids))
            journal.check_writable()
            limits.check_output_size(target, plan.file_format, *size)
            depth = np.dtype(picture.depth)
            peak = peak_of(depth, picture.highest())
            notes = [
                *picture.notes,
                *self._interpolated(grids[-1], size),
                *writing.losses(plan.file_format, picture.bands, depth, picture.fields, peak, picture.data_band),
            ]
            beside = {"source": source.name} if source.parent.resolve() == target.parent.resolve() else {}

            def commit(size: int) -> None:
                self._kept(target, journal, unit)  # what came to lie there since the start is not replaced unasked
                picture.close()  # only then its decoder has said all
                damaged = {"damage": picture.damage} if picture.damage else {}
                journal.commit(target.name, unit, size, **beside, **damaged)

            try:
                on_tile = _reporter(on_event, source, grids)
                found = self._run(picture, peak, target, plan, grids, on_tile, cancelled, commit)
            except BrokenPipeError:  # of the one who reads the events
                raise
            except engines.Unworkable as error:
                raise BadInput(f"{source}: {error}") from error
            except OSError as error:
                raise resource_error(error, target) from error
            notes += self._redone()
        if picture.damage:
            notes.append(f"its decoder calls it damaged ({picture.damage}); look whether parts of it are wrong")
        facts |= {} if found is None else {"seams": round(found, 4)}
        seconds = round(time.perf_counter() - begin, 3)
        return {"status": "done", "damage": picture.damage, **facts, "seconds": seconds, "notes": notes}

    def _kept(self, target: Path, journal: Journal, unit: str) -> bool:
        """Whether this very plan made what is there. Raises ``UsageError`` for what may not be replaced."""
        if not target.exists():
            return False
        if journal.holds(target, unit):
            return True
        if self.settings.overwrite:
            return False
        raise UsageError(f"{target}: {TAKEN}")

    def _plan(
        self, picture: images.Picture, source: Path, file_format: str
    ) -> tuple[Plan, tuple[int, int], list[Grid]]:
        settings, scale = self.settings, self.model.geometry.scale
        size = final_size(picture.width, picture.height, scale, settings)
        grids, width, height = [], picture.width, picture.height
        pixel_bytes = picture.bands * np.dtype(picture.depth).itemsize
        for _ in range(passes_needed(width, height, size, scale)):
            grids.append(tile_grid(width, height, self.model, settings.tile, pixel_bytes))
            limits.check_rows(source, grids[-1].tile[0] * grids[-1].padded_width * pixel_bytes)
            width, height = width * scale, height * scale
        engine, precision = self.settle(np.dtype(picture.depth))
        quality = settings.quality if file_format in writing.EIGHT_BIT else 0  # of the others it decides nothing
        plan = Plan(
            input=images.sha256(source), model=self.model.sha256, passes=tuple(g.tile for g in grids),
            halo=self.model.geometry.halo, batch=1, engine=engine, precision=precision, size=size,
            file_format=file_format, quality=quality, back_project=settings.back_project, strength=settings.strength,
            shrink=settings.shrink,
        )  # fmt: skip
        return plan, size, grids

    def _run(
        self,
        picture: images.Picture,
        peak: float,
        target: Path,
        plan: Plan,
        grids: list[Grid],
        on_tile: Callable[[int, int], None],
        cancelled: Callable[[], bool],
        commit: Callable[[int], None],
    ) -> float | None:
        """Every pass reads the picture before it; all but the last go to an unpacked file beside. Returns the
        seam ratio of a painted picture."""
        scale = self.model.geometry.scale
        with contextlib.ExitStack() as cleanup:
            for number, grid in enumerate(grids):
                last = number + 1 == len(grids)
                width, height = grid.width * scale, grid.height * scale
                depth = np.dtype(picture.depth)
                layout = Layout(picture.bands, depth, peak, picture.data_band)
                out = target if last else temporary_beside(target.with_suffix(".tif"))
                if not last:
                    limits.check_room(target.parent, width * height * layout.bands * depth.itemsize, "a pass")
                    cleanup.callback(out.unlink, missing_ok=True)
                destination = writing.Target(
                    path=out, file_format=plan.file_format if last else "raw", width=width, height=height,
                    bands=layout.bands, depth=depth, peak=peak, final_width=plan.size[0] if last else width,
                    final_height=plan.size[1] if last else height, quality=plan.quality,
                    fields=picture.fields if last else Metadata(), data_band=picture.data_band,
                )  # fmt: skip
                engine = self.engine(grid, depth)
                few = few_lines(max(width, plan.size[0]) * picture.bands * depth.itemsize)
                with few, writing.picture_writer(destination, commit if last else None) as write:
                    made = self._made(
                        picture.rows, layout, grid, engine, room=room_in(target.parent),
                        on_tile=lambda done, number=number: on_tile(number, done), cancelled=cancelled,
                    )  # fmt: skip
                    for strip in made:
                        write(strip)
                        del strip  # or two would be in memory while the next is made
                if not last:
                    again = cleanup.enter_context(images.open_picture(out, scratch=target, max_megapixels=math.inf))
                    picture = replace(again, fields=picture.fields)
        return made.seams.ratio if isinstance(made, Painted) else None

    def _interpolated(self, grid: Grid, size: tuple[int, int]) -> list[str]:
        """What is to be said where the model's last result is smaller than what is wanted."""
        made = (grid.width * self.model.geometry.scale, grid.height * self.model.geometry.scale)
        if size[0] <= made[0] and size[1] <= made[1]:
            return []
        return [f"{self.model.name} makes {made[0]}x{made[1]} of it; enlarged further by interpolation"]

    def _redone(self) -> list[str]:
        """What is to be said of tiles that int8 was too narrow for, since the last time."""
        engine = self._engine and self._engine[1]
        count, self._told = (getattr(engine, "redone", 0) - self._told, getattr(engine, "redone", 0))
        return [f"tiles too strong for int8, computed more precisely: {count}"] if count > 0 else []

    def _made(self, rows: Rows, layout: Layout, grid: Grid, engine: Engine, **options: Any) -> Iterable[np.ndarray]:
        """The strips of the result, as the settings ask."""
        settings, geometry = self.settings, self.model.geometry
        if settings.verb == "stylize":
            options["ground"] = geometry.ground
            return Painted(rows, layout, grid, engine, settings.strength, options)
        return projected_strips(rows, layout, grid, geometry.scale, engine, settings.back_project, **options)


def _check_target(source: Path, target: Path, wanted: str | None) -> str:
    """The format of ``target``, whose name must fit it and which must not be the input."""
    try:
        if target.exists() and source.exists() and target.samefile(source):
            raise UsageError(f"{target}: is the input itself; choose another output with -o")
        if target.is_dir():
            raise UsageError(f"{target}: is a folder; name a file")
    except OSError as error:
        raise UsageError(f"{target}: cannot be a file name here ({error.strerror})") from error
    named = limits.format_of(target)
    if wanted not in (None, named):
        raise UsageError(f"{target}: is named as {named}, but --format says {wanted}; make them agree")
    return named


def _reporter(on_event: Event, source: Path, grids: list[Grid]) -> Callable[[int, int], None]:
    """Progress over all passes, in tiles."""
    total = sum(len(grid) for grid in grids)

    def report(number: int, done: int) -> None:
        before = sum(len(grid) for grid in grids[:number])
        on_event({"event": "progress", "input": str(source), "done": before + done, "total": total})

    return report
