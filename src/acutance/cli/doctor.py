"""``acutance doctor``: what this machine can do, and what to install for more."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

import click

from acutance.cli import console

EXTRAS = (
    ("torch", "train", "training, learned metrics and the torch engine"),
    ("av", "film", "film"),
    ("fastapi", "serve", "opinion studies"),
)


@click.command(short_help="Say what this machine can do.")
@click.option("--json", is_flag=True, help="One JSON line on stdout.")
def doctor(json: bool) -> None:
    """Say what this machine can do: processor, engines, libraries, models."""
    from acutance.engines import bf16, cpu
    from acutance.files import machine
    from acutance.models.store import available

    names = available()
    facts: dict[str, Any] = {
        "python": platform.python_version(), "system": platform.platform(), "cores": machine.cores(),
        "processor": cpu.core().get_property("CPU", "FULL_DEVICE_NAME"), "instructions": machine.instructions(),
        "bf16": bf16.is_faster(), "gpu": _gpu(), "packages": machine.versions(), "models": list(names),
        "int8": [name for name, path in names.items() if _calibrated(path)],
    }  # fmt: skip
    if json:
        console.emit({"event": "doctor", **facts})
        return
    speed = "bf16 (fast)" if facts["bf16"] else "fp32 (this processor is no faster in bf16)"
    names = " ".join(facts["instructions"]) or "no AVX-512"
    console.tell(f"processor  {facts['processor']}, {facts['cores']} cores, {names}")
    console.tell(f"engine     cpu: OpenVINO, {speed}")
    vnni = any("vnni" in name for name in facts["instructions"])
    if facts["int8"] and vnni and "amx_bf16" not in facts["instructions"]:  # whose bf16 is faster still
        console.tell(f"           faster still with --precision int8: {', '.join(facts['int8'])}")
    console.tell(f"gpu        {facts['gpu'] or 'none that torch can use'}")
    console.tell(f"models     {', '.join(facts['models']) or 'none'}")
    console.tell("libraries  " + ", ".join(f"{name} {number}" for name, number in facts["packages"].items()))
    for package, extra, purpose in EXTRAS:
        if importlib.util.find_spec(package) is None:
            console.tell(f'for {purpose}: pip install "acutance[{extra}]"')


def _calibrated(path: Path) -> bool:
    """Whether a model can run in 8 bits."""
    from acutance.errors import BadModel
    from acutance.models.model import read_facts

    try:
        return bool(read_facts(path).get("int8"))
    except BadModel:
        return False


def _gpu() -> str:
    if importlib.util.find_spec("torch") is None:
        return ""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
