"""A process that runs one acutance command after another: starting Python anew for each would take most of the time.

Reads tasks as JSON lines from stdin (``arguments``, the ``folder`` to run in, the files ``out`` and ``err``, and
``environment``), and answers each with a line of how it ended. Whatever ends this process instead of one command is
found by whoever started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback

CLEAR, STATUS = "/proc/self/clear_refs", "/proc/self/status"


def peaks() -> dict[str, float]:
    """MB: the highest resident memory since it was last forgotten, and the largest address space ever."""
    found = {"VmHWM": 0.0, "VmPeak": 0.0}
    with contextlib.suppress(OSError), open(STATUS) as file:
        for line in file:
            name, _, text = line.partition(":")
            if name in found:
                found[name] = int(text.split()[0]) / 1024
    return {"peak_mb": found["VmHWM"], "space_mb": found["VmPeak"]}


def forget_peak() -> None:
    """Begin the peak anew (Linux)."""
    with contextlib.suppress(OSError), open(CLEAR, "w") as file:
        file.write("5")


def command(arguments: list[str]) -> int:
    """The exit code of one command; an exception that gets out is printed as Python would, and is code 1."""
    from acutance.__main__ import main

    sys.argv = ["acutance", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    tasks = os.fdopen(os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in tasks:
        task = json.loads(line)
        os.chdir(task["folder"])
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(task[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, number)
            os.close(file)
        forget_peak()
        os.environ.update(task["environment"])
        begin = time.monotonic()
        code = command(task["arguments"])
        for name in task["environment"]:
            del os.environ[name]
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        answers.write(json.dumps({"code": code, "seconds": time.monotonic() - begin, **peaks()}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
