"""The style networks and the siamese critic (specification 4.4, checks E2 and E4)."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from acutance.imaging.ground import ground
from acutance.networks.brush import Brush, twice
from acutance.networks.siamese import SiameseCritic
from acutance.networks.stylizer import Painter, TileUNet


def count(module: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in module.parameters())


def test_sizes_of_the_article() -> None:
    """6,172,355 and 8,000,064 (specification 4.4, counted there)."""
    assert count(TileUNet()) == 6_172_355
    critic = SiameseCritic()
    assert count(critic) == 8_000_064
    vectors = critic(torch.rand(3, 3, 128, 128))
    assert vectors.shape == (3, 128) and (vectors < 0).any()  # no last activation
    assert not any(isinstance(m, nn.BatchNorm2d) for m in critic.modules())
    with pytest.raises(ValueError, match="takes 128x128, got 64x64"):
        critic(torch.rand(1, 3, 64, 64))


def test_tile_unet_joins_maps_of_equal_size() -> None:
    network = TileUNet(tile=32, width=4).eval()
    result = network(torch.rand(2, 3, 32, 32) * 2 - 1)
    assert result.shape == (2, 3, 32, 32) and result.abs().max() <= 1
    first = network.down_norms[0]
    assert isinstance(first, nn.Identity) and network.down[0].bias is not None and network.down[1].bias is None
    with pytest.raises(ValueError, match="multiple of 16"):
        TileUNet(tile=40)


def test_a_tile_does_not_depend_on_the_others_in_its_batch() -> None:
    for network in (TileUNet(tile=32, width=4), Painter(channels=8, blocks=1)):
        tiles = torch.rand(4, 3, 32, 32)
        network(tiles)  # training mode: statistics move
        network.eval()
        with torch.no_grad():
            together = network(tiles)
            alone = torch.cat([network(tile[None]) for tile in tiles])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_painter_keeps_the_size_and_begins_with_strokes() -> None:
    network, x = Painter(channels=8, blocks=1), torch.rand(1, 3, 40, 24)
    network.last.weight.data.zero_()
    assert network.last.bias is not None
    network.last.bias.data.zero_()
    result = network(x)
    assert result.shape == x.shape
    paint, coarse, fine, hairs, canvas = network.brush(x)
    torch.testing.assert_close(result, twice(paint + coarse + fine) + hairs + canvas)
    assert count(Painter()) == 856_091


def stripes(angle: float, size: int = 96) -> torch.Tensor:
    """Waves across ``angle`` (radians), so that contours run along it."""
    y, x = torch.meshgrid(torch.arange(size + 0.0), torch.arange(size + 0.0), indexing="ij")
    wave = torch.sin((y * math.cos(angle) - x * math.sin(angle)) * 2 * math.pi / 16)
    return (0.5 + 0.4 * wave).expand(1, 3, -1, -1)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 4, math.pi / 2, 2.5])
def test_strokes_follow_contours(angle: float) -> None:
    brush = Brush()
    along = brush.along(nn.functional.avg_pool2d(stripes(angle), 4))[0, :, 6:-6, 6:-6].mean((1, 2))
    wanted = torch.tensor([math.cos(2 * angle), math.sin(2 * angle)])
    assert torch.dot(along, wanted) > 0.99
    smeared = brush(stripes(angle))[0][:, :, 12:-12, 12:-12]
    assert smeared.std() > 0.6 * 0.4 / 2**0.5  # along them, waves are not lost


def test_strokes_in_even_areas_come_from_the_ground_and_nowhere_else() -> None:
    brush, even = Brush(), torch.full((1, 3, 64, 64), 0.5)
    smeared, *paint = brush(even)
    assert (smeared - 0.5).abs().max() < 1e-5 and all(each.abs().max() < 1e-5 for each in paint)
    grained = even + torch.from_numpy(ground(0, 0, 64, 64)) * 16 / 255
    _, coarse, fine, hairs, canvas = brush(grained)
    assert coarse.std() > 0.005 and coarse.abs().max() <= 0.1 and fine.abs().max() <= 0.06
    assert hairs.std() > 0.005 and hairs.abs().max() <= 0.04
    assert canvas.std() > 0.005 and canvas.abs().max() <= 0.06


def test_spectral_norm_bounds_the_critic() -> None:
    critic = SiameseCritic(size=32, width=4, vector=8, spectral=True)
    for _ in range(20):
        critic(torch.rand(2, 3, 32, 32))
    critic.eval()
    a, b = torch.rand(2, 8, 3, 32, 32)
    assert ((critic(a) - critic(b)).norm(dim=1) <= 32 * (a - b).flatten(1).norm(dim=1)).all()
    assert count(SiameseCritic(size=32, width=4, vector=8)) == count(critic)
