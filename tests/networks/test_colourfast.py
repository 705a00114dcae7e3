"""Networks that keep mean colours."""

from __future__ import annotations

from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acutance.networks import NETWORKS
from acutance.networks.colourfast import LARGEST, SIDE, ColourfastCompact, ColourfastFoldedCompact
from acutance.networks.compact import Compact, FoldedCompact
from acutance.networks.ranges import UnitRange

Network = TypeVar("Network", bound=nn.Module)
SMALL = {"channels": 8, "convolutions": 2}
PAIRS = [(Compact, ColourfastCompact), (FoldedCompact, ColourfastFoldedCompact)]


def red(network: Network, by: float = 0.0) -> Network:
    """Draws something random, and ``by`` of the range more red."""
    torch.manual_seed(0)
    for layer in network.body:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    last = network.body[-1]
    with torch.no_grad():
        last.weight.mul_(0.05)
        last.weight.sub_(last.weight.mean((1, 2, 3), keepdim=True))
        last.bias[:16] += by
    return network.eval()


def means(picture: Tensor) -> Tensor:
    return picture.mean((-2, -1))


@pytest.mark.parametrize(("plain", "fast"), PAIRS)
def test_it_has_the_weights_of_the_plain_one(plain: type[nn.Module], fast: type[nn.Module]) -> None:
    network = fast(**SMALL)
    network.load_state_dict(plain(**SMALL).state_dict())
    assert network.halo == plain(**SMALL).halo + SIDE // 2 * getattr(network, "multiple", 1)


@pytest.mark.parametrize(("plain", "fast"), PAIRS)
@torch.no_grad()
def test_mean_colours_stay(plain: type, fast: type) -> None:
    """Where the plain network reddens, and where half of the picture is nearly white: what is brighter is lost."""
    grey = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.4
    half = grey.clone()
    half[..., 48:] = 0.99
    for x, least, most in ((grey, 6 / 255, 0.5 / 255), (half, 3 / 255, 2 / 255)):
        before, after = (means(red(n(**SMALL), 0.04)(x).clamp(0, 1)) - means(x) for n in (plain, fast))
        assert before.abs().max() > least and after.abs().max() < most, (before, after)


@pytest.mark.parametrize(("plain", "fast"), PAIRS)
@torch.no_grad()
def test_what_is_drawn_stays(plain: type, fast: type) -> None:
    """Detail of a size below the squares is the plain network's; what differs is smooth."""
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.4
    difference = red(plain(**SMALL), 0.04)(x) - red(fast(**SMALL), 0.04)(x)
    cell = 4  # output pixels of one place of the comparison
    places = F.avg_pool2d(difference, cell)
    torch.testing.assert_close(F.interpolate(places, scale_factor=float(cell)), difference)
    assert (places[..., 1:] - places[..., :-1]).abs().max() < 0.03
    assert means(difference)[0, 0] > 0.02


@torch.no_grad()
def test_a_removed_speck_leaves_little() -> None:
    """White on grey, taken away by the network, leaves at most LARGEST spread over a square."""
    network = ColourfastCompact(**SMALL)
    x = torch.full((1, 3, 41, 41), 0.5)
    x[..., 20, 20] = 1.0
    residual = torch.zeros(1, 48, 41, 41)
    residual[..., 20, 20] = -0.5
    network.body = nn.Sequential()
    network.body.forward = lambda _: residual  # type: ignore[method-assign]
    drawn = network(x)
    assert (drawn - 0.5).abs().max() == pytest.approx(LARGEST / SIDE**2, rel=1e-3)


def test_the_halo_is_the_receptive_radius() -> None:
    network = red(ColourfastCompact(channels=8, convolutions=3))
    x = (torch.rand(1, 3, 61, 61) * 0.2 + 0.4).requires_grad_()
    network(x)[0, :, 120:124, 120:124].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(0).nonzero()
    assert (touched - 30).abs().max().item() == network.halo == 5 + SIDE // 2


OTHERS = {
    "srresnet": {"channels": 8, "blocks": 1},
    "rrdb": {"channels": 8, "blocks": 1, "growth": 4, "scale": 2},
    "msrresnet": {"channels": 8, "blocks": 1, "scale": 3},
    "unet": {"width": 0.125},
    "face": {"channels": 8, "blocks": 1},
}


@pytest.mark.parametrize("name", OTHERS)
@torch.no_grad()
def test_any_network_can_keep_them(name: str) -> None:
    """Whatever its scale and value range: noise around a wrong grey becomes noise around the right one, by the same
    weights."""
    torch.manual_seed(0)
    plain, kept = (NETWORKS[n](**OTHERS[name]).eval() for n in (name, f"colourfast_{name}"))
    for layer in plain.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight, 0.2)
    x = torch.rand(1, 3, 64, 64) * 0.1 + 0.4
    last = [m for m in plain.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
    last.weight *= 0.01
    assert last.bias is not None
    drawn = means(UnitRange(plain)(x))[0]
    last.bias += (torch.tensor([0.06, 0.02, -0.04]) + means(x)[0] - drawn) * (2 if name in ("srresnet", "face") else 1)
    kept.load_state_dict(plain.state_dict())
    moved, stayed = (means(UnitRange(n)(x)) - means(x) for n in (plain, kept))
    assert kept.halo == plain.halo + SIDE // 2
    assert moved.abs().max() > 4 / 255 and stayed.abs().max() < 0.5 / 255
