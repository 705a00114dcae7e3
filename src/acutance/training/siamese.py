"""The siamese objective: a generator paints tiles, a critic judges only what they make together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from acutance.networks.ranges import as_input, from_output, to_signed
from acutance.training.batch import Batch
from acutance.training.losses import siamese as losses
from acutance.training.objective import Losses, MakeOptimizer, Turn
from acutance.training.parallel import gather

Term = tuple[str, float, Callable[[Tensor, Tensor], Tensor]]


class Siamese(nn.Module):
    """Generator and siamese critic in two turns (Pasini 2019). A batch holds photographs as ``lr`` and
    paintings as ``hr``; ``sharp``: the photographs without grain, where the data adds any.

    ``tiles``: photographs are cut into four tiles, painted one by one and joined (the combo), False: painted
    whole, for comparison. ``context``: pixels of its neighbours a tile may see. ``joints``: weight of the jumps where
    tiles meet (ours). ``margin``: the length that
    painted pictures' vectors are pushed to. ``weights``: of length and cosine for the generator.
    ``style``: terms of (painted, paintings), ``content``: of (painted, photographs), ``identity``: of (a
    painting painted, the painting), all on [0, 1]; none in the article.
    """

    global_terms = True  # every vector is compared with its neighbour's

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        *,
        margin: float = 2.0,
        weights: tuple[float, float] = (1.0, 1.0),
        tiles: bool = True,
        context: int = 0,
        joints: float = 0.0,
        style: tuple[Term, ...] = (),
        content: tuple[Term, ...] = (),
        identity: tuple[Term, ...] = (),
        optimizers: tuple[MakeOptimizer, MakeOptimizer],
    ) -> None:
        super().__init__()
        if joints and not tiles:
            raise ValueError(f"joints={joints}: where nothing is joined there are none")
        self.generator, self.critic = generator, critic
        self.margin, self.weights, self.tiles, self.context = margin, weights, tiles, context
        self.joints = joints
        self.style, self.content, self.identity = style, content, identity
        self.optimizers = {"generator": optimizers[0], "critic": optimizers[1]}
        self.turns = (
            Turn(name="generator", network="generator", loss=self.generator_loss),
            Turn(name="critic", network="critic", loss=self.critic_loss),
        )

    def paint(self, pictures: Tensor) -> Tensor:
        """Pictures ``(N, 3, 2 S, 2 S)`` in [0, 1] as the generator paints them, tile by tile."""
        x = as_input(self.generator, pictures)
        painted = losses.combo(self.generator, x, self.context) if self.tiles else self.generator(x)
        return from_output(self.generator, painted.float())

    def generator_loss(self, batch: Batch) -> Losses:
        """LossG1 + LossG2, and the terms that are ours."""
        photographs = batch.lr if batch.sharp is None else batch.sharp
        painted = self.paint(batch.lr)
        batch.memo["painted"] = painted.detach()
        with torch.no_grad():
            sources = gather(self._vectors(photographs))
        vectors = gather(self._vectors(painted))
        cosine = losses.transformation(sources, vectors)
        terms = {"realism": self.weights[0] * losses.pull(vectors), "travel": self.weights[1] * (1 - cosine)}
        terms |= {"joints": self.joints * losses.jumps(painted)} if self.joints else {}
        terms |= {name: weight * loss(painted, batch.hr) for name, weight, loss in self.style}
        terms |= {name: weight * loss(painted, photographs) for name, weight, loss in self.content}
        if self.identity:
            again = self.paint(batch.hr)
            terms |= {name: weight * loss(again, batch.hr) for name, weight, loss in self.identity}
        return Losses(terms, {"cosine": cosine.detach()})

    def critic_loss(self, batch: Batch) -> Losses:
        """LossD1 + LossD2 + LossD3; watched: the mean length of paintings' and painted vectors."""
        photographs = batch.lr if batch.sharp is None else batch.sharp
        painted = batch.memo["painted"] if "painted" in batch.memo else self._painted(batch.lr)
        real, sources, fake = (gather(self._vectors(x)) for x in (batch.hr, photographs, painted))
        terms = {
            "paintings": losses.pull(real),
            "painted": losses.push(fake, self.margin),
            "travel": 1 - losses.transformation(sources, fake),
        }
        return Losses(terms, {"real_length": real.detach().norm(dim=1).mean(),
                              "fake_length": fake.detach().norm(dim=1).mean()})  # fmt: skip

    def _vectors(self, pictures: Tensor) -> Tensor:
        return self.critic(to_signed(pictures)).float()

    @torch.no_grad()
    def _painted(self, photographs: Tensor) -> Tensor:
        return self.paint(photographs)

    def describe(self) -> dict[str, Any]:
        """See ``Objective``."""
        terms = [[kind, name, weight, repr(loss)] for kind, group in (("style", self.style), ("content", self.content),
                 ("identity", self.identity)) for name, weight, loss in group]  # fmt: skip
        return {
            "margin": self.margin, "weights": list(self.weights), "tiles": self.tiles, "context": self.context,
            "terms": terms, "critic": hashlib.sha256(repr(self.critic).encode()).hexdigest()[:16],
        } | ({"joints": self.joints} if self.joints else {})  # fmt: skip
