"""Spectral norm of a layer: NumPy's singular values, and PyTorch's layers."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import Dense, Embed, spectral_norm
from jaxgan.layers.spectral_norm import COLLECTION
from jaxgan.nets.conv import Conv, ConvTranspose
from tests import games

SN = {"weight": spectral_norm}
IMAGE = jnp.ones((1, 6, 6, 3))
# Each with an input, and the axis of its kernel's outputs.
LAYERS = {
    "dense": (Dense(5, **SN), jnp.ones((1, 7)), 1),
    "embedding": (Embed(5, 7, **SN), jnp.zeros(1, jnp.int32), 0),
    "conv": (Conv(5, 3, 1, **SN), IMAGE, 3),
    "grouped": (Conv(6, 3, 1, groups=3, **SN), IMAGE, 3),
    "transposed": (ConvTranspose(5, **SN), IMAGE, 2),
}


def _matrix(kernel, out_axis):
    kernel = np.moveaxis(np.asarray(kernel, np.float64), out_axis, 0)
    return kernel.reshape(len(kernel), -1)


def _kernel_of(params):
    return next(value for name, value in params.items() if name != "bias")


def _with_kernel(params, kernel):
    name = next(name for name in params if name != "bias")
    return {**params, name: kernel}


@functools.lru_cache
def _started(name):
    layer, x, _ = LAYERS[name]
    return jax.jit(layer.init)(jax.random.key(3), x)


def _used_by(layer, variables, x, **how):
    """The kernel that a layer computes with, and what else its call returns."""
    used = []
    spy = lambda *args: used.append(spectral_norm(*args)) or used[-1]
    found = layer.clone(weight=spy).apply(variables, x, **how)
    return used[0], found


@pytest.mark.parametrize("name", LAYERS)
def test_the_kernel_is_divided_by_its_largest_singular_value(name):
    layer, x, out_axis = LAYERS[name]

    @jax.jit
    def play(variables):
        kernel = _kernel_of(variables["params"])

        def once(kept, _):
            how = {"mutable": [COLLECTION]}
            used, (_, kept) = _used_by(layer, {**variables, **kept}, x, **how)
            return kept, jnp.linalg.norm(kernel) / jnp.linalg.norm(used)

        return jax.lax.scan(once, {COLLECTION: variables[COLLECTION]}, length=300)

    variables = _started(name)
    kept, estimates = play(variables)
    matrix = _matrix(_kernel_of(variables["params"]), out_axis)
    left, sizes, _ = np.linalg.svd(matrix)
    np.testing.assert_allclose(estimates[-1], sizes[0], rtol=1e-5)
    # After the first 15 iterations it is close; u'Wv is never more than the largest.
    assert estimates[0] > 0.9 * sizes[0]
    assert max(estimates) < (1 + 1e-5) * sizes[0]
    u = np.asarray(kept[COLLECTION]["u"])
    np.testing.assert_allclose(abs(u @ left[:, 0]), 1, rtol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_the_closed_form(name):
    """(G - <G, W/sigma> u v')/sigma in float64, for u and v that are constants."""
    layer, x, out_axis = LAYERS[name]
    variables, random = _started(name), np.random.default_rng(0)
    kernel = _kernel_of(variables["params"])
    g = random.normal(size=kernel.shape).astype(np.float32)

    def by_kernel(kernel):
        params = _with_kernel(variables["params"], kernel)
        used, _ = _used_by(layer, {**variables, "params": params}, x)
        return jnp.vdot(used, g)

    matrix = _matrix(kernel, out_axis)
    u = np.asarray(variables[COLLECTION]["u"], np.float64)
    v = matrix.T @ u
    v /= np.linalg.norm(v)
    u = matrix @ v
    u /= np.linalg.norm(u)
    sigma, g_matrix = u @ matrix @ v, _matrix(g, out_axis)
    expected = (g_matrix - np.sum(g_matrix * matrix) / sigma * np.outer(u, v)) / sigma
    got = _matrix(jax.jit(jax.grad(by_kernel))(kernel), out_axis)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def _torch_twin(torch, name, variables):
    """PyTorch's spectrally normalised layer, with our kernel and our u."""
    # PyTorch's kernels are [out in], [out in k k] and, transposed, [in out k k].
    twin, axes, dim = {
        "dense": lambda: (torch.nn.Linear(7, 5), (1, 0), 0),
        "conv": lambda: (torch.nn.Conv2d(3, 5, 3, padding=1), (3, 2, 0, 1), 0),
        "transposed": lambda: (
            torch.nn.ConvTranspose2d(3, 5, 4, 2, padding=1),
            (3, 2, 0, 1),
            1,
        ),
    }[name]()
    kernel = np.transpose(_kernel_of(variables["params"]), axes)
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(kernel))
        twin.bias.zero_()
        with warnings.catch_warnings():
            # Its successor takes the steps for u and v in another order.
            warnings.simplefilter("ignore", FutureWarning)
            twin = torch.nn.utils.spectral_norm(twin, dim=dim, eps=1e-12)
        twin.weight_u.copy_(torch.tensor(np.asarray(variables[COLLECTION]["u"])))
    return twin, axes


@pytest.mark.parametrize("name", ["dense", "conv", "transposed"])
def test_layers_are_those_of_pytorch(name):
    """Two training calls: outputs, u, and gradients by kernel and input."""
    torch = pytest.importorskip("torch")
    layer, x, _ = LAYERS[name]
    variables = _started(name)
    x = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    twin, axes = _torch_twin(torch, name, variables)
    channels_first = lambda a: np.moveaxis(a, -1, 1) if a.ndim == 4 else a

    @jax.jit
    def play(variables, x):
        def loss(params, x):
            now = {**variables, "params": params}
            y, new = layer.apply(now, x, mutable=[COLLECTION])
            return (y**2).sum(), (y, new)

        grads, (y, new) = jax.grad(loss, (0, 1), has_aux=True)(variables["params"], x)
        return y, _kernel_of(grads[0]), grads[1], {**variables, **new}

    for _ in range(2):
        y, by_kernel, by_x, variables = play(variables, x)
        theirs_x = torch.tensor(channels_first(x), requires_grad=True)
        twin.zero_grad()
        theirs = twin(theirs_x)
        (theirs**2).sum().backward()
        close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-5)
        close(channels_first(np.asarray(y)), theirs.detach().numpy())
        close(channels_first(np.asarray(by_x)), theirs_x.grad.numpy())
        close(np.transpose(by_kernel, axes), twin.weight_orig.grad.numpy())
        close(variables[COLLECTION]["u"], twin.weight_u.numpy())


def test_nothing_moves_in_evaluation():
    layer, x, _ = LAYERS["conv"]
    variables = _started("conv")
    _, none = layer.apply(variables, x, mutable=["intermediates"])
    assert not none
    y, new = layer.apply(variables, x, mutable=[COLLECTION])
    # The same function as in training, as long as the weights are the same.
    np.testing.assert_array_equal(layer.apply(variables, x), y)
    assert games.differ(variables[COLLECTION], new[COLLECTION])
