"""A simulated opinion study of the SRGAN paper's size: 26 raters, 12 versions, 29,328 ratings over real HTTP.

The server is killed with -9 in the middle and started again. Usage: python benchmarks/study.py
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from common import store, timed

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from raters import Server, crowd, pictures

SETS = {"Set5": 5, "Set14": 14, "BSD100": 100}
EVERYWHERE = ["nearest", "bicubic", "srcnn", "selfexsr", "drcn", "espcn", "srresnet_mse", "srgan_vgg54"]
SMALL = ["srresnet_vgg22", "srgan_mse", "srgan_vgg22"]  # only on Set5 and Set14
COMMAND = [sys.executable, "-m", "acutance", "study"]


def make(folder: Path, side: int) -> dict[str, float]:
    """The paper's set-up with pictures of ``side`` pixels; returns the time of the command."""
    arguments: list[str] = []
    for name, count in SETS.items():
        names = [f"{number:03}" for number in range(count)]
        arguments += ["--reference", f"{name}={pictures(folder / name, names, side)}"]
        for method in EVERYWHERE + SMALL * (name != "BSD100"):
            if method not in ("nearest", "bicubic"):
                pictures(folder / method / name, names, side, seed=len(method))
    for method in EVERYWHERE:
        made = method in ("nearest", "bicubic")
        arguments += ["--method", method if made else f"{method}={folder / method}"]
    for method in SMALL:
        arguments += ["--method", f"{method}@Set5,Set14={folder / method}"]
    return timed([*COMMAND, "new", str(folder / "study"), *arguments])


def main() -> None:
    """Make, serve, kill, serve, report; compare what was acknowledged with what is stored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=26)
    parser.add_argument("--side", type=int, default=96, help="pixels of a picture's side")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make(folder, given.side)
        before = os.times()
        begin = time.perf_counter()
        with Server(folder / "study", given.raters) as server:
            half = given.raters * 1128 // 2
            acknowledged = crowd(server, half, lambda rater, position, shared: 1 + (shared + rater * position % 3) % 5)
            server.stop()
        served = time.perf_counter() - begin
        clients = sum(os.times()[:2]) - sum(before[:2])
        stored = dict(sqlite3.connect(folder / "study" / "ratings.sqlite").execute(
            "SELECT attempt, answer FROM rating"))  # fmt: skip
        reported = timed([*COMMAND, "report", str(folder / "study"), "-o", str(folder / "r.html"),
                          "--csv", str(folder / "r.csv")])  # fmt: skip
        lines = (folder / "r.csv").read_text().count("\n") - 1
    lost = [attempt for attempt, answer in acknowledged.items() if stored.get(attempt) != answer]
    store("study", {
        "raters": given.raters, "picture_side": given.side, "ratings": len(stored), "acknowledged": len(acknowledged),
        "lost_of_acknowledged": len(lost), "csv_lines": lines, "killed_after": half,
        "make": made, "serve_wall_s": round(served, 1), "server_cpu_s": round(server.cpu_s, 1),
        "simulated_raters_cpu_s": round(clients, 1), "report": reported,
        "serve_and_report_wall_s": round(served + reported["wall_s"], 1),
        "machine_s_without_the_raters": round(server.cpu_s + reported["cpu_s"], 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
