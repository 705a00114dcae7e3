"""The house rules: layers, the README's tree, no way round the doors, no network at import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "acutance"


def test_a_lower_room_never_imports_a_higher_one() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_readmes_tree_names_every_file() -> None:
    text = (ROOT / "README.md").read_text()
    tree = text[text.index("\nsrc/acutance/") :].split("```")[0]
    named, room = set(), ""
    for indent, name in re.findall(r"^( +)([\w/]+(?:\.py|/)) ", tree, re.M):
        if name.endswith("/"):
            room = name
        else:
            named.add(name if len(indent) == 2 else room + name)
    files = {str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*.py") if p.read_text().strip()}
    assert named == files


def imports(path: Path) -> set[str]:
    """Modules imported when ``path`` is: only statements at its top level."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", ["cli", "files", "imaging", "pipelines", "engines", "models", "measuring", "serving"])
def test_torch_stays_out_of_the_light_rooms(room: str) -> None:
    assert [str(p) for p in (SOURCE / room).rglob("*.py") if "torch" in imports(p)] == []


def test_only_one_door_each() -> None:
    """Pickles, shells and evaluation appear nowhere; pyvips and PyAV only behind the files' doors."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        for word in ("torch.load(", "pickle.load", "eval(compile", "shell=True", "allow_pickle=True", "os.system"):
            assert word not in text, f"{path}: {word}"
        if path.parent.name != "files" and "import pyvips" in text:
            raise AssertionError(f"{path} imports pyvips; only files/ does")
        if path.name != "pyav.py" and re.search(r"^\s*(import av\b|from av\b)", text, re.M):
            raise AssertionError(f"{path} imports PyAV; only files/pyav.py does")


def test_nothing_speaks_of_other_places() -> None:
    """No absolute path of a developer's machine in what we ship."""
    for path in [*SOURCE.rglob("*.py"), ROOT / "README.md", *ROOT.glob("benchmarks/*.py")]:
        assert not re.search(r"/(work|root|home/\w+)/", path.read_text()), path
