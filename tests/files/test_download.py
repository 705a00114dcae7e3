"""Fetching over a bad line, from a bad server, onto a bad disk: the whole right file, or nothing and one clear line."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import stray_files
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import Behaviour, serving

from acutance.errors import BadInput, DiskFull, Interrupted, ResourceError, UsageError
from acutance.files.download import Terms, fetch
from acutance.files.partial import Partial
from acutance.files.remote import Remote, check_address

CONTENT = os.urandom(700_000)


def known(url: str, content: bytes = CONTENT) -> Remote:
    return Remote(url=url, size=len(content), sha256=hashlib.sha256(content).hexdigest())


def quick(events: list[dict[str, Any]] | None = None, **given: Any) -> Terms:
    return Terms(pause=0.0, timeout=5.0, on_event=(events if events is not None else []).append, **given)


def test_a_file_arrives_whole_and_is_fetched_once(tmp_path: Path) -> None:
    behaviour, events = Behaviour(CONTENT), []
    with serving(behaviour) as url:
        final = fetch(known(url), tmp_path / "new" / "a.zip", quick(events))
        assert final.read_bytes() == CONTENT and not stray_files(tmp_path)
        fetch(known(url), final, quick())
        assert len(behaviour.requests) == 1
        final.write_bytes(b"something else")
        with pytest.raises(UsageError, match="remove it"):
            fetch(known(url), final, quick())
    assert {event["event"] for event in events} == {"progress"}
    assert events[-1]["total"] == len(CONTENT) and events[-1]["file"] == "a.zip"


def test_a_line_that_breaks_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    behaviour, events = Behaviour(CONTENT, drops=[100_000, 250_000, 1, 200_000]), []
    with serving(behaviour) as url:
        final = fetch(known(url), tmp_path / "a.zip", quick(events))
    assert final.read_bytes() == CONTENT and not stray_files(tmp_path)
    assert behaviour.requests == [
        (0, 100_000),
        (100_000, 250_000),
        (350_000, 1),
        (350_001, 200_000),
        (550_001, 149_999),
    ]
    retries = [event for event in events if event["event"] == "retry"]
    assert len(retries) == 4 and retries[0]["reason"] == "the connection closed early"


@given(st.lists(st.integers(0, 3000), max_size=12), st.binary(min_size=1, max_size=9000))
@settings(max_examples=30, deadline=None)
def test_however_it_breaks_every_byte_is_sent_once(drops: list[int], content: bytes) -> None:
    behaviour = Behaviour(content, drops=drops)
    with tempfile.TemporaryDirectory() as folder, serving(behaviour) as url:
        assert fetch(known(url, content), Path(folder) / "a", quick(retries=99)).read_bytes() == content
    assert sum(sent for _, sent in behaviour.requests) == len(content)


def test_a_server_that_cannot_continue_is_read_anew(tmp_path: Path) -> None:
    behaviour, events = Behaviour(CONTENT, drops=[300_000, 400_000], ranges=False), []
    with serving(behaviour) as url:
        assert fetch(known(url), tmp_path / "a.zip", quick(events)).read_bytes() == CONTENT
    assert [start for start, _ in behaviour.requests] == [0, 0, 0]
    assert [event["reason"] for event in events if event["event"] == "restart"] == ["the server cannot continue it"] * 2


def test_a_server_that_always_breaks_at_the_same_byte_ends_it(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, drops=[300_000] * 50, ranges=False)
    with serving(behaviour) as url, pytest.raises(ResourceError, match=r"failed 3 times in a row .* 300\.0 kB of 700"):
        fetch(known(url), tmp_path / "a.zip", quick(retries=3))
    assert (tmp_path / "a.zip.part").stat().st_size == 300_000


@pytest.mark.parametrize("known_before", [True, False])
def test_another_file_under_the_same_address_is_read_anew(tmp_path: Path, known_before: bool) -> None:
    behaviour = Behaviour(b"old" + CONTENT, drops=[400_000] * 2)
    with serving(behaviour) as url:
        with pytest.raises(ResourceError, match="failed 1 times"):
            fetch(Remote(url=url), tmp_path / "a.zip", quick(retries=1))
        behaviour.content, behaviour.drops, behaviour.etag = CONTENT, [], '"two"'
        remote = known(url) if known_before else Remote(url=url)
        assert fetch(remote, tmp_path / "a.zip", quick()).read_bytes() == CONTENT
    assert not stray_files(tmp_path)


def test_without_any_mark_of_the_version_nothing_is_continued(tmp_path: Path) -> None:
    behaviour, events = Behaviour(CONTENT, drops=[400_000], etag=None), []
    with serving(behaviour) as url:
        assert fetch(Remote(url=url, size=len(CONTENT)), tmp_path / "a.zip", quick(events)).read_bytes() == CONTENT
    assert [start for start, _ in behaviour.requests] == [0, 0]
    assert any(event["event"] == "restart" for event in events)


def test_a_length_that_is_not_told_is_no_hindrance(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT, length=False)) as url:
        assert fetch(known(url), tmp_path / "a", quick()).read_bytes() == CONTENT
        assert fetch(Remote(url=url), tmp_path / "b", quick()).read_bytes() == CONTENT
        with pytest.raises(ResourceError, match="failed 2 times in a row"):
            fetch(known(url, CONTENT + b"more"), tmp_path / "c", quick(retries=2))


def test_a_wrong_size_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    message = r"has 19 bytes and is a web page, expected 700,000.*Nothing was kept"
    page = Behaviour(b"<html>please log in", kind="text/html")
    with serving(page) as url, pytest.raises(BadInput, match=message):
        fetch(known(url), tmp_path / "a.zip", quick())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_a_wrong_hash_removes_the_file_and_says_so(tmp_path: Path, name: str) -> None:
    wrong = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    expected = hashlib.new(name, CONTENT).hexdigest()
    with serving(Behaviour(wrong, drops=[200_000])) as url:
        remote = Remote(url=url, size=len(CONTENT), **{name: expected})
        with pytest.raises(BadInput, match=rf"expected {expected}; it was removed"):
            fetch(remote, tmp_path / "a.zip", quick())
    assert list(tmp_path.iterdir()) == []


def test_what_the_server_answers_is_said(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, answers=[(404, {})])
    with serving(behaviour) as url:
        with pytest.raises(ResourceError, match="answers 404 Not Found"):
            fetch(known(url), tmp_path / "a.zip", quick())
        behaviour.answers = [(503, {"Retry-After": "0"}), (429, {}), (502, {})]
        fetch(known(url), tmp_path / "a.zip", quick())
        behaviour.answers = [(500, {})] * 9
        with pytest.raises(ResourceError, match=r"failed 4 times in a row .the server answers 500"):
            fetch(known(url), tmp_path / "b.zip", quick(retries=4))
        behaviour.answers = [(200, {"Content-Encoding": "gzip"})]
        with pytest.raises(BadInput, match="encoding"):
            fetch(known(url), tmp_path / "c.zip", quick())


def test_nobody_there_and_silence_are_retried_then_said(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, silent=1)
    with serving(behaviour) as url:
        fetch(known(url), tmp_path / "a.zip", Terms(pause=0.0, timeout=0.3))
    events: list[dict[str, Any]] = []
    with pytest.raises(ResourceError, match=r"failed 3 times in a row .Connection refused., 0 bytes"):
        fetch(known(url), tmp_path / "b.zip", quick(events, retries=3))
    assert len(events) == 2 and not stray_files(tmp_path)


@pytest.mark.parametrize("target", ["http://example.com/a", "file:///etc/passwd", "ftp://example.com/a"])
def test_a_redirect_never_leaves_https(tmp_path: Path, target: str) -> None:
    behaviour = Behaviour(CONTENT, answers=[(302, {"Location": target})])
    with serving(behaviour) as url, pytest.raises(ResourceError) as error:
        fetch(known(url), tmp_path / "a.zip", quick(retries=1))
    assert "redirects to" in str(error.value) or "not allowed" in str(error.value)
    assert not (tmp_path / "a.zip").exists()


def test_a_redirect_within_this_machine_is_followed_but_not_for_ever(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, answers=[(302, {"Location": "/elsewhere"})])
    with serving(behaviour) as url:
        assert fetch(known(url), tmp_path / "a.zip", quick()).read_bytes() == CONTENT
        behaviour.answers = [(302, {"Location": f"/{i}"}) for i in range(50)]
        with pytest.raises(ResourceError, match="302"):
            fetch(known(url), tmp_path / "b.zip", quick(retries=1))


def test_addresses() -> None:
    for url in ("https://a.org/b", "http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x"):
        check_address(url)
    for url in ("http://a.org/b", "file:///etc/passwd", "ftp://a.org", "a.zip", "", "http://127.evil.org/", "https://"):
        with pytest.raises(UsageError, match="only https"):
            check_address(url)
    with pytest.raises(ResourceError, match="not https"):
        check_address("http://127.0.0.1/admin", redirected_from="https://a.org/b")


def test_too_little_room_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with serving(Behaviour(CONTENT)) as url, pytest.raises(DiskFull, match="choose another folder with --to"):
        fetch(known(url), tmp_path / "a.zip", quick(option="--to"))
    assert not (tmp_path / "a.zip").exists()


CHILD = """
import resource, sys
from pathlib import Path
from acutance.errors import AcutanceError
from acutance.files.download import Remote, Terms, fetch
limit = int(sys.argv[5])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    fetch(Remote(url=sys.argv[1], size=int(sys.argv[2]), sha256=sys.argv[3]), Path(sys.argv[4]), Terms(pause=0.0))
except AcutanceError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def child(remote: Remote, final: Path, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, remote.url, str(remote.size), str(remote.sha256), str(final), str(limit)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_disk_that_fills_up_is_said_and_what_is_there_is_used(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        process = child(known(url), tmp_path / "a.zip", limit=500_000)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1 and "ResourceError" in err and "a.zip" in err and "Traceback" not in err
        assert fetch(known(url), tmp_path / "a.zip", quick()).read_bytes() == CONTENT
    assert behaviour.requests[1][0] > 0 and not stray_files(tmp_path)


def test_kill_minus_nine_and_rerun_goes_on(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, pieces=(10_000, 0.02))
    final, part = tmp_path / "a.zip", tmp_path / "a.zip.part"
    with serving(behaviour) as url:
        for most in (100_000, 300_000):
            process = child(known(url), final)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and (not part.exists() or part.stat().st_size < most):
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            assert not final.exists()
        behaviour.pieces = (1 << 20, 0.0)
        fetch(known(url), final, quick())
    assert final.read_bytes() == CONTENT and not stray_files(tmp_path)
    starts = [start for start, _ in behaviour.requests]
    assert starts[0] == 0 < starts[1] < starts[2]


def test_a_note_that_is_damaged_or_of_another_address_means_a_new_start(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        for note in ("{", '{"url": "https://a.org/b"}', "[]", None):
            (tmp_path / "a.zip.part").write_bytes(b"bytes of something else")
            if note is not None:
                (tmp_path / "a.zip.part.json").write_text(note)
            assert fetch(known(url), tmp_path / "a.zip", quick()).read_bytes() == CONTENT
            (tmp_path / "a.zip").unlink()
    assert not stray_files(tmp_path)


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    with serving(Behaviour(CONTENT)) as url:
        with Partial(tmp_path / "a.zip", url), pytest.raises(ResourceError, match="another process is at work"):
            fetch(known(url), tmp_path / "a.zip", quick())
        assert fetch(known(url), tmp_path / "a.zip", quick()).read_bytes() == CONTENT


def test_a_stop_keeps_what_is_there(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, pieces=(50_000, 0.01))
    part = tmp_path / "a.zip.part"
    with serving(behaviour) as url:
        with pytest.raises(Interrupted, match=r"of 700\.0 kB fetched; run the same command again"):
            fetch(known(url), tmp_path / "a.zip", quick(cancelled=lambda: part.exists() and part.stat().st_size > 1e5))
        behaviour.answers = [(503, {"Retry-After": "50"})]
        stops = iter([False, False, True])
        with pytest.raises(Interrupted):  # in a pause, too
            fetch(known(url), tmp_path / "a.zip", quick(cancelled=lambda: next(stops)))
        fetch(known(url), tmp_path / "a.zip", quick())
    assert sum(sent for _, sent in behaviour.requests) < 2 * len(CONTENT)
    assert [start > 0 for start, _ in behaviour.requests] == [False, True]
