"""Training the usual way, for comparison: fp32, NCHW, pictures decoded for every sample by loader processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from acutance.training.batch import Batch
from acutance.training.objective import Objective, only


def step(objective: Objective, optimizers: dict[str, torch.optim.Optimizer], batch: Batch) -> None:
    """Every turn of the same recipe, plainly."""
    for turn in objective.turns:
        optimizer = optimizers[turn.network]
        optimizer.zero_grad()
        assert isinstance(objective, nn.Module)
        with only(objective, turn.network):
            sum(turn.loss(batch).terms.values()).backward()  # type: ignore[union-attr]
        optimizer.step()


def make(recipe, features: nn.Module | None) -> tuple[Objective, dict[str, torch.optim.Optimizer]]:
    """The recipe's networks and optimizers as they come, Adam as torch has it by default."""
    objective = recipe.objective(features)
    optimizers = {n: build(list(objective.get_submodule(n).parameters())) for n, build in objective.optimizers.items()}
    for name, optimizer in optimizers.items():
        if isinstance(optimizer, torch.optim.Adam):
            group = optimizer.param_groups[0]
            optimizers[name] = torch.optim.Adam(group["params"], lr=group["lr"], betas=group["betas"])
    return objective, optimizers


class Files(Dataset):
    """Random crops of picture files, reduced by Pillow's bicubic."""

    def __init__(self, files: list[Path], patch: int, length: int) -> None:
        self.files, self.patch, self.length = files, patch, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        random = np.random.default_rng(index)
        picture = Image.open(self.files[random.integers(len(self.files))]).convert("RGB")
        x, y = (int(random.integers(side - self.patch + 1)) for side in picture.size)
        hr = picture.crop((x, y, x + self.patch, y + self.patch))
        if random.random() < 0.5:
            hr = hr.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        hr = hr.rotate(90 * int(random.integers(4)))
        lr = hr.resize((self.patch // 4, self.patch // 4), Image.Resampling.BICUBIC)
        return _tensor(lr), _tensor(hr)


def _tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def batches(folder: Path, patch: int, batch: int, length: int) -> Iterator[Batch]:
    """Two loader processes, as usual on two cores."""
    files = [f for f in sorted(folder.rglob("*")) if f.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    loader = DataLoader(Files(files, patch, batch * length), batch, num_workers=2, multiprocessing_context="spawn")
    for lr, hr in loader:
        yield Batch(lr=lr, hr=hr)
