"""The public photographs people train on: where they are, what they are worth, how to get them.

A row of ``DATASETS`` is all that is known of one. Sizes and hashes are published ones: DIV2K's SHA-256
from TensorFlow Datasets (``datasets/div2k/checksums.tsv``), BSDS500's as recorded by several projects
that verify the archive, MIRFLICKR's MD5 from its own page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from acutance.errors import BadInput, UsageError
from acutance.files import archives
from acutance.files.atomic import resource_error
from acutance.files.download import Terms, fetch
from acutance.files.limits import check_room
from acutance.files.pixels import read_size
from acutance.files.remote import Remote
from acutance.training.prepare import find_pictures

ETH = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
DIV2K_TERMS = "academic research only; the pictures belong to their photographers"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One set. With ``remote`` it can be fetched; else ``how`` says how to get it by hand.

    ``pictures``: how many it holds for training. ``skip``: patterns of archive members that are of no
    use here. ``leave_out``: (pattern, reason) of pictures that must not be trained on.
    ``lr_of``: the name of the set whose low-resolution partners these are, four times smaller.
    """

    name: str
    what: str
    pictures: int
    terms: str
    page: str
    remote: Remote | None = None
    skip: tuple[str, ...] = ()
    leave_out: tuple[tuple[str, str], ...] = ()
    lr_of: str | None = None
    how: tuple[str, ...] = ()


ROWS = (
    Dataset(
        name="div2k", what="800 photographs, 2040 pixels wide, PNG", pictures=800, terms=DIV2K_TERMS, page=f"{ETH}/",
        remote=Remote(
            url=f"{ETH}/DIV2K_train_HR.zip", size=3_530_603_713,
            sha256="9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
        ),
    ),
    Dataset(
        name="div2k-lr-x4", what="div2k, four times smaller by MATLAB bicubic", pictures=800,
        terms=DIV2K_TERMS, page=f"{ETH}/", lr_of="div2k",
        remote=Remote(
            url=f"{ETH}/DIV2K_train_LR_bicubic_X4.zip", size=246_914_039,
            sha256="f006b837f4eb52b82909aa01478e6d6d199eefce932179491d0c9dbb706dde3a",
        ),
    ),
    Dataset(
        name="div2k-valid", what="100 more, DIV2K's validation set", pictures=100, terms=DIV2K_TERMS, page=f"{ETH}/",
        remote=Remote(
            url=f"{ETH}/DIV2K_valid_HR.zip", size=448_993_893,
            sha256="20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
        ),
    ),
    Dataset(
        name="div2k-valid-lr-x4", what="div2k-valid, four times smaller by MATLAB bicubic", pictures=100,
        terms=DIV2K_TERMS, page=f"{ETH}/", lr_of="div2k-valid",
        remote=Remote(
            url=f"{ETH}/DIV2K_valid_LR_bicubic_X4.zip", size=31_505_881,
            sha256="a50a5d1c4b88de4e8d300d8fb2b904c52fe93b2b298a4899697760d7cbb6d553",
        ),
    ),
    Dataset(
        name="mirflickr25k", what="25,000 photographs from Flickr, 500 pixels, JPEG", pictures=25_000,
        terms="Creative Commons, each its own; the photographers are named in its licence files",
        page="https://press.liacs.nl/mirflickr/", skip=("*/meta/tags*", "*/meta/exif*"),
        remote=Remote(
            url="https://press.liacs.nl/mirflickr/mirflickr25k.v3b/mirflickr25k.zip", size=3_069_184_257,
            md5="a23d0a8564ee84cda5622a6c2f947785",
        ),
    ),
    Dataset(
        name="bsds500", what="399 of Berkeley's 500 photographs, 481x321, JPEG", pictures=399,
        terms="non-commercial research and education",
        page="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
        skip=("*/groundTruth/*", "*/bench/*", "*/documentation/*", "*/ucm2/*", "*.db", "*/.*", "._*"),
        leave_out=(
            ("*/images/val/*", "they are the test set BSD100"),
            ("*/images/train/302003.jpg", 'it is "woman" of the test set Set5'),
        ),
        remote=Remote(
            url="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
            size=70_763_455, sha256="97e49d31764f3912f0c4122707d53062ac9e783ba0f095e447a4d53c1a41af8e",
        ),
    ),
    Dataset(
        name="flickr2k", what="2,650 photographs, 2K, PNG", pictures=2650,
        terms="none stated; the pictures belong to their photographers",
        page="https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar",
        how=("Fetch Flickr2K.tar from the page (EDSR's authors host it) and unpack it: tar xf Flickr2K.tar",
             "Train on Flickr2K/Flickr2K_HR; it and DIV2K together are the DF2K of ESRGAN."),
    ),
    Dataset(
        name="ost", what="10,324 outdoor photographs in seven kinds, PNG", pictures=10_324,
        terms="none stated; collected by search engines",
        page="https://github.com/xinntao/SFTGAN#ost-dataset",
        how=("Follow the page's link to OutdoorSceneTrain_v2 and unpack its seven archives into one folder.",
             "Leave OutdoorSceneTest300 out: it is a test set."),
    ),
    Dataset(
        name="celeba", what="202,599 faces, aligned 178x218, JPEG", pictures=202_599,
        terms="non-commercial research only", page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        how=("Agree to the page's terms, fetch img_align_celeba.zip and unpack it: unzip img_align_celeba.zip",),
    ),
    Dataset(
        name="imagenet", what="1,281,167 photographs of all sizes, JPEG", pictures=1_281_167,
        terms="non-commercial research and education; an account is needed", page="https://image-net.org/download.php",
        how=("Ask for access on the page, fetch ILSVRC2012_img_train.tar and unpack it, and the 1,000 archives in it.",
             "SRGAN was trained on 350,000 of these: any folder with part of them will do."),
    ),
)  # fmt: skip
DATASETS = {row.name: row for row in ROWS}


def find(name: str) -> Dataset:
    """The row called ``name``."""
    if name not in DATASETS:
        raise UsageError(f"no dataset called {name}; there are {', '.join(DATASETS)}")
    return DATASETS[name]


def get(dataset: Dataset, folder: Path, terms: Terms) -> dict[str, Any]:
    """Fetch, check and unpack ``dataset`` into ``folder/NAME``; what is there already is kept.

    Returns ``path``, ``pictures``, ``left_out`` (reason -> count), ``checked`` and ``fetched``. The
    folder's ``SOURCE.json`` says where its pictures are from.
    """
    remote, path = dataset.remote, folder / dataset.name
    assert remote is not None and remote.size is not None
    archive, source = folder / (dataset.name + Path(remote.url).suffix), path / "SOURCE.json"
    fetched = not path.exists()
    if fetched:
        _room(archive, 2 * remote.size, terms.option)
        fetch(remote, archive, terms)
        _unpack(dataset, remote, archive, path, terms)
    if source.exists():  # so it was unpacked from this archive, now or by a process that ended right then
        archive.unlink(missing_ok=True)
    count = len(find_pictures([path])) if path.is_dir() else 0
    if count < dataset.pictures:
        raise BadInput(
            f"{path}: holds {count:,} of {dataset.pictures:,} pictures; "
            "remove the folder, then run the same command again"
        )
    return {"path": path, "pictures": count, "left_out": _left_out(source), "checked": remote.checks,
            "fetched": fetched}  # fmt: skip


def _left_out(source: Path) -> dict[str, int]:
    try:
        return dict(json.loads(source.read_bytes())["left_out"])
    except (OSError, ValueError, KeyError, TypeError):  # not unpacked by us, or changed since
        return {}


def _unpack(dataset: Dataset, remote: Remote, archive: Path, path: Path, terms: Terms) -> None:
    """Unpack what is of use, and note where it is from and how many pictures were left out."""
    assert remote.size is not None
    left_out = {reason: 0 for _, reason in dataset.leave_out}

    def wanted(name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in dataset.skip):
            return False
        for pattern, reason in dataset.leave_out:
            if fnmatchcase(name, pattern):
                left_out[reason] += 1
                return False
        return True

    def finish(folder: Path) -> None:
        facts = {**asdict(remote), "terms": dataset.terms, "page": dataset.page, "left_out": left_out}
        (folder / "SOURCE.json").write_text(json.dumps(facts, indent=1))

    archives.unpack(archive, path, archives.Limits(4 * remote.size + (64 << 20)), wanted=wanted, finish=finish,
                    option=terms.option, on_event=terms.on_event, cancelled=terms.cancelled)  # fmt: skip


def _room(archive: Path, needed: int, option: str) -> None:
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise resource_error(error, archive.parent, option) from error
    part = archive.with_name(archive.name + ".part")
    there = sum(file.stat().st_size for file in (archive, part) if file.exists())
    check_room(archive.parent, needed - there, f"{archive.stem} with its archive", option)


def check_folder(folder: Path, on_event: Callable[[dict[str, Any]], None] = lambda event: None) -> dict[str, Any]:
    """Look into every picture's header: ``pictures``, ``smallest`` side in pixels, ``unreadable`` files."""
    paths = find_pictures([folder])
    smallest, unreadable = None, []
    for done, path in enumerate(paths):
        on_event({"event": "checking", "done": done, "total": len(paths), "file": path.name})
        try:
            side = min(read_size(path))
        except (BadInput, OSError) as error:
            unreadable.append({"file": str(path), "reason": str(error)})
            continue
        smallest = side if smallest is None else min(smallest, side)
    return {"pictures": len(paths) - len(unreadable), "smallest": smallest, "unreadable": unreadable}


def next_command(dataset: Dataset, path: Path) -> str:
    """What to type now."""
    if dataset.lr_of:
        source = path.with_name(dataset.lr_of)
        return f"acutance prepare {source} --lr {path} --scale 4 -o {path}-pack"
    return f"acutance prepare {path} -o {path}-pack"
