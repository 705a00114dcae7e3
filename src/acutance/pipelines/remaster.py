"""Remaster a film: read -> prepare -> enlarge -> encode in segments -> join -> read back -> name.

Three stages overlap in three threads. Each finished segment is a file of its own with a line in the journal of its
folder; a stop loses the one that was being made. Nothing gets the final name before it was read back.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import AcutanceError, BadInput, Interrupted, UsageError
from acutance.files.atomic import atomic_path
from acutance.files.video_colour import white
from acutance.files.video_ledger import Ledger, judge
from acutance.files.video_reading import Account, Frame, Lost, Span, read_frames
from acutance.files.video_writing import converter, read_segment, segment_writer
from acutance.pipelines.conveyor import ahead
from acutance.pipelines.film import FilmSettings, Project, draw_up
from acutance.pipelines.finishing import finish
from acutance.pipelines.frames import enlarge_frames, once_each
from acutance.pipelines.journal import TAKEN, Journal
from acutance.pipelines.plan import units
from acutance.pipelines.preparation import look_back, prepared
from acutance.pipelines.segments import abandoned, finished, meant_for, segment_path, sweep, sweep_if_free, work_folder
from acutance.pipelines.strips import Layout
from acutance.pipelines.upscale import Event, Upscaler

AHEAD_BYTES = 64 << 20  # of finished frames waiting for the encoder
OTHER_PLAN = "segments of another plan lie beside it; they are not used, and go when this film is done"
MOST_AHEAD = 8  # frames
NOTHING = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class Result:
    """A frame that is done: what it was, without its pixels, its enlargement, and whether the network ran for it."""

    frame: Frame
    rgb: np.ndarray
    run: bool


def remaster(
    source: Path,
    target: Path,
    upscaler: Upscaler,
    settings: FilmSettings | None = None,
    *,
    on_event: Event = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Make ``target`` from the film ``source``; returns what was done.

    ``status`` is "done", or "kept" when the journal says that this very plan made the file that is there;
    ``damage`` says what of the input could not be read, empty if all could. Raises an ``AcutanceError`` and leaves
    no file, only finished segments, otherwise.
    """
    begin = time.perf_counter()
    settings = settings or FilmSettings()
    project = draw_up(source, target, upscaler, settings)
    journal = Journal(target.parent)
    facts = _facts(project, upscaler.model.name)
    if (kept := _kept(project, journal)) is not None:
        sweep_if_free(project.folder)
        return {"status": "kept", **facts, **kept}
    journal.check_writable()
    others = (
        ["what was done before with another plan is not used, and goes when this is done"] if abandoned(project) else []
    )
    on_event({"event": "plan", **facts, "notes": [*project.notes, *others], "frames": project.frames})
    with work_folder(project.folder):
        if (kept := _kept(project, journal)) is not None:  # by a process that held the folder until now
            sweep(project.folder)
            return {"status": "kept", **facts, **kept}
        meant_for(project)
        segments = Journal(project.folder)
        done = finished(project, segments)
        ran = 0
        if not done or not done[-1]["last"]:
            ran = _make_segments(project, upscaler, segments, done, on_event, cancelled)
        found: dict[str, str] = {}
        joined = finish(project, done, found, journal, lambda: _kept(project, journal))
        sweep(project.folder)
    for other in abandoned(project):
        sweep_if_free(other)
    return {
        "status": "done", **facts, "frames": joined.frames, "run": ran, "duration": round(joined.duration, 3),
        "copied_packets": joined.packets, "segments": len(done), **found,
        "notes": list(dict.fromkeys([*project.notes, *done[-1]["notes"], *joined.notes])),
        "seconds": round(time.perf_counter() - begin, 3),
    }  # fmt: skip


def _kept(project: Project, journal: Journal) -> dict[str, str] | None:
    """The damage on record if this plan's film is there already; ``None`` if nothing stands in the way. Raises
    ``UsageError`` for a file that something else made."""
    if not (target := project.target).exists():
        return None
    if journal.holds(target, project.plan.sha256):
        return {"damage": journal.facts(target).get("damage", "")}
    if project.settings.overwrite:
        return None
    raise UsageError(f"{target}: {TAKEN}")


def _facts(project: Project, model: str) -> dict[str, Any]:
    width, height = project.encoding.size
    return {
        "input": str(project.film.path), "output": str(project.target), "width": width, "height": height,
        "codec": project.encoding.codec, "pixel_format": project.encoding.pixel_format, "crf": project.encoding.crf,
        "preset": project.encoding.preset, "plan": project.plan.sha256, "model": model,
        "engine": project.plan.engine, "precision": project.plan.precision,
    }  # fmt: skip


def _make_segments(
    project: Project,
    upscaler: Upscaler,
    journal: Journal,
    done: list[dict[str, Any]],
    on_event: Event,
    cancelled: Callable[[], bool],
) -> int:
    """Make the segments that are missing, appending their facts to ``done``; how many frames the network ran."""
    maker = _Maker(project, journal, on_event, cancelled, done)
    try:
        with closing(_results(project, upscaler, maker.account, done, cancelled)) as results:
            maker.results = results
            maker.step()
            if maker.waiting is None:
                raise BadInput(f"{project.film.path}: holds no frames between --start and --end")
            while maker.waiting is not None:
                done.append(maker.segment())
    except Interrupted as error:
        kept = sum(len(entry["pts"]) for entry in done)
        unit = project.settings.segment
        what = f"{kept} frames are kept" if kept else f"nothing is kept before {unit} frames are made"
        raise Interrupted(f"stopped; {what}; run the same command again to continue") from error
    except Lost:
        if not done:
            raise
        del done[len(done) // 2 :]  # it is decoded otherwise now: go on from further back, and soon from nothing
        return _make_segments(project, upscaler, journal, done, on_event, cancelled)
    return maker.ran


class _Maker:
    """Makes one segment after the other from a stream of results."""

    def __init__(
        self, project: Project, journal: Journal, on_event: Event, cancelled: Callable[[], bool], done: list[dict]
    ) -> None:
        self.project, self.journal, self.on_event, self.cancelled, self.done = (
            project, journal, on_event, cancelled, done,
        )  # fmt: skip
        self.account, self.ran = Account(), 0
        self.results: Iterator[Result] = iter(())
        self.waiting: Result | None = None
        self.made = self.before = sum(len(entry["pts"]) for entry in done)
        self.before_now = _ledger(done)
        self.convert = converter(project.film, project.encoding)
        self.begin = time.monotonic()

    def step(self) -> None:
        """Take the next result."""
        self.waiting = next(self.results, None)

    def segment(self) -> dict[str, Any]:
        """Write the next segment and its line in the journal; the facts of that line."""
        project, number, facts = self.project, len(self.done), {}
        path = segment_path(project, number)
        unit = next(itertools.islice(units(project.plan), number, None))

        def commit(size: int) -> None:
            self.journal.commit(path.name, unit, size, **facts)

        with atomic_path(path, commit) as temporary:
            with segment_writer(temporary, project.film, project.encoding, self.convert) as write:
                shown = self._write(write)
            written = read_segment(temporary)
            if len(written.numbers) != len(shown):
                raise AcutanceError(f"{path}: {len(shown)} frames went in and {len(written.numbers)} came out; "
                                    "a bug of ours or of libav")  # fmt: skip
            last = shown[-1]
            facts |= {
                "pts": [frame.pts for frame in shown], "end": last.pts + (last.duration or project.film.step),
                "crc": last.crc, "ledger": (self.before_now + last.ledger).stored(),
                "delay": written.delay, "sha256": written.sha256, "last": self.waiting is None,
                "damage": "", "notes": [],
            }  # fmt: skip
            if self.waiting is None:
                facts |= self._findings(facts["pts"])
        return facts

    def _write(self, write: Callable[[np.ndarray], None]) -> list[Frame]:
        shown: list[Frame] = []
        while self.waiting is not None and len(shown) < self.project.plan.segment:
            if self.cancelled():
                raise Interrupted("stopped")
            write(self.waiting.rgb)
            shown.append(self.waiting.frame)
            self.ran += self.waiting.run
            self.waiting = None  # or two results would be in memory while the next is made
            self.step()
            self._report()
        return shown

    def _report(self) -> None:
        self.made += 1
        now, known = self.made - self.before, self.project.frames
        self.on_event({
            "event": "progress", "input": str(self.project.film.path), "done": self.made,
            "total": max(known, self.made) if known else None, "rate": now / max(time.monotonic() - self.begin, 1e-6),
        })  # fmt: skip

    def _findings(self, pts: list[int]) -> dict[str, Any]:
        """Damage and remarks, known when all is read."""
        film, times = self.project.film, [time for entry in self.done for time in entry["pts"]] + pts
        step = float(1 / film.rate / film.time_base)
        verdict = judge(self.before_now + self.account.new, times, step=step, container=film.container)
        return {"damage": verdict.damage, "notes": list(verdict.notes)}


def _ledger(done: list[dict[str, Any]]) -> Ledger:
    """The ledger of what is done."""
    return Ledger.restored(done[-1]["ledger"]) if done else Ledger()


def _results(
    project: Project, upscaler: Upscaler, account: Account, done: list[dict[str, Any]], cancelled: Callable[[], bool]
) -> Generator[Result, None, None]:
    """Finished frames in order: read and prepared in one thread, enlarged in a second."""
    plan, depth = project.plan, np.dtype(np.uint16 if project.film.deep else np.uint8)
    after = (done[-1]["pts"][-1], done[-1]["crc"]) if done else None
    read = read_frames(project.film, Span(first=plan.first, stop=plan.stop), account, after=after,
                       lead=look_back(plan.stabilise_time), jump=not _ledger(done).set_back)  # fmt: skip
    layout = Layout(3, depth, white(depth, project.film.colour))

    def enlarged() -> Iterator[Result]:
        frames = ahead(prepared(read, plan.stabilise_time, plan.denoise_grain), MOST_AHEAD)

        def run(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            for grid in project.grids:
                engine = upscaler.engine(grid, depth)
                pictures = enlarge_frames(
                    pictures, layout, grid, upscaler.model.geometry.scale, engine, cancelled=cancelled
                )
            return pictures

        def labelled() -> Iterator[tuple[Frame, np.ndarray]]:
            for frame in frames:
                if cancelled():
                    raise Interrupted("stopped")
                yield replace(frame, rgb=NOTHING), frame.rgb  # labels wait in a queue, without their pixels

        with closing(frames):
            for frame, rgb, ran in once_each(labelled(), run):
                yield Result(frame, rgb, ran)
                del rgb

    height, width = (side * upscaler.model.geometry.scale ** len(project.grids) for side in _size(project))
    waiting = max(1, min(MOST_AHEAD, AHEAD_BYTES // (height * width * 3 * depth.itemsize)))
    return ahead(enlarged(), waiting)


def _size(project: Project) -> tuple[int, int]:
    return project.film.height, project.film.width
