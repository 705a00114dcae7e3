"""The pages and JSON of an opinion study. A rater's link is their key; every name in it is veiled.

A picture's address is made of the rater, the step and the side, so that it tells neither the method nor
that two steps show the same file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from acutance.errors import AcutanceError
from acutance.measuring.study import Study, secret, veil
from acutance.measuring.study_order import Item, Showing, items, order, sittings
from acutance.measuring.study_store import Rating, Store

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = ("study.css", "study.js", "stage.js", "shelf.js", "outbox.js", "icon.svg")
KEPT = 128 << 20  # bytes of pictures held in memory
BY_RATER = "private, max-age=3600"  # a picture preloaded is not fetched again


class Answer(BaseModel):
    """What the page sends. ``answer``: 1 to 5; of a pair, 1 for left and 2 for right."""

    model_config = ConfigDict(extra="forbid")
    item: Annotated[str, Field(max_length=64)]
    answer: Annotated[StrictInt, Field(ge=1, le=5)]
    attempt: Annotated[str, Field(min_length=8, max_length=64)]
    seconds: Annotated[float | None, Field(ge=0, le=86_400)] = None
    zoom: Annotated[float | None, Field(gt=0, le=64)] = None
    correct: StrictBool = False


@dataclass
class Rater:
    """What one rater's names stand for: ``steps`` by key, ``pictures`` (file names) by theirs."""

    number: int
    sessions: list[list[Showing]]
    steps: dict[str, Showing] = field(default_factory=dict)
    keys: dict[Showing, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    views: dict[Showing, list[str]] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)


def page(name: str) -> bytes:
    """A file of ours that goes to the browser."""
    return resources.files("acutance.serving").joinpath("pages", name).read_bytes()


def links(study: Study, raters: int) -> list[str]:
    """The path of each rater's page; the same on every day."""
    key = secret(study.folder)
    return [f"/study/{veil(key, 'rater', number)}" for number in range(1, raters + 1)]


def router(study: Study, store: Store, raters: int) -> APIRouter:
    """The study's addresses, for raters 1 to ``raters``."""
    desk = _Desk(study, store, raters)
    routes = APIRouter(prefix="/study")
    add = partial(routes.add_api_route, response_model=None)
    # First what is asked most; plain routes, which cost half of FastAPI's.
    routes.add_route("/study/{token}/answer", desk.answer, methods=["POST"])
    routes.add_route("/study/{token}/picture/{name}", desk.picture, methods=["GET"])
    add("/{token}/state", desk.state, methods=["GET"])
    add("/files/{name}", _file, methods=["GET"])
    add("/{token}", desk.page, methods=["GET"])
    return routes


async def _file(name: str) -> Response:
    if name not in FILES:
        raise HTTPException(404, "no such file")
    return Response(page(name), media_type=TYPES[name[name.index(".") :]])


class _Desk:
    """Answers a study's requests."""

    def __init__(self, study: Study, store: Store, raters: int) -> None:
        self.study, self.store, self.key = study, store, secret(study.folder)
        self.items: list[Item] = items(study)
        self.numbers = {veil(self.key, "rater", number): number for number in range(1, raters + 1)}
        self.known: dict[int, Rater] = {}
        self.kept: dict[str, bytes] = {}
        self.room = KEPT

    async def page(self, token: str) -> Response:
        """The page; its script asks for the rest."""
        if token not in self.numbers:
            return Response(page("unknown.html"), 404, media_type=TYPES[".html"])
        return Response(page("study.html"), media_type=TYPES[".html"])

    async def state(self, token: str) -> Response:
        """Where a rater stands, and the steps still to do in their present session."""
        rater = self._rater(token)
        given = self.store.ratings(rater.number)
        done = {(rating.item, rating.again) for rating in given}
        left = [[step for step in part if (step.item, step.again) not in done] for part in rater.sessions]
        now = next((number for number, part in enumerate(left) if part), len(left) - 1)
        total = len(rater.sessions[now])
        return JSONResponse({
            "title": self.study.title, "kind": self.study.kind,
            "done": len(done), "total": len(rater.steps),
            "session": {"number": now + 1, "of": len(left), "done": total - len(left[now]), "total": total},
            "examples": rater.examples, "items": [self._view(rater, step) for step in left[now]],
        })  # fmt: skip

    async def picture(self, request: Request) -> Response:
        """A picture as PNG. No date, tag or name goes with it: they would tell versions apart."""
        rater, name = self._rater(request.path_params["token"]), request.path_params["name"]
        if name not in rater.pictures:
            raise HTTPException(404, "no such picture")
        try:
            data = self._read(rater.pictures[name])
        except OSError:
            raise HTTPException(503, "the picture cannot be read at the moment") from None
        return Response(data, media_type="image/png", headers={"cache-control": BY_RATER})

    def _read(self, file: str) -> bytes:
        """A picture's bytes, kept in memory while there is room: all raters see the same ones."""
        if (data := self.kept.pop(file, None)) is None:
            data = self.study.file(file).read_bytes()
            self.room -= len(data)
            while self.room < 0 and self.kept:
                self.room += len(self.kept.pop(next(iter(self.kept))))
        self.kept[file] = data  # at the end: what was not asked for longest goes first
        return data

    async def answer(self, request: Request) -> Response:
        """Store an answer; 200 means it is on the disk. 409: that step has another answer already."""
        rater = self._rater(request.path_params["token"])
        try:
            given = Answer.model_validate_json(await request.body())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "body"
            raise HTTPException(422, f"{where}: {first['msg']}") from None
        step = rater.steps.get(given.item)
        if step is None:
            raise HTTPException(404, "no such picture in this study")
        choice = given.answer
        if self.study.kind == "pairs":
            if choice > 2:
                raise HTTPException(422, "answer: 1 for the left, 2 for the right picture")
            choice = 3 - choice if step.swapped else choice
        rating = Rating(
            rater=rater.number, item=step.item, again=step.again, answer=choice, attempt=given.attempt,
            seconds=given.seconds, zoom=given.zoom, correct=given.correct,
        )  # fmt: skip
        try:
            outcome = await asyncio.wrap_future(self.store.rate(rating))
        except AcutanceError:
            raise HTTPException(507, "the answer could not be stored; it will be tried again") from None
        if outcome == "already":
            raise HTTPException(409, "answered before, perhaps in another window; the first answer counts")
        return JSONResponse({"outcome": outcome})

    def _rater(self, token: str) -> Rater:
        # A token is looked up whole in a table of hashes, which takes the same time however much of it is right.
        number = self.numbers.get(token)
        if number is None:
            raise HTTPException(404, "this link is not known")
        if number not in self.known:
            self.known[number] = self._met(number)
        return self.known[number]

    def _met(self, number: int) -> Rater:
        rater = Rater(number, sittings(order(self.study, number), self.study.sessions))
        for step in (step for part in rater.sessions for step in part):
            key = veil(self.key, "step", number, step.item, step.again)
            rater.steps[key], rater.keys[step] = step, key
            item = self.items[step.item]
            files = self.study.pictures[item.picture].files
            sides = [item.first] if item.second is None else [item.first, item.second]
            shown = [files[version] for version in (sides[::-1] if step.swapped else sides)]
            rater.views[step] = [veil(self.key, "picture", key, side) for side in range(len(shown))]
            rater.pictures.update(zip(rater.views[step], shown, strict=True))
        for place, example in enumerate(self.study.examples):
            names = [veil(self.key, "example", number, place, score) for score in (1, 5)]
            rater.pictures.update(zip(names, (example.low, example.high), strict=True))
            rater.examples.append({"pictures": names, "width": example.width, "height": example.height})
        return rater

    def _view(self, rater: Rater, step: Showing) -> dict[str, Any]:
        picture = self.study.pictures[self.items[step.item].picture]
        return {
            "item": rater.keys[step], "pictures": rater.views[step], "width": picture.width, "height": picture.height,
        }  # fmt: skip
