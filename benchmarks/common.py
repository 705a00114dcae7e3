"""What every stored result carries: machine, date, commit, versions; and how processes are timed."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def receipt() -> dict[str, Any]:
    """Machine, date, commit and versions."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        text = file.read()
    for line in text.splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    flags = {flag for flag in ("amx_bf16", "avx512_bf16", "avx512_vnni") if f" {flag}" in text}
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores, {' '.join(sorted(flags)) or 'no bf16'}",
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "versions": {name: version(name) for name in ("acutance", "numpy", "openvino", "pyvips", "torch", "pillow")},
        "python": platform.python_version(),
    }


def store(name: str, result: dict[str, Any], folder: Path = RESULTS) -> None:
    """Write ``NAME.json`` into ``folder`` with its receipt, and print it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"command": " ".join(["python", *sys.argv]), **receipt(), **result}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")
    print(text)


# A process inherits its parent's peak memory when it is forked, so a small one starts the command.
STARTER = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - begin
print(json.dumps({"status": status, "wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime,
                  "peak_mb": usage.ru_maxrss / 1024}))
"""


def timed(command: list[str]) -> dict[str, float]:
    """Wall and CPU seconds and peak resident MB of one finished process."""
    done = subprocess.run([sys.executable, "-S", "-c", STARTER, *command], capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    if row.pop("status"):
        raise SystemExit(f"{command} failed: {done.stderr}")
    return row


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}
