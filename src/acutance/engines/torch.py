"""The torch engine: the same contract on CUDA, or on the CPU as a reference."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from acutance.engines import check_output, not_finite
from acutance.errors import BadModel, UsageError
from acutance.models.model import Model

if TYPE_CHECKING:
    from torch import nn


def has_bf16() -> bool:
    """Whether there is a GPU that multiplies in bf16; older ones imitate it."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def settle(precision: str, deep: bool) -> str:
    """The precision ``auto`` means here: bf16 for 8-bit pictures on a GPU that has it, else fp32."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError('the torch engine needs torch; install it with: pip install "acutance[train]"')
    if precision == "auto":
        return "bf16" if not deep and has_bf16() else "fp32"
    return precision


def rebuild(model: Model) -> nn.Module:
    """The network of ``model`` with its weights, [0, 1] on both sides, in evaluation mode. Raises ``BadModel``."""
    import torch

    from acutance.networks import NETWORKS
    from acutance.networks.ranges import UnitRange

    if model.network not in NETWORKS:
        raise BadModel(f"{model.path}: needs a network called {model.network}, unknown to this version")
    try:
        with torch.device("meta"):  # shapes only: a network that its weights do not fill costs nothing
            network = NETWORKS[model.network](**model.arguments).eval()  # type: ignore[arg-type]
        weights = {name: torch.from_numpy(tensor) for name, tensor in model.weights.items()}
        counters = {key for key in network.state_dict() if key.endswith("num_batches_tracked")}
        weights |= {key: torch.zeros((), dtype=torch.int64) for key in counters}  # only training counts
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise BadModel(f"{model.path}: its weights do not fit its network {model.network}") from error
    return UnitRange(network).eval().requires_grad_(False)


class TorchEngine:
    """``model`` rebuilt from its network's name; see ``engines.Engine``."""

    name = "torch"

    def __init__(self, model: Model, tile: tuple[int, int], precision: str, *, deep: bool) -> None:
        import torch

        self.model, self.tile, self.precision, self.deep = model, tile, precision, deep
        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = rebuild(model).to(self._device)
        self._network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def stream(self, tiles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See ``engines.Engine.stream``."""
        for index, tile in enumerate(tiles):
            result = self._run(tile, self.precision)
            check_output(self.model, self.tile, tuple(result.shape[1:]))
            if not bool(result.isfinite().all()):
                result = self._run(tile, "fp32")
                if not bool(result.isfinite().all()):
                    raise not_finite(
                        self.model, index, tile, lambda grey: bool(self._run(grey, "fp32").isfinite().all())
                    )
            if self.deep:
                yield result.cpu().numpy()
            else:
                yield (result.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    def _run(self, tile: np.ndarray, precision: str):
        torch = self._torch
        try:
            x = torch.from_numpy(np.ascontiguousarray(tile)).to(self._device)
            x = x[None] if self.deep else x.permute(2, 0, 1)[None].float() / 255
            x = x.contiguous(memory_format=torch.channels_last)
            with (
                torch.backends.cudnn.flags(enabled=True, allow_tf32=precision != "fp32"),
                torch.inference_mode(),
                torch.autocast(self._device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                return self._network(x)[0].float()
        except torch.OutOfMemoryError as error:  # as on the CPU, where a smaller tile helps too
            raise MemoryError(str(error)) from error
