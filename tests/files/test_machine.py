"""What a processor says it can do."""

from __future__ import annotations

import pytest

from acutance.files import machine


@pytest.mark.parametrize(
    ("listed", "multiplies"),
    [
        (["model name\t: EPYC", "flags\t\t: fma avx2 avx512f avx512_bf16"], True),
        (["flags\t\t: fma avx2 amx_bf16 amx_tile"], True),
        (["flags\t\t: fma avx2 avx512f avx512_vnni"], False),
        (["Features\t: fp asimd bf16 i8mm"], True),
        (["Features\t: fp asimd"], False),
        ([], True),  # nothing is known
    ],
)
def test_who_multiplies_in_bf16(listed: list[str], multiplies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: listed)
    assert machine.multiplies_bf16.__wrapped__() is multiplies
