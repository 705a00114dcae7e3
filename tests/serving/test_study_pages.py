"""A study over HTTP as a process of its own: veiled names, answers kept through kill -9, bad raters."""

from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from raters import Client, Server, crowd, paper, pictures

from acutance.measuring.study import Study, load
from acutance.measuring.study_new import Method, Plan, make
from acutance.measuring.study_store import Store
from acutance.serving.study import FILES

SECRETS = ("nearest", "mine", "original", "ant", "bee", "zoo")


def study_of(folder: Path, names: list[str], **changes) -> Study:
    hr, mine = pictures(folder / "zoo", names), pictures(folder / "mine", names)
    methods = (Method(name="nearest", folder=None), Method(name="mine", folder=mine))
    return make(folder / "study", Plan(**{"references": {"zoo": hr}, "methods": methods, **changes}))[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    calibration = pictures(folder / "other", ["one", "two"])
    study = study_of(folder, ["ant", "bee"], repeats=2, calibration=calibration, sessions=2)
    with Server(study.folder, raters=6) as server:
        yield server


def state(client: Client) -> dict:
    return json.loads(client.ask("/state")[1])


def sent(client: Client, item: str, answer: object, attempt: str = "attempt-0", **more: object) -> tuple[int, dict]:
    status, body = client.ask("/answer", {"item": item, "answer": answer, "attempt": attempt, **more})
    return status, json.loads(body)


def test_nothing_a_rater_gets_names_a_method(served: Server) -> None:
    first, second = Client(served.links[0]), Client(served.links[1])
    for client in (first, second):
        page = client.ask("")[1].decode() + json.dumps(state(client))
        assert not re.search(rf"\b({'|'.join(SECRETS)})\b", page)
    one, two = state(first), state(second)
    assert (one["total"], one["session"]["of"], len(one["items"]), len(one["examples"])) == (8, 2, 4, 2)
    names = [name for each in (one, two) for item in each["items"] for name in [item["item"], *item["pictures"]]]
    assert len(set(names)) == len(names)  # the same picture has another name for everybody
    status, data = first.ask(f"/picture/{one['items'][0]['pictures'][0]}")
    assert status == 200 and data.startswith(b"\x89PNG")
    assert first.ask(f"/picture/{two['items'][0]['pictures'][0]}")[0] == 404  # another rater's


def test_pictures_carry_no_date_or_tag(served: Server) -> None:
    import http.client
    from urllib.parse import urlsplit

    client = Client(served.links[0])
    name = state(client)["items"][0]["pictures"][0]
    parts = urlsplit(served.links[0])
    line = http.client.HTTPConnection(parts.hostname or "", parts.port)
    line.request("GET", f"{parts.path}/picture/{name}")
    answer = line.getresponse()
    answer.read()
    line.close()
    assert not {"last-modified", "etag", "content-disposition"} & {key.lower() for key in answer.headers}
    assert answer.headers["cache-control"].startswith("private")


@pytest.mark.parametrize("place", ["", "/state", "/picture/x", "/picture/..%2f..%2fsecret"])
def test_an_unknown_link(served: Server, place: str) -> None:
    client = Client(served.links[0])
    client.path = "/study/AAAAAAAAAAAAAAAAAAAAAA"
    status, body = client.ask(place)
    assert status == 404 and (b"not known" in body or b"Not Found" in body)
    assert client.ask("/answer", {"item": "x", "answer": 1, "attempt": "attempt-0"})[0] == 404
    client.path = "/study/files"
    assert client.ask("/study.css")[0] == 200 and client.ask("/..%2fstudy.py")[0] == 404


@pytest.mark.parametrize("answer", [0, 6, -1, 3.5, "3", None, True, [3], 10**30])
def test_a_score_out_of_range_is_refused_and_stores_nothing(served: Server, answer: object) -> None:
    client = Client(served.links[2])
    status, said = sent(client, state(client)["items"][0]["item"], answer)
    assert status == 422 and said["error"].startswith("answer: ")
    assert state(client)["done"] == 0


@pytest.mark.parametrize(
    "change", [{"attempt": "x"}, {"attempt": "y" * 65}, {"seconds": -1}, {"zoom": 0}, {"method": "mine"}, {"item": 3}]
)
def test_an_answer_of_another_shape_is_refused(served: Server, change: dict) -> None:
    client = Client(served.links[2])
    good = {"item": state(client)["items"][0]["item"], "answer": 3, "attempt": "attempt-0"}
    assert client.ask("/answer", {**good, **change})[0] == 422
    assert state(client)["done"] == 0


def test_bytes_that_are_no_json_and_too_many(served: Server) -> None:
    client = Client(served.links[2])
    for body, status in ((b"\xff\xfe", 422), (b'{"answer": NaN', 422), (b" " * 5000, 413)):
        client.line.request("POST", client.path + "/answer", body)
        answer = client.line.getresponse()
        answer.read()
        assert answer.status == status
        client.line.close()


def test_twice_and_from_two_windows(served: Server) -> None:
    one, two = Client(served.links[3]), Client(served.links[3])
    item = state(one)["items"][0]["item"]
    assert state(two)["items"][0]["item"] == item
    assert sent(one, item, 4)[0] == 200
    assert sent(one, item, 4)[0] == 200  # the page tried again because it heard nothing
    status, said = sent(two, item, 1, "attempt-1")
    assert status == 409 and "the first answer counts" in said["error"]
    assert state(two)["done"] == 1 and state(two)["items"][0]["item"] != item
    assert sent(one, item, 5, "attempt-2", correct=True)[0] == 200
    study = load(served.study)
    store = Store(study)
    assert [(rating.answer, rating.changes) for rating in store.ratings(4)] == [(5, 1)]
    store.close()


def test_the_next_session_comes_when_one_is_done(served: Server) -> None:
    client = Client(served.links[4])
    first = state(client)
    assert first["session"] == {"number": 1, "of": 2, "done": 0, "total": 4}
    for number, item in enumerate(first["items"]):
        assert sent(client, item["item"], 3, f"attempt-{number}")[0] == 200
    second = state(client)
    assert second["session"] == {"number": 2, "of": 2, "done": 0, "total": 4} and second["done"] == 4
    for number, item in enumerate(second["items"]):
        assert sent(client, item["item"], 3, f"attempt-{number + 4}")[0] == 200
    assert state(client)["items"] == [] and state(client)["done"] == 8


def test_choices_are_stored_by_version_not_by_side(tmp_path: Path) -> None:
    study = study_of(tmp_path, ["ant"], kind="pairs")
    small = {study.pictures[0].files[name]: name for name in ("nearest", "mine", "original")}
    data = {study.file(file).read_bytes(): name for file, name in small.items()}
    rank = {"nearest": 0, "mine": 1, "original": 2}
    with Server(study.folder, raters=4) as server:
        for link in server.links:
            client = Client(link)
            for item in state(client)["items"]:
                left, right = (rank[data[client.ask(f"/picture/{name}")[1]]] for name in item["pictures"])
                assert sent(client, item["item"], 3)[0] == 422
                assert sent(client, item["item"], 1 if left > right else 2)[0] == 200
    store = Store(study)
    assert {rating.answer for rating in store.ratings()} == {2} and len(store.ratings()) == 12
    store.close()


def test_every_acknowledged_answer_outlives_kill_9(tmp_path: Path) -> None:
    """Six raters at once; the server is killed in the middle and started again by the same command."""
    study = study_of(tmp_path, [f"p{number:02}" for number in range(14)])
    with Server(study.folder, raters=6) as server:
        links = list(server.links)
        acknowledged = crowd(server, 120, lambda rater, position, shared: 1 + (rater + position) % 5)
        assert server.links == links
        code, said = server.stop(signal.SIGTERM)
    assert code == 143 and "every answer is stored" in said and "Traceback" not in said
    store = Store(study)
    stored = {rating.attempt: rating.answer for rating in store.ratings()}
    store.close()
    assert len(acknowledged) == 6 * 42 and stored == acknowledged


@pytest.mark.slow
def test_the_papers_study_by_26_raters(tmp_path: Path, acutance) -> None:
    """29,328 ratings over HTTP with a kill -9 in the middle: none lost, in less than a minute of processor time."""
    study = paper(tmp_path)
    with Server(study.folder, raters=26) as server:
        acknowledged = crowd(server, 15_000, lambda rater, position, shared: 1 + (shared + rater * position) % 5)
        server.stop()
    store = Store(study)
    assert len(acknowledged) == 29_328 and {r.attempt: r.answer for r in store.ratings()} == acknowledged
    store.close()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert acutance("study", "report", study.folder, "-o", "report.html").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert server.cpu_s + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60


def test_links_are_stable_and_can_only_grow(tmp_path: Path, acutance) -> None:
    study = study_of(tmp_path, ["ant"])
    with Server(study.folder, raters=2) as server:
        first = server.links
        code, said = server.stop(signal.SIGINT)
        assert code == 0 and "stopped" in said
        server.raters = 3
        server.start()
        assert server.links[:2] == first and len(set(server.links)) == 3
        taken = acutance("study", "serve", study.folder, "--port", server.port)
        assert taken.returncode == 5 and "cannot be listened on" in taken.stderr and "--port" in taken.stderr
    fewer = acutance("study", "serve", study.folder, "--raters", "1")
    assert fewer.returncode == 2 and "3 links were given out already" in fewer.stderr


def test_the_files_of_the_page_ask_nobody_else(served: Server) -> None:
    client = Client(served.links[0])
    client.path = "/study/files"
    for name in FILES:
        status, body = client.ask(f"/{name}")
        text = body.decode().replace("http://www.w3.org/2000/svg", "")
        assert status == 200 and "http:" not in text and "https:" not in text and "//cdn" not in text
