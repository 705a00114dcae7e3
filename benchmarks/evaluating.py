"""What measuring costs beside the work itself: three models on three sets, from an empty store of scores, then again.

Usage: python benchmarks/evaluating.py BENCH_FOLDER MODEL MODEL MODEL
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import store

SETS = ("Set5", "Set14", "BSD100")


def main() -> None:
    """Run the command twice, and say how much of its time went into the networks and the metrics."""
    bench, *models = sys.argv[1:]
    command = [sys.executable, "-m", "acutance", "evaluate", "--json", "--metrics", "psnr_y,ssim_y,lpips"]
    command += [word for name in SETS for word in ("--bench", str(Path(bench) / name))]
    command += [word for name in models for word in ("--model", name)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "ACUTANCE_CACHE": cache}
        runs = []
        for _ in range(2):
            begin = time.perf_counter()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            wall = time.perf_counter() - begin
            summary = json.loads(done.stdout.splitlines()[-1])
            work = summary["methods_seconds"] + summary["metrics_seconds"]
            peak = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
            runs.append({**summary, "process_seconds": round(wall, 2), "work_seconds": round(work, 2), "peak_mb": peak})
    first, second = runs
    ratio = round(first["process_seconds"] / first["work_seconds"], 3)
    store("evaluating", {"models": models, "sets": SETS, "first": first, "second": second,
                         "process_over_work": ratio})  # fmt: skip


if __name__ == "__main__":
    main()
