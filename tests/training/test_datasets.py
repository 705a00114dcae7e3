"""Public datasets: the table's shape, and a small set fetched over a bad line, unpacked and prepared."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import stray_files
from loopback import Behaviour, serving
from PIL import Image

from acutance import cli
from acutance.errors import BadInput, DiskFull, UsageError
from acutance.files.download import Terms
from acutance.files.remote import Remote
from acutance.training import datasets
from acutance.training.datasets import DATASETS, ROWS, Dataset, check_folder, find, get, next_command
from acutance.training.prepare import prepare

QUICK = Terms(pause=0.0, option="--to")


def png(seed: int, side: int) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(memory, "PNG")
    return memory.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as container:
        for name, data in files.items():
            container.writestr(name, data)
    return memory.getvalue()


CONTENT = archive(
    {f"Set/train/{i}.png": png(i, 160) for i in range(3)}
    | {f"Set/val/{i}.png": png(i, 160) for i in (8, 9)}
    | {"Set/notes/a.mat": b"no picture", "Set/train/._1.png": b"x"}
)


def row(url: str, content: bytes = CONTENT, **changes: object) -> Dataset:
    digest = hashlib.sha256(content).hexdigest()
    made = Dataset(
        name="small", what="three pictures", pictures=3, terms="do as you like", page=url, skip=("*/notes/*", "*/._*"),
        leave_out=(("*/val/*", "they are a test set"),), remote=Remote(url=url, size=len(content), sha256=digest),
    )  # fmt: skip
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_the_table_has_the_right_shape() -> None:
    assert len(DATASETS) == len(ROWS) and {"div2k", "mirflickr25k", "bsds500", "flickr2k", "ost", "celeba"} <= set(
        DATASETS
    )
    for each in ROWS:
        assert re.fullmatch(r"[a-z0-9-]+", each.name) and each.page.startswith("https://") and each.terms
        assert each.pictures > 0 and (each.remote is None) == bool(each.how) and "\n" not in each.what + each.terms
        assert each.lr_of is None or each.lr_of in DATASETS
        if each.remote is not None:
            assert each.remote.url.startswith("https://") and each.remote.size and each.remote.size > 1e7
            assert re.search(r"\.(zip|tgz)$", each.remote.url)
            assert each.remote.hashes, each.name
            for name, digest in each.remote.hashes.items():
                assert re.fullmatch(r"[0-9a-f]+", digest) and len(digest) == {"sha256": 64, "md5": 32}[name]
    digests = [digest for each in ROWS if each.remote for digest in each.remote.hashes.values()]
    assert len(set(digests)) == len(digests)


def test_no_test_picture_of_bsds500_is_unpacked(tmp_path: Path) -> None:
    inside = "BSR/BSDS500/data"
    photos = {f"{inside}/images/{part}/{n}.jpg": png(n, 40) for part, n in (("train", 1), ("test", 2), ("val", 3))}
    others = {f"{inside}/images/train/302003.jpg": png(4, 40), f"{inside}/images/val/Thumbs.db": b"x",
              f"{inside}/groundTruth/val/3.mat": b"x", "BSR/bench/data/5.jpg": b"x"}  # fmt: skip
    content = archive(photos | others)
    with serving(Behaviour(content)) as url:
        small = row(url, content, skip=find("bsds500").skip, leave_out=find("bsds500").leave_out, pictures=2)
        found = get(small, tmp_path, QUICK)
    assert sorted(p.name for p in found["path"].rglob("*.jpg")) == ["1.jpg", "2.jpg"]
    assert list(found["left_out"].values()) == [1, 1] and "BSD100" in next(iter(found["left_out"]))


def test_a_set_is_fetched_over_a_bad_line_unpacked_and_prepared(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, drops=[90_000, 80_000])
    with serving(behaviour) as url:
        found = get(row(url), tmp_path / "sets", QUICK)
        assert found["fetched"] and found["pictures"] == 3 and found["left_out"] == {"they are a test set": 2}
        again = get(row(url), tmp_path / "sets", QUICK)
        assert not again["fetched"] and again["left_out"] == found["left_out"] and len(behaviour.requests) == 3
    assert [p.name for p in (tmp_path / "sets").iterdir()] == ["small"] and not stray_files(tmp_path)
    source = json.loads((found["path"] / "SOURCE.json").read_text())
    assert source["sha256"] == hashlib.sha256(CONTENT).hexdigest() and source["terms"] == "do as you like"
    assert next_command(row(url), found["path"]) == f"acutance prepare {found['path']} -o {found['path']}-pack"
    assert len(prepare([found["path"]], tmp_path / "pack")["items"]) == 3


def test_low_resolution_partners_name_the_set_they_belong_to(tmp_path: Path) -> None:
    command = next_command(find("div2k-lr-x4"), tmp_path / "div2k-lr-x4")
    assert command.startswith(f"acutance prepare {tmp_path / 'div2k'} --lr {tmp_path / 'div2k-lr-x4'} --scale 4 -o ")


def test_an_archive_that_is_damaged_or_hostile_leaves_no_folder(tmp_path: Path) -> None:
    for content in (CONTENT[:-40] + bytes(40), archive({"../a.png": png(1, 40)})):
        with serving(Behaviour(content)) as url, pytest.raises(BadInput, match=r"damaged|not a safe archive"):
            get(row(url, content), tmp_path, QUICK)
        assert [p.name for p in tmp_path.iterdir()] == ["small.zip"]
        (tmp_path / "small.zip").unlink()


def test_what_is_missing_and_what_is_not_ours_is_said_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Behaviour(CONTENT)) as url:
        path = get(row(url), tmp_path, QUICK)["path"]
        (path / "Set" / "train" / "0.png").unlink()
        with pytest.raises(BadInput, match="holds 2 of 3 pictures; remove the folder"):
            get(row(url), tmp_path, QUICK)
        shutil.rmtree(path)
        path.mkdir()
        (tmp_path / "small.zip").write_bytes(b"somebody's own")
        with pytest.raises(BadInput, match="holds 0 of 3"):
            get(row(url), tmp_path, QUICK)
        assert (tmp_path / "small.zip").read_bytes() == b"somebody's own"
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(DiskFull, match="another folder with --to"):
            get(row(url), tmp_path / "other", QUICK)


def test_a_process_that_ended_before_it_removed_the_archive_is_cleaned_up_after(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as url:
        get(row(url), tmp_path, QUICK)
        (tmp_path / "small.zip").write_bytes(CONTENT)
        get(row(url), tmp_path, QUICK)
    assert [p.name for p in tmp_path.iterdir()] == ["small"]


def test_a_folder_got_by_hand_is_looked_through(tmp_path: Path) -> None:
    for seed, side in ((1, 90), (2, 70)):
        (tmp_path / f"{seed}.png").write_bytes(png(seed, side))
    (tmp_path / "torn.jpg").write_bytes(b"torn")
    found = check_folder(tmp_path)
    assert found["pictures"] == 2 and found["smallest"] == 70
    assert [Path(file["file"]).name for file in found["unreadable"]] == ["torn.jpg"]
    with pytest.raises(UsageError, match="no dataset called div3k; there are div2k, "):
        find("div3k")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command line here, in ``tmp_path``: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["acutance", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return run


def test_the_command_lists_and_explains(command, tmp_path: Path) -> None:
    code, out, err = command("datasets")
    assert code == 0 and "div2k" in out and "3.5 GB" in out and "by hand" in out and "acutance datasets get" in err
    code, out, _ = command("datasets", "--json")
    assert code == 0 and [json.loads(line)["name"] for line in out.splitlines()] == list(DATASETS)
    for name in ("flickr2k", "ost", "celeba", "imagenet"):
        code, out, err = command("datasets", "get", name)
        assert code == 0 and out == "" and "https://" in err and "--to FOLDER" in err and err.count("\n") < 8
        code, out, err = command("datasets", "get", name, "--to", "nowhere")
        assert code == 2 and err.count("\n") == 1 and "nowhere: no such folder" in err
        code, out, err = command("datasets", "get", name, "--to", ".")
        assert code == 2 and "no readable pictures" in err
    (tmp_path / "a.png").write_bytes(png(1, 50))
    (tmp_path / "b.png").write_bytes(b"torn")
    code, out, err = command("datasets", "get", "celeba", "--to", ".")
    assert code == 0 and "1 picture of 202,599, smallest side 50 pixels, 1 unreadable" in err
    assert "next: acutance prepare . -o " in err and "b.png: cannot be read" in err
    code, _, err = command("datasets", "get", "div3k")
    assert code == 2 and "no dataset called div3k" in err


def test_the_command_fetches_and_says_what_was_checked(
    command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Behaviour(CONTENT)) as url:
        plain = row(url, remote=Remote(url=url, size=len(CONTENT), md5=hashlib.md5(CONTENT).hexdigest()))
        monkeypatch.setattr(
            datasets, "DATASETS", {"small": row(url), "plain": dataclasses.replace(plain, name="plain")}
        )
        code, out, err = command("datasets", "get", "small", "--to", "sets")
        assert code == 0 and out == ""
        assert "sets/small: 3 pictures (fetched, size and SHA-256 checked)" in err
        assert "left out: 2 pictures, they are a test set" in err and "terms: do as you like" in err
        assert err.splitlines()[-1] == "next: acutance prepare sets/small -o sets/small-pack"
        assert "already there" in command("datasets", "get", "small", "--to", "sets")[2]
        _, out, err = command("datasets", "get", "plain", "--json")
        events = [json.loads(line) for line in out.splitlines()]
        assert events[-1]["event"] == "done" and events[-1]["checked"] == "size and MD5" and err == ""
        assert "no SHA-256 of it is published; size and MD5 were compared" in command("datasets", "get", "plain")[2]
