"""Many pictures: which file becomes which, and running them one after another without losing any."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acutance.errors import AcutanceError, BadModel, DiskFull, Interrupted, ResourceError, UsageError
from acutance.files import limits
from acutance.files.atomic import resource_error
from acutance.files.memory import TOO_LITTLE, out_of_memory
from acutance.models.model import Model
from acutance.pipelines.journal import Journal
from acutance.pipelines.settings import Settings
from acutance.pipelines.upscale import Event, Upscaler

Unopened = tuple[Path, AcutanceError]  # an input and why nothing comes of it
READABLE = {*limits.SUFFIX_FORMATS, ".gif", ".heic", ".heif", ".apng"}  # besides what other libraries read
NAMED = 10  # clashes that are named at most


@dataclass(frozen=True)
class Job:
    """One picture to make."""

    source: Path
    target: Path
    note: str = ""  # on its name


@dataclass
class LeftAlone:
    """What was passed over: files that are no pictures, or that only the extras ``needed`` could read, results of
    pictures of the same batch, subfolders, and links to folders, which are never followed."""

    others: list[Path] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    results: int = 0
    folders: int = 0
    links: int = 0

    @property
    def files(self) -> int:
        """How many files."""
        return len(self.others)


@dataclass
class Summary:
    """What a batch came to. ``failed``: the exit codes of the failures, in order; ``damaged``: pictures made of
    what could be read; ``broken_off``: the code of a failure that would have met every other picture too."""

    done: int = 0
    kept: int = 0
    failed: list[int] = field(default_factory=list)
    damaged: int = 0
    broken_off: int = 0

    @property
    def exit_code(self) -> int:
        """0 all done of whole inputs; the failure's own code for a single picture or a batch broken off; else 1."""
        if self.broken_off or not self.failed:
            return self.broken_off or int(self.damaged > 0)
        alone = len(self.failed) == 1 and self.done + self.kept == 0
        return self.failed[0] if alone else 1


def plan_jobs(
    inputs: list[Path], output: Path | None, settings: Settings, model: Model, recursive: bool
) -> tuple[list[Job], LeftAlone, list[Unopened]]:
    """The jobs of a command, what of its folders is left alone, and what cannot be opened.

    A file goes to ``NAME_x4.EXT`` (painted: ``NAME_MODEL.EXT``) beside it, or to ``output`` (a file name, or
    a folder where it keeps its name). A folder's tree is mirrored in ``output`` or in ``FOLDER_x4``. Where two would
    become one file, as ``a.gif`` and ``a.png`` would, one is named ``a_gif.png``. Raises ``UsageError`` for a single
    input that does not exist, and for inputs that would become one file nevertheless.
    """
    ending = f"_{model.name}" if settings.verb == "stylize" else label(settings, model.geometry.scale)
    jobs: list[Job] = []
    left = LeftAlone()
    unopened: list[Unopened] = []
    as_file = output is not None and _names_a_file(output)
    if as_file and (len(inputs) > 1 or inputs[0].is_dir()):
        raise UsageError(f"{output}: is a file name, but several pictures may come; name a folder with -o")
    for given in inputs:
        if problem := _problem(given):
            if len(inputs) == 1:
                raise problem
            unopened.append((given, problem))
            continue
        if given.is_dir():
            whole = given.resolve()
            if not whole.name:
                raise UsageError(f"{given}: is the root of the disk; name a folder in it")
            root = output or whole.with_name(whole.name + ending)
            found = _pictures(given, recursive, root, left, unopened)
            jobs += [Job(p, root / p.relative_to(given).with_suffix(_suffix(p, settings))) for p in found]
        elif as_file and output is not None:
            jobs.append(Job(given, output))
        else:
            name = given.with_suffix(_suffix(given, settings)).name
            beside = given.with_name(f"{Path(name).stem}{ending}{Path(name).suffix}")
            jobs.append(Job(given, output / name if output else beside))
    jobs, planned = _without_results(jobs), len(jobs)
    left.results = planned - len(jobs)
    jobs = _apart(jobs)
    _refuse_clashes(jobs, settings.overwrite)
    return jobs, left, unopened


def _without_results(jobs: list[Job]) -> list[Job]:
    """Leave out what earlier commands made of other pictures here: ``*`` stands for those as well."""
    sources = {job.source.resolve() for job in jobs}
    journals = {folder: Journal(folder) for folder in {job.source.parent for job in jobs} if len(jobs) > 1}

    def is_result(path: Path) -> bool:
        of = journals[path.parent].source(path) if path.parent in journals else ""
        return bool(of) and path.with_name(of).resolve() in sources

    return [job for job in jobs if not is_result(job.source)]


def _problem(path: Path) -> UsageError | None:
    try:
        path.stat()
    except FileNotFoundError:
        return UsageError(f"{path}: no such file or folder")
    except OSError as error:
        return UsageError(f"{str(path)[:200]}: cannot be opened ({error.strerror})")
    return None


def _names_a_file(output: Path) -> bool:
    """A folder that exists is a folder; otherwise a suffix like a format's makes it a file."""
    return not output.is_dir() and 3 <= len(output.suffix) <= 5 and output.suffix[1:].isalpha()


def label(settings: Settings, model_scale: int) -> str:
    """What a result's name gets when it lies beside its input."""
    if settings.width:
        return f"_w{settings.width}"
    if settings.height:
        return f"_h{settings.height}"
    return f"_x{settings.scale or model_scale:g}"


def _suffix(source: Path, settings: Settings) -> str:
    if settings.file_format:
        return f".{settings.file_format}"
    return source.suffix if source.suffix.lower() in limits.SUFFIX_FORMATS else ".png"


def _pictures(folder: Path, recursive: bool, apart_from: Path, left: LeftAlone, unopened: list[Unopened]) -> list[Path]:
    """Pictures below ``folder``, sorted; others are noted, hidden ones passed over."""
    files: list[Path] = []
    able, unable = limits.suffixes_on_request()
    readable = READABLE | able

    def unlisted(error: OSError) -> None:
        text = f"{error.filename}: cannot be listed ({error.strerror}); give yourself permission"
        unopened.append((Path(error.filename), ResourceError(text)))

    inside = apart_from.resolve()
    for place, folders, names in os.walk(folder, onerror=unlisted):
        here = Path(place)
        keep = [n for n in folders if not n.startswith(".") and (here / n).resolve() != inside]
        left.folders += 0 if recursive else len(keep)
        left.links += sum((here / n).is_symlink() for n in keep) if recursive else 0
        folders[:] = sorted(keep) if recursive else []
        found = [here / n for n in sorted(names) if not n.startswith(".")]
        files += [path for path in found if path.is_file()]
        unopened += [
            (path, problem) for path in found if path.suffix.lower() in readable and (problem := _problem(path))
        ]
    left.others += [p for p in files if p.suffix.lower() not in readable]
    left.needed |= {unable[p.suffix.lower()] for p in left.others if p.suffix.lower() in unable}
    return [p for p in files if p.suffix.lower() in readable]


def _key(path: Path) -> str:
    """What decides whether two names are one file here."""
    return str(path).casefold() if sys.platform in ("darwin", "win32") else str(path)


def _apart(jobs: list[Job]) -> list[Job]:
    """Where several pictures of a name would become one file, those of other suffixes get theirs into their names."""
    wanted = Counter(_key(job.target) for job in jobs)

    def named(job: Job) -> Job:
        suffix = job.source.suffix
        if wanted[_key(job.target)] == 1 or suffix == job.target.suffix:
            return job
        target = job.target.with_name(f"{job.target.stem}_{suffix[1:]}{job.target.suffix}")
        return Job(job.source, target, f"is named {target.name}, for another picture becomes {job.target.name}")

    return [named(job) for job in jobs]


def _refuse_clashes(jobs: list[Job], overwrite: bool) -> None:
    """Raise ``UsageError`` that names what would become one file, or would replace another input."""
    taken: dict[str, Path] = {}
    clashes: list[str] = []
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if overwrite and job.target.resolve() in sources - {job.source.resolve()}:
            raise UsageError(f"{job.target}: is itself to be enlarged; leave out --overwrite, or name a folder with -o")
        if (first := taken.setdefault(_key(job.target), job.source)) is not job.source:
            clashes.append(f"{first} and {job.source} would both become {job.target}")
    if clashes:
        more = f"; and {len(clashes) - NAMED} more" if len(clashes) > NAMED else ""
        raise UsageError(f"{'; '.join(clashes[:NAMED])}{more}; rename them, or give them apart")


def run_jobs(
    upscaler: Upscaler,
    jobs: list[Job],
    *,
    on_event: Event = lambda event: None,
    cancelled: Callable[[], bool] = lambda: False,
    debug: bool = False,
) -> Summary:
    """Run every job; one that fails is reported and the others go on, except when the disk is full or
    the user stops. Events: ``progress``, ``done``, ``kept``, ``failed``, one dict each."""
    summary = Summary()
    journals: dict[Path, Journal] = {}
    for number, job in enumerate(jobs):
        place: dict[str, Any] = {"picture": number + 1, "pictures": len(jobs)}

        def forward(event: dict[str, Any], place: dict[str, Any] = place) -> None:
            on_event(place | event)

        try:
            if cancelled():
                raise Interrupted("stopped")
            _make_folder(job.target.parent)
            if job.target.parent not in journals:
                journals[job.target.parent] = Journal(job.target.parent)
            facts = upscaler.file(
                job.source, job.target, journal=journals[job.target.parent],
                on_event=forward, cancelled=cancelled,
            )  # fmt: skip
        except Interrupted as error:
            made = summary.done + summary.kept
            raise Interrupted(f"stopped; {made} of {len(jobs)} done; run the same command again to continue") from error
        except AcutanceError as error:
            _report(summary, job, error, forward)
            if isinstance(error, DiskFull | BadModel):
                summary.broken_off = error.exit_code
                break
        except OSError as error:
            _report(summary, job, resource_error(error, Path(os.fsdecode(error.filename or job.target))), forward)
        except Exception as error:
            if isinstance(error, MemoryError) or out_of_memory(str(error)):
                upscaler.forget()
                _report(summary, job, ResourceError(f"{job.source}: {TOO_LITTLE}"), forward)
                continue
            if debug:
                raise
            text = f"{job.source}: internal error ({type(error).__name__}: {error}); a bug of ours, see --debug"
            _report(summary, job, AcutanceError(text), forward)
        else:
            status = facts.pop("status")
            setattr(summary, status, getattr(summary, status) + 1)
            summary.damaged += bool(facts["damage"])
            facts["notes"] = [*([job.note] if job.note else []), *facts.get("notes", [])]
            forward({"event": status, **facts})
    return summary


def _report(summary: Summary, job: Job, error: AcutanceError, on_event: Event) -> None:
    summary.failed.append(error.exit_code)
    on_event(
        {"event": "failed", "input": str(job.source), "kind": error.kind, "exit_code": error.exit_code,
         "error": str(error)}
    )  # fmt: skip


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be made ({error.strerror}); choose another with -o") from error
