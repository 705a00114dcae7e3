"""An opinion study as one value and one folder: what is shown, under which names, with which links.

The folder holds ``study.json`` (the plan), ``pictures/`` (copies as 8-bit PNG, so that nothing changes
under a running study), ``secret`` (the links come from it) and ``ratings.sqlite``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from acutance.errors import BadInput, UsageError
from acutance.files.atomic import atomic_path
from acutance.files.images import sha256

FORMAT = 1
ORIGINAL = "original"  # the name of the untouched picture among the versions
SCORES = (1, 2, 3, 4, 5)
WORDS = ("bad", "poor", "fair", "good", "excellent")  # the scale of ITU-R BT.500 and ITU-T P.910
Kind = Literal["scores", "pairs"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture of the study: its test set, name, size in pixels, and one file per version."""

    set: str
    name: str
    width: int
    height: int
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A calibration picture: ``low`` is what a 1 looks like, ``high`` a 5."""

    name: str
    width: int
    height: int
    low: str
    high: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that decides what a rater sees. ``hashes``: file name -> SHA-256 of its bytes."""

    folder: Path
    title: str
    kind: Kind
    versions: tuple[str, ...]
    pictures: tuple[Shown, ...]
    examples: tuple[Example, ...]
    hashes: dict[str, str]
    sessions: int = 1
    repeats: int = 0
    seed: int = 0
    created: str = ""

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of its test sets, in the order they were given."""
        return tuple(dict.fromkeys(picture.set for picture in self.pictures))

    @property
    def identity(self) -> str:
        """A hash of the plan; ratings belong to one identity."""
        return hashlib.sha256(_text(self, sort=True).encode()).hexdigest()[:32]

    def file(self, name: str) -> Path:
        """Where a picture file lies."""
        return self.folder / "pictures" / name


def _text(study: Study, sort: bool = False) -> str:
    plan = {key: value for key, value in asdict(study).items() if key != "folder"}
    return json.dumps({"format": FORMAT, **plan}, indent=1, sort_keys=sort, ensure_ascii=False)


def save(study: Study) -> None:
    """Write ``study.json``, last of all: a folder without it is not yet a study."""
    secret(study.folder)
    with atomic_path(study.folder / "study.json") as temporary:
        temporary.write_text(_text(study) + "\n", encoding="utf-8")


def load(folder: Path) -> Study:
    """Read a study. Raises ``UsageError`` where there is none, ``BadInput`` where it is damaged."""
    path = folder / "study.json"
    if not path.is_file():
        raise UsageError(f"{folder}: is not a study (no study.json); make one with: acutance study new {folder} ...")
    try:
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = plan.pop("format")
        plan["pictures"] = tuple(Shown(**each) for each in plan["pictures"])
        plan["examples"] = tuple(Example(**each) for each in plan["examples"])
        plan["versions"] = tuple(plan["versions"])
        study = Study(folder=folder, **plan)
        used = _files(study)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: is damaged ({error}); restore it, or make the study again") from error
    if version != FORMAT:
        raise BadInput(f"{path}: has format {version}, this acutance reads {FORMAT}; use the version that made it")
    if any(not re.fullmatch(r"[0-9a-f]{64}\.png", name) or name not in study.hashes for name in used):
        raise BadInput(f"{path}: names files that are not its own; restore it, or make the study again")
    return study


def _files(study: Study) -> set[str]:
    shown = {name for picture in study.pictures for name in picture.files.values()}
    return shown | {name for example in study.examples for name in (example.low, example.high)}


def check_pictures(study: Study) -> None:
    """Compare every picture file with its hash. Raises ``BadInput`` naming the first that is not whole."""
    for name in sorted(_files(study)):
        path = study.file(name)
        if not path.is_file():
            raise BadInput(f"{path}: is missing; restore the folder, or make the study again")
        if sha256(path) != study.hashes[name]:
            raise BadInput(f"{path}: was changed since the study was made; restore it, or make the study again")


def secret(folder: Path) -> bytes:
    """The 32 random bytes the links come from, made once; readable by the owner alone."""
    path = folder / "secret"
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(32) + "\n")
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise BadInput(f"{path}: is damaged; restore it: without it the raters' links are lost")
    return key


def veil(key: bytes, *words: object) -> str:
    """A name that tells nothing and cannot be guessed: 128 bits of HMAC-SHA256, as 22 letters.

    >>> veil(b"key", "rater", 1) == veil(b"key", "rater", 1) != veil(b"key", "rater", 2)
    True
    """
    digest = hmac.new(key, "/".join(map(str, words)).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
