"""The Python interface, as those meet it who type it in."""

from __future__ import annotations

import pytest

import acutance


def test_a_misspelt_setting_is_answered() -> None:
    with pytest.raises(TypeError, match="no setting sclae, did you mean scale"):
        acutance.Upscaler("fidelity", sclae=2)
    with pytest.raises(TypeError, match="no setting strenght, did you mean strength"):
        acutance.Stylizer(strenght=0.5)


def test_its_names_can_be_listed() -> None:
    assert {"Upscaler", "Stylizer", "upscale"} <= set(dir(acutance))
