"""Threads that run ahead: bounded, in order, errors arrive, nothing is left running."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from toy_film import Nearest

from acutance.errors import Interrupted
from acutance.imaging.tiling import plan_grid
from acutance.pipelines.conveyor import ahead
from acutance.pipelines.frames import enlarge_frames, once_each
from acutance.pipelines.strips import Layout


def test_it_runs_ahead_but_not_farther_than_allowed() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    items = ahead(source(), 3)
    assert next(items) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert 4 <= len(made) <= 5
    assert list(items) == list(range(1, 20))


def test_an_error_arrives_after_what_was_made_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    items = ahead(source(), 5)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)


def test_closing_ends_the_thread_and_its_source() -> None:
    closed: list[bool] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    before = set(threading.enumerate())
    items = ahead(source(), 2)
    next(items)
    items.close()
    assert closed == [True] and not set(threading.enumerate()) - before


def test_its_own_thread_may_be_the_one_that_collects_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropped inside a cycle, it is closed by whichever thread collects garbage next: here the one it would join."""
    gc.collect()  # what other tests left is not to be found here
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    dropped, collected = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 1
        dropped.wait(10)
        gc.collect()
        collected.set()

    items = ahead(source(), 1)
    next(items)
    cycle: list[object] = [items]
    cycle.append(cycle)
    gc.disable()
    try:
        del items, cycle
        dropped.set()
        assert collected.wait(10) and not complaints
    finally:
        gc.enable()


def test_frames_flow_through_one_stream_of_tiles() -> None:
    frames = [np.random.default_rng(n).integers(0, 256, (37, 53, 3), dtype=np.uint8) for n in range(5)]
    grid = plan_grid(37, 53, tile=20, halo=2, multiple=2)
    engine = Nearest()
    large = list(enlarge_frames(frames, Layout(3, np.dtype(np.uint8), 255.0), grid, 4, engine))
    assert engine.tiles == 5 * len(grid) and len(grid) > 4
    for small, big in zip(frames, large, strict=True):
        np.testing.assert_array_equal(big, small.repeat(4, 0).repeat(4, 1))
    with pytest.raises(Interrupted):
        list(enlarge_frames(frames, Layout(3, np.dtype(np.uint8), 255.0), grid, 4, engine, cancelled=lambda: True))


@pytest.mark.parametrize("scenes", ["", "a", "aaaa", "abab", "aabbb", "abbbcca"])
def test_what_repeats_is_run_once(scenes: str) -> None:
    frames = [(n, np.full((2, 2, 3), ord(letter), np.uint8)) for n, letter in enumerate(scenes)]

    def double(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        held = list(pictures)  # the worst engine: it asks for everything before it answers
        yield from (picture.astype(int) * 2 for picture in held)

    found = list(once_each(iter(frames), double))
    assert [label for label, *_ in found] == list(range(len(scenes)))
    assert [int(result[0, 0, 0]) for _, result, _ in found] == [2 * ord(letter) for letter in scenes]
    changes = [n == 0 or scenes[n] != scenes[n - 1] for n in range(len(scenes))]
    assert [ran for *_, ran in found] == changes
