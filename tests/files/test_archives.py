"""Archives from anybody: plain files inside the folder, or nothing at all."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acutance.errors import BadInput, DiskFull, Interrupted, OverLimit, UsageError
from acutance.files.archives import Limits, name_problem, unpack

ROOMY = Limits(1 << 24)
Files = dict[str, bytes]


def make_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


MAKERS: dict[str, Callable[[Path, Files], Path]] = {"a.zip": make_zip, "a.tgz": make_tar}
makers = pytest.mark.parametrize("name", MAKERS)


def contents(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(archive: Path, folder: Path, error: type[Exception], match: str, limits: Limits = ROOMY) -> None:
    before = set(folder.rglob("*"))
    with pytest.raises(error, match=match):
        unpack(archive, folder / "new", limits)
    assert set(folder.rglob("*")) == before


NAMES = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}\.png", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=2000), max_size=6))
@settings(max_examples=15, deadline=None)
def test_what_went_in_comes_out(files: Files) -> None:
    for name, make in MAKERS.items():
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            events: list[dict] = []
            assert unpack(make(folder / name, files), folder / "new", ROOMY, on_event=events.append) == len(files)
            assert contents(folder / "new") == files
            assert all(0 <= event["done"] <= event["total"] for event in events)


@given(st.text("ab./\\:\0\n~", max_size=12) | st.text(max_size=20))
def test_a_name_that_passes_stays_in_the_folder(name: str) -> None:
    if name and name_problem(name) is None:
        folder = Path("/photos")
        path = Path(f"{folder}/{name}")
        assert path.is_relative_to(folder) and ".." not in path.parts


@makers
@pytest.mark.parametrize("evil", ["../x.png", "/x.png", "a/../../x.png", "C:x.png", "a\\..\\x.png", "a\n.png",
                                  "a//b.png", "./../x.png", "x" * 300 + ".png"])  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, evil: str) -> None:
    archive = MAKERS[name](tmp_path / name, {"good.png": b"1", evil: b"2"})
    refused(archive, tmp_path, BadInput, "not a safe archive, nothing was unpacked")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("photos")
        entry.type, entry.linkname = kind, "/etc"
        archive.addfile(entry)
    refused(tmp_path / "a.tgz", tmp_path, BadInput, "is a link or a device")


def test_links_and_secrets_in_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("photos")
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc")
    refused(tmp_path / "a.zip", tmp_path, BadInput, "is a link or a device")
    data = bytearray(make_zip(tmp_path / "b.zip", {"a.png": b"1"}).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(data)
    refused(tmp_path / "b.zip", tmp_path, BadInput, "is encrypted")


@makers
def test_bombs_are_refused(tmp_path: Path, name: str) -> None:
    archive = MAKERS[name](tmp_path / name, {"a.png": bytes(8 << 20)})
    refused(archive, tmp_path, OverLimit, "unpacks to more than", Limits(1 << 20))
    archive = MAKERS[name](tmp_path / name, {f"{i}.png": b"" for i in range(50)})
    refused(archive, tmp_path, OverLimit, "more than 49 files", Limits(1 << 20, 49))


def test_a_tar_header_that_promises_gigabytes_is_refused(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE):
        entry = tarfile.TarInfo("x")
        entry.type, entry.size = kind, 6 << 30
        with gzip.open(tmp_path / "a.tgz", "wb") as file:
            file.write(entry.tobuf() + bytes(1 << 20))
        refused(tmp_path / "a.tgz", tmp_path, OverLimit, "nothing was unpacked")


def test_a_zip_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"a.png": bytes(5000)}).read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", tmp_path, BadInput, r"is damaged|longer than it says|cut short")


@makers
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_damage_is_said_and_leaves_nothing(tmp_path: Path, name: str, share: float) -> None:
    import random

    files = {f"{i}.png": random.Random(i).randbytes(9000) for i in range(5)}
    archive = MAKERS[name](tmp_path / name, files)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share)])
    refused(archive, tmp_path, BadInput, "is damaged|cut short")
    if share:
        flipped = bytearray(data)
        flipped[int(len(data) * share)] ^= 0x5A
        archive.write_bytes(flipped)
        try:
            unpack(archive, tmp_path / "flipped", ROOMY)
        except BadInput:
            assert not (tmp_path / "flipped").exists()
    assert not (tmp_path / "flipped.tmp").exists()


@makers
def test_only_what_is_wanted_and_all_of_it_or_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = MAKERS[name](tmp_path / name, {"a.png": b"1", "../b.txt": b"2", "c.png": b"3"})
    (tmp_path / "new.tmp").mkdir()
    (tmp_path / "new.tmp" / "left.png").write_bytes(b"by a killed process")
    stops = iter([False, True])
    with pytest.raises(Interrupted, match="run the same command again"):
        unpack(archive, tmp_path / "new", ROOMY, wanted=lambda n: n.endswith(".png"), cancelled=lambda: next(stops))
    assert unpack(archive, tmp_path / "new", ROOMY, wanted=lambda n: n.endswith(".png")) == 2
    assert contents(tmp_path / "new") == {"a.png": b"1", "c.png": b"3"} and not (tmp_path / "new.tmp").exists()
    with pytest.raises(UsageError, match="is there already"):
        unpack(archive, tmp_path / "new", ROOMY)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DiskFull, match="--to"):
        unpack(archive, tmp_path / "newer", ROOMY, option="--to", wanted=lambda n: n.endswith(".png"))
    assert not (tmp_path / "newer.tmp").exists()


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        for data in (b"1", b"2"):
            entry = tarfile.TarInfo("a.png")
            entry.size = 1
            archive.addfile(entry, io.BytesIO(data))
    refused(tmp_path / "a.tgz", tmp_path, BadInput, "twice")
