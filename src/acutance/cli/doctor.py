"""``acutance doctor``: what this machine can do, and what to install for more."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from typing import Annotated, Any

import typer

from acutance.cli import console

EXTRAS = (("torch", "train", "training and the torch engine"), ("fastapi", "serve", "opinion studies"))
PACKAGES = ("acutance", "numpy", "openvino", "pyvips", "pyvips-binary", "safetensors", "torch")


def doctor(json: Annotated[bool, typer.Option("--json", help="One JSON line on stdout.")] = False) -> None:
    """Say what this machine can do: processor, engines, libraries, models."""
    from acutance.engines import cpu
    from acutance.models.store import available

    facts: dict[str, Any] = {
        "python": platform.python_version(), "system": platform.platform(), "cores": len(_cores()),
        "processor": cpu.core().get_property("CPU", "FULL_DEVICE_NAME"), "instructions": _instructions(),
        "bf16": cpu.has_bf16(), "gpu": _gpu(), "packages": _versions(), "models": list(available()),
    }  # fmt: skip
    if json:
        console.emit({"event": "doctor", **facts})
        return
    speed = "bf16 (fast)" if facts["bf16"] else "fp32 (this processor has no bf16 arithmetic)"
    print(f"processor  {facts['processor']}, {facts['cores']} cores, {' '.join(facts['instructions']) or 'no AVX-512'}")
    print(f"engine     cpu: OpenVINO, {speed}")
    print(f"gpu        {facts['gpu'] or 'none that torch can use'}")
    print(f"models     {', '.join(facts['models']) or 'none'}")
    print("libraries  " + ", ".join(f"{name} {number}" for name, number in facts["packages"].items()))
    for package, extra, purpose in EXTRAS:
        if importlib.util.find_spec(package) is None:
            print(f'for {purpose}: pip install "acutance[{extra}]"')


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _instructions() -> list[str]:
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return []
    wanted = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2")
    return [flag for flag in wanted if flag in flags]


def _gpu() -> str:
    if importlib.util.find_spec("torch") is None:
        return ""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
