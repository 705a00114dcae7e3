"""A small dataset of real photographs."""

from __future__ import annotations

from pathlib import Path

import pytest

from acutance.training.prepare import prepare


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photographs (scikit-image's), plus files that must be left out."""
    from PIL import Image
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "rocket", "chelsea"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    Image.fromarray(data.astronaut()).save(folder / "again.png")
    Image.new("RGB", (300, 300), (9, 9, 9)).save(folder / "blank.png")
    Image.new("RGB", (40, 40)).save(folder / "small.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    pack = folder.parent / f"{folder.name}-pack"
    manifest = prepare([folder], pack, valid_share=0.3)
    reasons = {Path(skip["name"]).name: skip["reason"] for skip in manifest["skipped"]}
    assert reasons.keys() == {"astronaut.png", "blank.png", "small.png", "broken.jpg"}
    assert "same pixels" in reasons["astronaut.png"] and "blank" in reasons["blank.png"]
    return pack
