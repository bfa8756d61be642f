"""Weight norm: PyTorch's values and derivatives, and the plain layer at first."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.layers import Dense, Embed, weight_norm
from jaxgan.nets.conv import Conv, ConvTranspose

IMAGE = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
# A layer, its input, and the axes and the output axis of PyTorch's kernel.
LAYERS = {
    "dense": (Dense(5), IMAGE, (1, 0), 0),
    "conv": (Conv(5, 3, 1), IMAGE, (3, 2, 0, 1), 0),
    "transposed": (ConvTranspose(5), IMAGE, (3, 2, 0, 1), 1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_starts_as_it_would_without(name):
    plain, x, _, _ = LAYERS[name]
    layer, x = plain.clone(weight=weight_norm), jnp.asarray(x)
    params = layer.init(jax.random.key(1), x)["params"]
    without = {name: value for name, value in params.items() if name != "scale"}
    assert params["scale"].shape == (5,)
    expected = plain.apply({"params": without}, x)
    got = layer.apply({"params": params}, x)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_kernels_and_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    layer, x, axes, dim = LAYERS[name]
    random = np.random.default_rng(1)
    params = layer.clone(weight=weight_norm).init(jax.random.key(1), jnp.asarray(x))
    kernel = np.asarray(params["params"]["kernel"])
    scale = random.uniform(0.5, 2, 5).astype(np.float32)
    g = random.normal(size=kernel.shape).astype(np.float32)

    @jax.jit
    def play(kernel, scale):
        used = []
        spy = lambda *args: used.append(weight_norm(*args)) or used[-1]
        now = {"params": {**params["params"], "kernel": kernel, "scale": scale}}
        layer.clone(weight=spy).apply(now, jnp.asarray(x))
        return jnp.vdot(used[0], g), used[0]

    (by_kernel, by_scale), used = jax.grad(play, (0, 1), has_aux=True)(kernel, scale)
    v = torch.tensor(np.transpose(kernel, axes).astype(np.float64), requires_grad=True)
    along = [1] * v.ndim
    along[dim] = 5
    s = torch.tensor(scale.reshape(along).astype(np.float64), requires_grad=True)
    theirs = torch._weight_norm(v, s, dim)
    (theirs * torch.tensor(np.transpose(g, axes).astype(np.float64))).sum().backward()
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    close(np.transpose(used, axes), theirs.detach().numpy())
    close(np.transpose(by_kernel, axes), v.grad.numpy())
    close(by_scale, s.grad.numpy().ravel())


def test_an_embeddings_rows_have_lengths_of_their_own():
    layer, labels = Embed(4, 3, weight=weight_norm), jnp.arange(4)
    params = layer.init(jax.random.key(0), labels)["params"]
    lengths = jnp.array([1.0, 2.0, 3.0, 4.0])
    rows = layer.apply({"params": {**params, "scale": lengths}}, labels)
    np.testing.assert_allclose(jnp.linalg.norm(rows, axis=1), lengths, rtol=1e-6)


def test_an_embedding_takes_rows_and_refuses_unknown_labels_by_nan():
    layer = Embed(4, 3)
    table = layer.init(jax.random.key(0), jnp.arange(4))["params"]["embedding"]
    rows = layer.apply({"params": {"embedding": table}}, jnp.array([3, 0, -1, 4]))
    np.testing.assert_array_equal(rows[:2], table[jnp.array([3, 0])])
    assert np.isnan(rows[2:]).all()
