"""What several tests need: real pictures, the shared data where it is there, a command runner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

SHARED = Path(os.environ.get("ACUTANCE_DATA", Path(__file__).parents[2] / "shared" / "data"))


settings.register_profile("house", deadline=None)  # a busy machine is no finding
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data; tests that need it are skipped elsewhere."""
    if not SHARED.is_dir():
        pytest.skip(f"the development data is not at {SHARED} (set ACUTANCE_DATA)")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_reaches_processes() -> None:
    """A shell's background job ignores SIGINT, and so would all it starts; tests that press Ctrl-C need it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_scores_of_yesterday(tmp_path_factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests measure is kept where no other run finds it."""
    monkeypatch.setenv("ACUTANCE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, uint8 (512, 512, 3): scikit-image's astronaut (NASA, public domain)."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def small_photo(photo: np.ndarray) -> np.ndarray:
    """A 61 x 83 piece of it: odd sizes, an eye, an edge."""
    return np.ascontiguousarray(photo[80:141, 180:263])


@pytest.fixture
def acutance(tmp_path: Path):
    """Run the command line in a process of its own, in ``tmp_path``."""

    def run(*arguments: object, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "acutance", *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment},
        )  # fmt: skip

    return run
