"""Several processes make the same step as one; one that dies ends the run with a word, and it resumes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from acutance.training import checkpoint
from acutance.training.log import metrics

RECIPE = f"{Path(__file__).parent / 'tiny_recipe.py'}:tiny_gan"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def command(processes: int, dataset: Path, out: Path, steps: int) -> list[str]:
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*start, "-m", "acutance", "train", RECIPE, "--data", str(dataset), "--out", str(out), "--steps", str(steps)]


def run(*arguments) -> None:
    job = subprocess.Popen(
        command(*arguments), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, err = job.communicate(timeout=120)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 0, err


def networks(out: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint.checkpoints(out)[-1] / "networks.safetensors")


def test_two_processes_with_half_the_batch_are_one_with_the_whole(dataset: Path, tmp_path: Path) -> None:
    run(1, dataset, tmp_path / "one", 6)
    run(2, dataset, tmp_path / "two", 6)
    one, two = networks(tmp_path / "one"), networks(tmp_path / "two")
    rows = [row["step"] for row in metrics(tmp_path / "two") if "generator/l1" in row]
    assert rows == [6], "one process speaks"
    assert one.keys() == two.keys() and any(name.startswith("critic") for name in one)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5)


def test_a_process_that_dies_ends_the_run_and_it_goes_on(dataset: Path, tmp_path: Path) -> None:
    job = subprocess.Popen(
        command(2, dataset, tmp_path, 100_000),
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    try:
        while not checkpoint.checkpoints(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = [int(p) for p in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()]
        assert len(workers) == 2
        os.kill(workers[1], signal.SIGKILL)
        _, err = job.communicate(timeout=120)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.communicate()
    assert job.returncode != 0
    assert "another process of this run ended" in err
    kept = [checkpoint.step_of(c) for c in checkpoint.checkpoints(tmp_path) if checkpoint.damage(c) is None]
    assert kept
    run(2, dataset, tmp_path, kept[-1] + 2)
    assert checkpoint.step_of(checkpoint.checkpoints(tmp_path)[-1]) == kept[-1] + 2


def test_a_batch_that_cannot_be_shared_is_refused(dataset: Path, tmp_path: Path) -> None:
    start = [*command(3, dataset, tmp_path / "three", 2)]
    done = subprocess.run(start, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "a batch of 4 cannot be shared by 3 processes" in done.stderr
