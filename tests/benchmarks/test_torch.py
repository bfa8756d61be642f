"""PyTorch's contestants do jaxgan's work: the same sizes, losses and gradients."""

import dataclasses
import math

import jax
import numpy as np
import pytest

import jaxgan
from experiments.benchmarks import flops, ours, random_data, works
from tests.benchmarks.twins import NAMES, tiny, to_torch, truth

torch = pytest.importorskip("torch")
from torch.nn.utils.parametrize import is_parametrized  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.flop_counter import flop_registry  # noqa: E402

from experiments.benchmarks import (  # noqa: E402
    torch_networks,
    torch_objectives,
    torch_runs,
)
from tests.benchmarks.torch_counter import Counter  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

GAMES = ("mlp", "ring", "dcgan", "dcgan_r1", "wgan_gp", "sngan", "r3gan")
WAYS = {
    "eager": {},
    "tuned": {"together": True},
    "by func": {"together": True, "slope": torch_objectives.slope_by_func},
}


class Dtypes(TorchDispatchMode):
    """The types of numbers that PyTorch multiplies matrices in."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in flop_registry:
            self.found |= {a.dtype for a in args if isinstance(a, torch.Tensor)}
        return func(*args, **(kwargs or {}))


def players(work, state):
    """The modules, with the weights of jaxgan's."""
    g, d = torch_runs.players(work)
    for module, name in ((g, "generator"), (d, "discriminator")):
        arrays = to_torch(work, name, state.players[name].params)
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            assert parameter.shape == array.shape
            parameter.data = torch.tensor(array)
    for layer in filter(is_parametrized, d.modules()):
        put_at_rest(
            *layer.parametrizations.weight, layer.parametrizations.weight.original
        )
    return g, d


def put_at_rest(norm, weight):
    """Puts spectral norm's u and v where the power iteration ends."""
    u, _, v = torch.linalg.svd(weight.detach().flatten(1).double())
    norm._u.copy_(u[:, 0])
    norm._v.copy_(v[0])


def tensor(array):
    made = torch.tensor(np.asarray(array))
    return made.permute(0, 3, 1, 2) if made.ndim == 4 else made


def close(module, arrays, *, of_largest=0.0):
    """To 1e-4 of each number, or a share of its array's largest one."""
    for parameter, array in zip(module.parameters(), arrays, strict=True):
        atol = 1e-6 + of_largest * np.abs(array).max()
        np.testing.assert_allclose(parameter.grad, array, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_torch_has_the_losses_and_gradients_of_jaxgan(name, way):
    work, ours_ = tiny(name), truth(name)
    g, d = players(work, ours_.state)
    fake = g(tensor(ours_.d_latents)).detach()
    inputs = tensor(ours_.real), fake, tensor(ours_.epsilon)
    d_loss = torch_objectives.d_objective(work, d, *inputs, **WAYS[way])
    d_loss.backward()
    np.testing.assert_allclose(d_loss.item(), ours_.d_loss, rtol=1e-5)
    # Without XLA's optimisations the 8192 terms of SNGAN's batch norm are added up one
    # after another; with them the gradients agree to 1e-6.
    how = {"of_largest": 1e-3 if name == "sngan" else 0.0}
    close(d, to_torch(work, "discriminator", ours_.d_grads), **how)
    made, real = g(tensor(ours_.g_latents)), tensor(ours_.real)
    g_loss = torch_objectives.g_objective(work, d, made, real)
    g_loss.backward()
    np.testing.assert_allclose(g_loss.item(), ours_.g_loss, rtol=1e-5)
    close(g, to_torch(work, "generator", ours_.g_grads), **how)


# The other works are games of the same networks.
@pytest.mark.parametrize("name", ["mlp", "ring", "dcgan", "wgan_gp", "sngan", "r3gan"])
def test_torch_has_as_many_parameters_at_full_size(name):
    work = works.WORKS[name]
    batch = {"image": np.zeros((1, *work.image_shape), np.float32)}
    gan = ours.make_gan(work)
    state = jax.eval_shape(lambda: jaxgan.init(gan, jax.random.key(0), batch))
    with torch.device("meta"):
        modules = torch_runs.players(work)
    for module, name in zip(modules, ("generator", "discriminator"), strict=True):
        mine = state.players[name].params
        count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(mine))
        assert sum(p.numel() for p in module.parameters()) == count


def test_a_population_at_once_is_its_members_one_by_one():
    work = dataclasses.replace(tiny("population_16"), members=2)
    alone = dataclasses.replace(work, members=1)
    g, d = torch_runs.players(work)
    real, z = torch.randn(2, 8, 2), torch.randn(2, 8, 4)
    loss = torch_objectives.d_objective(
        work, d, real, g(z).detach(), torch.rand(8), together=True
    )
    loss.backward()
    total = 0.0
    for i in range(2):
        pair = torch_runs.players(alone)
        for module, many in zip(pair, (g, d), strict=True):
            for one, all_ in zip(module.parameters(), many.parameters(), strict=True):
                one.data = all_[i].T if one.ndim == 2 else all_[i, 0]
        fake = pair[0](z[i]).detach()
        part = torch_objectives.d_objective(
            alone, pair[1], real[i], fake, torch.rand(8)
        )
        part.backward()
        total += part.item()
        for one, all_ in zip(pair[1].parameters(), d.parameters(), strict=True):
            grad = all_.grad[i].T if one.ndim == 2 else all_.grad[i, 0]
            np.testing.assert_allclose(one.grad, grad, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(loss.item(), total, rtol=1e-5)


@pytest.mark.parametrize("name", GAMES)
def test_flops_are_those_that_torch_counts(name):
    work = dataclasses.replace(works.WORKS[name], batch_size=2)
    shape = work.image_shape
    if len(shape) == 3:
        shape = (shape[2], *shape[:2])
    images = torch.zeros(work.batches, 2, *shape)
    g, d = torch_runs.players(work)
    step = torch_runs.tuned_step(work, g, d, compiled=False)
    with Counter() as counter:
        step(images)
    # Of WGAN-GP's points PyTorch also passes zeros back through the forward pass.
    zeros = 2 * sum(flops.layers(work)[1]) * work.d_steps * 2 if work.gp else 0
    np.testing.assert_allclose(flops.of_unit(work) + zeros, counter.total, rtol=0.03)


@pytest.mark.parametrize("name", works.WORKS)
def test_eager_and_tuned_torch_run(name):
    threads = torch.get_num_threads()
    spec = {"work": dataclasses.asdict(tiny(name)), "threads": threads}
    torch_runs.eager(spec)(1)
    torch_runs.channels_last(spec)(1)


@pytest.mark.parametrize("way", ["eager", "channels_last"])
@pytest.mark.parametrize("name", [name for name in GAMES if name != "ring"])
def test_bfloat16_is_what_products_are_taken_in(name, way):
    work = dataclasses.replace(tiny(name), bfloat16=True)
    spec = {"work": dataclasses.asdict(work), "threads": torch.get_num_threads()}
    run = getattr(torch_runs, way)(spec)
    with Dtypes() as dtypes:
        run(1)
    assert dtypes.found == {torch.bfloat16}


def test_bfloat16_game_is_jaxgans_too():
    work = dataclasses.replace(tiny("dcgan"), bfloat16=True)
    gan, batch = ours.make_gan(work), {"image": random_data.table(work)[:8]}
    state = jaxgan.init(gan, jax.random.key(0), batch)
    step = jax.make_jaxpr(jaxgan.make_d_step(gan))(state, batch, jax.random.key(0))
    products = [line for line in str(step).splitlines() if "dot_general" in line]
    assert products
    assert all("bf16[" in line for line in products)


def test_torch_starts_at_jaxgans_scale():
    mlp = torch_networks.generator(works.WORKS["mlp"]).layers[2].weight
    np.testing.assert_allclose(mlp.std().item(), 1 / 16, rtol=0.02)
    dcgan = torch_networks.generator(works.WORKS["dcgan"]).dense.weight
    np.testing.assert_allclose(dcgan.std().item(), 0.02, rtol=0.02)
