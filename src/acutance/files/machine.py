"""What a figure was measured on: processor, cores, versions, commit."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

INSTRUCTIONS = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2")
PACKAGES = ("acutance", "numpy", "openvino", "pyvips", "pyvips-binary", "safetensors", "torch", "av")


def processor() -> str:
    """The processor's name, as the system calls it."""
    named = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def instructions() -> list[str]:
    """Of ``INSTRUCTIONS``, those the processor has."""
    flags = next((line for line in _cpuinfo() if line.startswith("flags")), "").split()
    return [flag for flag in INSTRUCTIONS if flag in flags]


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit this code stands at, or an empty string outside a checkout."""
    here = Path(__file__)
    if not _git(here.parent, "ls-files", "--error-unmatch", here.name):  # installed inside somebody's own checkout
        return ""
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=12")


def _git(folder: Path, *arguments: str) -> str:
    command, without_locks = ["git", "-C", str(folder), *arguments], {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=without_locks)
    except OSError:  # no git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def receipt() -> dict[str, str]:
    """Date, machine, versions and commit, as text for reports."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {cores()} cores, {' '.join(instructions())}",
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "commit": commit() or "an installed package, not a checkout",
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
