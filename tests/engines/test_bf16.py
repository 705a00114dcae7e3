"""Which precision is chosen: what the processor is faster in, asked once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acutance.engines import bf16, cpu

needs_bf16 = pytest.mark.skipif(not cpu.has_bf16(), reason="this processor has no bf16 arithmetic")


@pytest.fixture(autouse=True)
def forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ACUTANCE_CACHE", str(tmp_path))
    asked = bf16.is_faster
    asked.cache_clear()
    yield
    asked.cache_clear()


@needs_bf16
@pytest.mark.parametrize(
    ("seconds", "expected"), [({"bf16": 1.0, "f32": 2.0}, True), ({"bf16": 2.0, "f32": 1.0}, False)]
)
def test_the_faster_one_is_chosen_and_remembered(
    seconds: dict[str, float], expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16, "_measured", lambda core, precision: seconds[precision])
    assert cpu.settle("auto", deep=False) == ("bf16" if expected else "fp32")
    assert list(json.loads((tmp_path / "bf16.json").read_text()).values()) == [expected]
    bf16.is_faster.cache_clear()
    monkeypatch.setattr(bf16, "_measured", lambda core, precision: pytest.fail("measured again"))
    assert bf16.is_faster() is expected


@needs_bf16
@pytest.mark.parametrize("content", ["", "[]", '{"another processor": true}'])
def test_a_damaged_memory_is_replaced(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bf16.json").write_text(content)
    monkeypatch.setattr(bf16, "_measured", lambda core, precision: {"bf16": 1.0, "f32": 2.0}[precision])
    assert bf16.is_faster()
    assert list(json.loads((tmp_path / "bf16.json").read_text()).values()) == [True]


def test_a_picture_with_more_than_8_bits_is_computed_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16, "is_faster", lambda: True)
    assert cpu.settle("auto", deep=True) == "fp32"


def test_the_measurement_measures() -> None:
    assert 0 < bf16._measured(cpu.core(), "f32") < 10
