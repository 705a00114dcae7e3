import pytest
import torch
from torch import nn

from acutance.networks.face import FaceGenerator
from acutance.networks.norms import with_fixed_norms
from acutance.networks.srresnet import SRResNet


@pytest.mark.parametrize("network", [SRResNet, FaceGenerator])
def test_fixed_norms_compute_in_training_what_they_compute_in_use(network: type[nn.Module]) -> None:
    torch.manual_seed(0)
    plain = network(channels=8, blocks=2)
    for norm in (module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.normal_()  # type: ignore[union-attr]
        norm.running_var.uniform_(1e-4, 2e-2)  # type: ignore[union-attr]
    fixed = with_fixed_norms(network(channels=8, blocks=2))
    fixed.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 8, 8)
    before = {name: value.clone() for name, value in fixed.state_dict().items()}
    torch.testing.assert_close(fixed.train()(x), plain.eval()(x))
    assert not torch.allclose(plain.train()(x), fixed(x)), "batch norms as they are look at the batch"
    assert all(torch.equal(value, before[name]) for name, value in fixed.state_dict().items())
    fixed(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in fixed.named_parameters() if ".body.1." in n)
