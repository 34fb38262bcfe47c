import pytest
import torch
from torch import nn
from torch.nn import functional

from small_nets import batch, network
from whyrelu.diagnostics.probe import as_training, dead_channels, images_are_independent, layers_of, look
from whyrelu.diagnostics.quantities import gradient_norm, is_constant
from whyrelu.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


def gradients_one_by_one(net: nn.Module, images, labels) -> list[list[torch.Tensor]]:
    """d L_i / d h_i of every layer for one image after another, by hooks of this test's own."""
    gradients = []
    kept: list[torch.Tensor] = []
    hooks = [
        layer.activation.register_forward_pre_hook(lambda _, arguments: kept.append(arguments[0]))
        for layer in layers_of(net)
    ]
    for image, label in zip(images, labels, strict=True):
        kept.clear()
        loss = functional.cross_entropy(net(image[None]), label[None])
        gradients.append(list(torch.autograd.grad(loss, kept)))
    for hook in hooks:
        hook.remove()
    return gradients


@pytest.mark.parametrize("activation", ["sigmoid", "prelu"])
def test_norms_per_image_are_those_of_a_loop_over_single_images(activation):
    net, (images, labels) = network(f"activation={activation}"), batch()
    states = look(net, layers_of(net), images, labels)
    singles = gradients_one_by_one(net, images, labels)
    for i, state in enumerate(states):
        norms = torch.stack([single[i].norm() for single in singles])
        assert torch.allclose(state.gradient.flatten(1).norm(dim=1), norms, rtol=1e-4)
        assert gradient_norm(state.gradient).item() == pytest.approx(norms.square().mean().sqrt().item(), rel=1e-4)


def test_with_batch_norm_they_are_not_and_that_is_noticed():
    net, (images, labels) = network("norm=batch"), batch()
    state = look(net, layers_of(net), images, labels)[0]
    net.eval()
    norms = torch.stack([single[0].norm() for single in gradients_one_by_one(net, images, labels)])
    assert not torch.allclose(state.gradient.flatten(1).norm(dim=1), norms, rtol=1e-2)
    assert not images_are_independent(net.train(), images)
    assert images_are_independent(network(), images)


def test_states_are_those_of_a_pass_of_its_own():
    net, (images, labels) = network("activation=tanh"), batch()
    layers = layers_of(net)
    states = look(net, layers, images, labels)
    h = net.blocks[0].convolution(images)
    assert torch.equal(states[0].preactivation, h) and torch.equal(states[0].output, torch.tanh(h))
    functional.cross_entropy(net(images), labels).backward()
    for layer, state in zip(layers, states, strict=True):
        assert torch.allclose(state.weight_gradient, layer.weight.grad, rtol=1e-4, atol=1e-8)
        assert state.gradient.shape == state.preactivation.shape


def test_an_activation_in_place_spoils_nothing():
    plain, in_place = network(), network("activation._target_=torch.relu_")
    images, labels = batch()
    for one, other in zip(
        look(plain, layers_of(plain), images, labels), look(in_place, layers_of(in_place), images, labels), strict=True
    ):
        for a, b in zip(one, other, strict=True):
            assert torch.equal(a, b)


def test_looking_leaves_no_trace():
    net, (images, labels) = network("norm=batch", "activation._target_=torch.nn.RReLU"), batch()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.eval()
    torch.manual_seed(5)
    random = torch.random.get_rng_state()
    with as_training(net, seed=1):
        assert net.training
        look(net, layers_of(net), images, labels)
    assert not net.training
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def outputs_of(net: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    return [state.output for state in look(net, layers_of(net), images, torch.zeros(len(images), dtype=torch.long))]


def test_dead_channels_are_those_that_no_image_wakes():
    net, (images, _) = network("init=pytorch"), batch(30)
    with torch.no_grad():
        net.blocks[1].convolution.weight[2] = 0
        net.blocks[1].convolution.bias[2] = -1
    images[:29] = images[:1]  # only the last differs
    first = outputs_of(net, images[:10])
    assert all(dead.all() for dead in dead_channels(net, layers_of(net), first, images[10:20]))
    found = dead_channels(net, layers_of(net), first, images[29:])
    for dead, outputs in zip(found, outputs_of(net, images), strict=True):
        assert torch.equal(dead, is_constant(outputs)) and not dead.all()
    assert found[1][2]


def test_a_network_without_blocks_is_refused_in_words():
    with pytest.raises(UserError, match="diagnostics=off"):
        layers_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))


def test_layers_that_share_an_activation_module_are_told_apart():
    net, (images, labels) = network("activation=tanh"), batch()
    apart = look(net, layers_of(net), images, labels)
    shared = nn.Tanh()
    for block in net.blocks:
        block.activation = shared
    for one, other in zip(look(net, layers_of(net), images, labels), apart, strict=True):
        assert torch.equal(one.preactivation, other.preactivation)
        assert torch.equal(one.gradient, other.gradient)


def test_an_activation_that_is_applied_twice_is_refused_in_words():
    class Twice(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.blocks, self.net = net.blocks, net

        def forward(self, x):
            return self.net(x) + self.net(x)

    net, (images, labels) = Twice(network()), batch()
    with pytest.raises(UserError, match="3 blocks of this one applied 6: diagnostics=off trains it"):
        look(net, layers_of(net), images, labels)


def test_images_are_independent_whatever_overflows():
    images, _ = batch(4)
    assert images_are_independent(network("activation._target_=torch.exp", "init=he", "depth=8"), images)
    assert images_are_independent(network("activation._target_=torch.nn.RReLU").train(), images)
