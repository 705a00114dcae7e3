"""Tiles, losses and turns of the siamese objective (specification 4.2 and 8, checks E1 to E3)."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from acutance.networks.siamese import SiameseCritic
from acutance.networks.stylizer import TileUNet
from acutance.training.batch import Batch
from acutance.training.losses.siamese import combo, join, jumps, pull, push, split, transformation
from acutance.training.losses.style import Content, Style, sliced
from acutance.training.objective import only
from acutance.training.recipes import RECIPES
from acutance.training.recipes.optimizers import adam
from acutance.training.recipes.siamese import siamese_small
from acutance.training.siamese import Siamese


def test_split_and_join_are_inverse_and_in_order() -> None:
    x = torch.rand(3, 3, 64, 64)
    tiles = split(x)
    assert tiles.shape == (12, 3, 32, 32)
    corners = (x[:, :, :32, :32], x[:, :, :32, 32:], x[:, :, 32:, :32], x[:, :, 32:, 32:])
    assert all(torch.equal(a, b) for a, b in zip(tiles.chunk(4), corners, strict=True))
    for context in (0, 8, 32):
        assert torch.equal(join(split(x, context), context), x)
        assert split(x, context).shape[2:] == (32 + context, 32 + context)


def test_the_generator_sees_tiles_and_every_tile_gets_its_gradient() -> None:
    x, seen = torch.rand(2, 3, 32, 32), []

    def generator(tiles: Tensor) -> Tensor:
        seen.append(tiles.shape)
        return tiles * 1.0

    x.requires_grad_()
    result = combo(generator, x)
    assert seen == [(8, 3, 16, 16)] and torch.equal(result, x)
    critic = SiameseCritic(size=32, width=4, vector=8)
    pull(critic(result)).backward()
    assert x.grad is not None and all(tile.abs().sum() > 0 for tile in split(x.grad))


def test_values_by_hand() -> None:
    """Section 8 of the specification."""
    real, fake = torch.tensor([[0.0, 3.0, 4.0]]), torch.tensor([[3.0, 0.0, 4.0]])
    assert pull(real).item() == 25 and pull(fake).item() == 25
    assert push(fake, 10).item() == pytest.approx(25) and push(fake, 4).item() == 0
    sources = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    painted = torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    cosine = transformation(sources, painted).item()
    assert cosine == pytest.approx(0.898146, abs=1e-6) and 1 - cosine == pytest.approx(0.101854, abs=1e-6)


def tiny(**options) -> Siamese:
    """Small networks on tiles of 16."""
    torch.manual_seed(0)
    rate = adam(1e-3, (0.5, 0.999))
    critic = SiameseCritic(size=32, width=8, vector=16)
    return Siamese(TileUNet(tile=16, width=4), critic, optimizers=(rate, rate), **options)


def batch(count: int = 4, side: int = 32) -> Batch:
    """Photographs that are noise, paintings that are smooth."""
    generator = torch.Generator().manual_seed(1)
    smooth = torch.rand(count, 3, 4, 4, generator=generator)
    paintings = nn.functional.interpolate(smooth, size=side, mode="bilinear", align_corners=False)
    return Batch(lr=torch.rand(count, 3, side, side, generator=generator), hr=paintings)


def play(objective: Siamese, network: str, term: str, steps: int = 30) -> None:
    """Steps of one network on one term of its turn alone."""
    turn = next(t for t in objective.turns if t.network == network)
    optimizer = torch.optim.Adam(objective.get_submodule(network).parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        with only(objective, network):
            turn.loss(batch()).terms[term].backward()
        optimizer.step()


def lengths(objective: Siamese) -> tuple[float, float, float]:
    """Mean lengths of paintings' and painted vectors, and the cosine."""
    objective.eval()
    with torch.no_grad():
        b = batch()
        real, sources, fake = (objective._vectors(x) for x in (b.hr, b.lr, objective.paint(b.lr)))
    objective.train()
    return real.norm(dim=1).mean().item(), fake.norm(dim=1).mean().item(), transformation(sources, fake).item()


@pytest.mark.parametrize(
    ("network", "term", "which", "sign"),
    [
        ("generator", "realism", 1, -1), ("critic", "painted", 1, 1), ("critic", "paintings", 0, -1),
        ("generator", "travel", 2, 1), ("critic", "travel", 2, 1),
    ],
)  # fmt: skip
def test_every_term_pulls_the_right_way(network: str, term: str, which: int, sign: int) -> None:
    objective = tiny()
    objective.paint(batch().lr)
    before = lengths(objective)[which]
    play(objective, network, term)
    assert sign * (lengths(objective)[which] - before) > 0


def test_only_the_turns_network_moves_and_statistics_of_the_other_stay() -> None:
    objective = tiny()
    for turn in objective.turns:
        others = {k: v.clone() for k, v in objective.state_dict().items() if not k.startswith(turn.network)}
        parameters = list(objective.get_submodule(turn.network).parameters())
        with only(objective, turn.network):
            losses = turn.loss(batch())
            torch.stack(list(losses.terms.values())).sum().backward(inputs=parameters)
        torch.optim.SGD(parameters, lr=0.1).step()
        assert all(torch.equal(objective.state_dict()[k], v) for k, v in others.items())
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters if p.ndim > 1)


def test_the_critic_turn_reuses_what_was_painted() -> None:
    objective, b = tiny(), batch()
    objective.turns[0].loss(b)
    painted = b.memo["painted"]
    assert painted.requires_grad is False and painted.min() >= 0 and painted.max() <= 1
    b.memo["painted"] = b.hr  # what it now judges are paintings
    losses = objective.turns[1].loss(b)
    assert losses.watched["fake_length"] == losses.watched["real_length"]


def test_the_critic_learns_seams() -> None:
    """Check E3: real = smooth pictures, fake = the same with a colour offset per tile."""
    torch.manual_seed(3)
    critic = SiameseCritic(size=32, width=8, vector=16)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999))

    def pictures(count: int) -> tuple[Tensor, Tensor]:
        smooth = nn.functional.interpolate(torch.rand(2 * count, 3, 3, 3), size=32, mode="bicubic") - 0.5
        offsets = (torch.rand(count, 3, 2, 2) - 0.5).repeat_interleave(16, 2).repeat_interleave(16, 3)
        return smooth[:count], smooth[count:] + offsets

    for _ in range(200):
        real, fake = pictures(16)
        optimizer.zero_grad()
        (pull(critic(real)) + push(critic(fake), 2.0)).backward()
        optimizer.step()
    with torch.no_grad():
        real, fake = (critic(x).norm(dim=1).mean().item() for x in pictures(64))
    assert fake > 3 * real, (fake, real)


class Flat(nn.Module):
    """Stands for a feature network: pictures and their gradients, no weights worth the name."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, x: Tensor, wanted) -> dict[str, Tensor]:
        return {name: torch.cat([x, x - x.roll(1, 3)], 1) * 10 for name in wanted}


def test_jumps_are_those_of_the_joint_and_no_others() -> None:
    smooth = batch(2, 64).hr
    assert jumps(smooth).item() < 1
    joined = smooth.clone()
    joined[:, :, :, 32:] += 0.2
    elsewhere = smooth.clone()
    elsewhere[:, :, :, 24:] += 0.2
    assert jumps(joined) > 10 and jumps(elsewhere) <= jumps(smooth)
    assert jumps(joined.transpose(2, 3)).item() == pytest.approx(jumps(joined).item(), rel=1e-5)


def test_the_joints_term_is_ours_and_only_of_joined_tiles() -> None:
    article, ours = tiny().generator_loss(batch()), tiny(joints=0.5).generator_loss(batch())
    assert set(ours.terms) - set(article.terms) == {"joints"}
    painted = tiny().paint(batch().lr)
    assert ours.terms["joints"].item() == pytest.approx(0.5 * jumps(painted).item(), rel=1e-5)
    assert all(ours.terms[name].item() == article.terms[name].item() for name in article.terms)
    assert "joints" not in tiny().describe() and tiny(joints=0.5).describe()["joints"] == 0.5
    assert siamese_small().objective(None).joints > 0 == siamese_small(tiles=False).objective(None).joints  # type: ignore
    assert RECIPES["siamese"]().objective(None).joints == 0  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="joints"):
        tiny(tiles=False, joints=0.5)


def test_sliced_distance_sees_distributions_not_places() -> None:
    x = torch.rand(2, 4, 100)
    shuffled = x[:, :, torch.randperm(100)]
    assert sliced(x, shuffled, 8).item() == pytest.approx(0, abs=1e-9)
    assert sliced(x * 2, x, 8).item() > 0.1


def test_style_and_content_terms() -> None:
    style = Style(features=Flat(), scales=((1, (("relu1_1", 1.0),)), (2, (("relu2_1", 1.0),))))
    x, y = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32) ** 3
    x.requires_grad_()
    loss = style(x, y)
    loss.backward()
    assert loss.item() > 0 and x.grad is not None and x.grad.abs().sum() > 0
    assert style(y, y.flip(2)).item() < loss.item() / 3
    colour, paint = (
        Style(features=Flat(), scales=style.scales, palette=share)(y + 0.3, y).item() for share in (1.0, 0.0)
    )
    assert paint < 0.01 * colour
    content = Content(features=Flat(), layer="relu1_1")
    assert content(y, y).item() == 0 < content(x, y).item()


def test_means_hear_a_channel_that_paintings_leave_silent() -> None:
    class Same(nn.Module):
        def forward(self, x: Tensor, wanted) -> dict[str, Tensor]:
            return dict.fromkeys(wanted, x)

    paintings = torch.rand(2, 3, 16, 16) * torch.tensor([1.0, 1.0, 0.0])[:, None, None]
    painted = paintings + torch.tensor([0.0, 0.0, 0.1])[:, None, None]
    deaf, hearing = (
        Style(features=Same(), scales=((1, (("relu3_4", 1.0),)),), means=means)(painted, paintings).item()
        for means in (0.0, 1.0)
    )
    assert deaf < 1e-6 and hearing > 1
    assert Style(features=Same(), scales=((1, (("relu3_4", 1.0),)),), means=1.0)(paintings, paintings).item() == 0


def test_recipes_say_what_they_are() -> None:
    article = RECIPES["siamese"]()
    objective = article.objective(None)
    assert isinstance(objective, Siamese) and objective.describe()["terms"] == []
    assert (objective.margin, objective.weights, objective.context) == (2.0, (1.0, 1.0), 0)
    assert article.data.batch == 16 and article.data.side == 128 and article.data.blank == 0.05  # type: ignore[attr-defined]
    single = siamese_small(tiles=False).objective(None)
    assert isinstance(single, Siamese) and not single.tiles and single.critic.size == 32
    described = partial(RECIPES["siamese_small"]().objective, None)().describe()
    assert described != single.describe()
