"""Networks that compute in 8 bits while they train."""

from __future__ import annotations

import torch

from acutance.networks.compact import Compact, start_near_identity
from acutance.networks.critics import PatchCritic
from acutance.training.batch import Batch
from acutance.training.eight_bits import eight_bits
from acutance.training.losses.adversarial import NonSaturating
from acutance.training.losses.pixel import l1
from acutance.training.objective import Adversarial, Regression


def network() -> Compact:
    torch.manual_seed(0)
    return start_near_identity(Compact(channels=8, convolutions=2))


def test_inputs_and_weights_take_few_values_and_only_inside() -> None:
    net, x, seen = network(), torch.rand(2, 3, 24, 24), []
    convolution = net.body[2]
    before = net(x)
    whole = convolution._conv_forward
    convolution._conv_forward = lambda *given: seen.append(given) or whole(*given)  # type: ignore[method-assign]
    with eight_bits(net):
        inside = net(x)
    data, weight, _ = seen[0]
    assert len(data.unique()) <= 256
    assert all(len(channel.unique()) <= 255 for channel in weight) and len(seen) == 1
    torch.testing.assert_close(net(x), before, rtol=0, atol=0)
    assert not torch.equal(inside, before)
    torch.testing.assert_close(inside, before, rtol=0, atol=0.05)


def test_gradients_pass_the_rounding() -> None:
    net = network()
    with eight_bits(net):
        net(torch.rand(2, 3, 16, 16)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_half_of_a_batch_is_rounded() -> None:
    net = network()
    game = Regression(net, losses=(("l1", 1.0, l1),), optimizer=torch.optim.SGD, rounded=True)  # type: ignore[arg-type]
    lr = torch.rand(4, 3, 16, 16)
    seen: list[torch.Tensor] = []
    game.losses = (("seen", 1.0, lambda fake, target: seen.append(fake) or fake.mean()),)  # type: ignore[assignment]
    game.generator_loss(Batch(lr, torch.rand(4, 3, 64, 64)))
    exact = net(lr)
    torch.testing.assert_close(seen[0][:2], exact[:2])
    assert (seen[0][2:] - exact[2:]).abs().max() > 1e-4
    assert game.describe()["rounded"] == "half of each batch"
    assert "rounded" not in Regression(net, losses=(), optimizer=torch.optim.SGD).describe()  # type: ignore[arg-type]


def test_half_of_what_a_critic_sees_is_rounded() -> None:
    net, critic = network(), PatchCritic()
    game = Adversarial(
        net, critic, game=NonSaturating(), weight=1.0, optimizers=(torch.optim.SGD, torch.optim.SGD), rounded=True
    )  # type: ignore[arg-type]
    batch = Batch(torch.rand(4, 3, 16, 16), torch.rand(4, 3, 64, 64))
    game.generator_loss(batch)
    exact = net(batch.lr).detach()
    torch.testing.assert_close(batch.memo["fake"][:2], exact[:2])
    assert (batch.memo["fake"][2:] - exact[2:]).abs().max() > 1e-4
    assert game.describe()["rounded"] == "half of each batch"
