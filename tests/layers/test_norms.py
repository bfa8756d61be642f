"""Normalisation layers: PyTorch's and NumPy's values and derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import parallel
from jaxgan.layers import (
    ConditionalBatchNorm,
    InstanceNorm,
    PixelNorm,
    SelfModulatedBatchNorm,
)

LABELS = np.array([0, 2, 1, 2])
ONE_HOT = jnp.asarray(np.eye(3, dtype=np.float32)[LABELS])
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def _draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, G, Z = _draw(4, 3, 2, 5), _draw(4, 3, 2, 5, seed=1), _draw(4, 6, seed=2)
X_ = jnp.asarray(X)


def _played(module, variables, *inputs, **how):
    """Output, and the gradients of its product with G by parameters and inputs."""

    @jax.jit
    def play(params, inputs):
        def loss(params, inputs):
            now = {**variables, "params": params}
            y = module.apply(now, *inputs, **how)
            y = y[0] if "mutable" in how else y
            return jnp.vdot(y, G), y

        return jax.grad(loss, (0, 1), has_aux=True)(params, inputs)

    inputs = tuple(map(jnp.asarray, inputs))
    (by_params, by_inputs), y = play(variables.get("params", {}), inputs)
    return y, by_params, by_inputs


def _tensor(torch, array):
    return torch.tensor(np.asarray(array, np.float64), requires_grad=True)


def _backward(torch, y):
    (y * torch.tensor(G.astype(np.float64))).sum().backward()
    return y.detach().numpy()


def test_instance_norm_is_pytorchs():
    torch = pytest.importorskip("torch")
    y, _, (by_x,) = _played(InstanceNorm(), {}, X)
    x = _tensor(torch, X)
    norm = torch.nn.functional.instance_norm
    close(y, _backward(torch, norm(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)))
    close(by_x, x.grad.numpy())


def test_instance_norm_keeps_its_digits_beside_a_large_mean():
    y = InstanceNorm().apply({}, jnp.asarray(X + 1e4))
    close(y, InstanceNorm().apply({}, jnp.asarray(X)), atol=5e-3)


@pytest.mark.parametrize("shape", [(4, 5), (4, 3, 2, 5)])
def test_pixel_norm_is_its_closed_form(shape):
    """dx = (g - y <g, y> / c) / r, with r the root of the mean square."""
    x, g = _draw(*shape), _draw(*shape, seed=1).astype(np.float64)
    y, back = jax.vjp(lambda x: PixelNorm().apply({}, x), jnp.asarray(x))
    root = np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-8)
    expected = x / root
    close(y, expected)
    inner = (g * expected).mean(-1, keepdims=True)
    close(back(jnp.asarray(g, jnp.float32))[0], (g - expected * inner) / root)


def _batch_norm(torch, x):
    how = {"training": True, "eps": 1e-5}
    y = torch.nn.functional.batch_norm(x.permute(0, 3, 1, 2), None, None, **how)
    return y.permute(0, 2, 3, 1)


def test_conditional_batch_norm_is_pytorchs_with_a_gain_and_a_bias_for_each_class():
    torch = pytest.importorskip("torch")
    module = ConditionalBatchNorm()
    variables = module.init(jax.random.key(0), jnp.asarray(X), ONE_HOT, train=False)
    # Plain batch norm at first.
    y, _ = module.apply(variables, X_, ONE_HOT, train=True, mutable=["batch_stats"])
    close(y, _batch_norm(torch, torch.tensor(X)).numpy())
    tables = {"gain": _draw(3, 5, seed=3), "bias": _draw(3, 5, seed=4)}
    params = {name: {"kernel": jnp.asarray(table)} for name, table in tables.items()}
    how = {"train": True, "mutable": ["batch_stats"]}
    y, by_params, (by_x, _) = _played(
        module, {**variables, "params": params}, X, ONE_HOT, **how
    )
    x, gain, bias = (_tensor(torch, a) for a in (X, tables["gain"], tables["bias"]))
    of_label = lambda table: table[torch.tensor(LABELS)][:, None, None, :]
    theirs = (1 + of_label(gain)) * _batch_norm(torch, x) + of_label(bias)
    close(y, _backward(torch, theirs))
    close(by_x, x.grad.numpy())
    close(by_params["gain"]["kernel"], gain.grad.numpy())
    close(by_params["bias"]["kernel"], bias.grad.numpy())


def test_self_modulated_batch_norm_is_a_function_of_the_latent():
    torch = pytest.importorskip("torch")
    module = SelfModulatedBatchNorm()
    variables = module.init(jax.random.key(0), X_, jnp.asarray(Z), train=False)
    how = {"train": True, "mutable": ["batch_stats"]}
    y, by_params, (by_x, by_z) = _played(module, variables, X, Z, **how)
    p = jax.tree.map(lambda leaf: _tensor(torch, leaf), variables["params"])
    x, z = _tensor(torch, X), _tensor(torch, Z)
    linear = lambda name, x: x @ p[name]["kernel"] + p[name]["bias"]
    hidden = torch.relu(linear("hidden", z))
    wide = lambda name: linear(name, hidden)[:, None, None, :]
    theirs = (1 + wide("gamma")) * _batch_norm(torch, x) + wide("beta")
    close(y, _backward(torch, theirs))
    close(by_x, x.grad.numpy())
    close(by_z, z.grad.numpy())
    expected = jax.tree.map(lambda t: t.grad.numpy(), p)
    jax.tree.map(close, by_params, expected)
    assert p["hidden"]["kernel"].shape == (6, 32)


@pytest.mark.parametrize("make", [ConditionalBatchNorm, SelfModulatedBatchNorm])
def test_evaluation_takes_the_running_averages(make):
    module, beside = make(), ONE_HOT
    variables = module.init(jax.random.key(0), X_, beside, train=False)
    how = {"train": True, "mutable": ["batch_stats"]}
    _, moved = module.apply(variables, X_, beside, **how)
    (stats,) = jax.device_get(moved["batch_stats"]).values()
    mean = X.astype(np.float64).mean(axis=(0, 1, 2))
    close(stats["mean"], 0.1 * mean)
    close(stats["var"], 0.9 + 0.1 * X.astype(np.float64).var(axis=(0, 1, 2)))
    normalised = (X - stats["mean"]) / np.sqrt(stats["var"] + 1e-5)
    zeros = jax.tree.map(jnp.zeros_like, variables["params"])
    plain = module.apply({"params": zeros, **moved}, X_, beside, train=False)
    close(plain, normalised)


def test_statistics_are_those_of_all_devices():
    module = ConditionalBatchNorm()
    spread = module.clone(axis_name=parallel.AXIS)
    variables = module.init(jax.random.key(0), X_, ONE_HOT, train=False)
    how = {"train": True, "mutable": ["batch_stats"]}
    whole, moved = module.apply(variables, X_, ONE_HOT, **how)
    halves = jax.tree.map(lambda a: a.reshape(2, 2, *a.shape[1:]), (X_, ONE_HOT))
    play = lambda x, c: spread.apply(variables, x, c, **how)
    parts, stats = jax.vmap(play, axis_name=parallel.AXIS)(*halves)
    close(parts.reshape(whole.shape), whole)
    jax.tree.map(lambda one, other: close(one[0], other), stats, moved)
