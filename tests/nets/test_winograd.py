"""Winograd's products: when they are used, how many there are, what they lose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nets import conv
from jaxgan.nets.conv import winograd

HOW = {"strides": (2, 2), "padding": ((1, 1), (1, 1))}
WIDE = (4, 4, 16, 16)


@pytest.mark.parametrize(
    ("dtype", "kernel", "out", "strides", "expected"),
    [
        pytest.param(jnp.float32, WIDE, (4, 4), (2, 2), True, id="dcgan"),
        pytest.param(jnp.float64, WIDE, (4, 4), (2, 2), True, id="float64"),
        pytest.param(jnp.float32, (4, 4, 3, 64), (4, 4), (2, 2), False, id="RGB"),
        pytest.param(jnp.bfloat16, WIDE, (4, 4), (2, 2), False, id="bfloat16"),
        pytest.param(jnp.float32, WIDE, (4, 4), (4, 4), False, id="one block"),
        pytest.param(jnp.float32, (5, 5, 16, 16), (4, 4), (2, 2), False, id="three"),
        # Of 1 and of 3 outputs an axis, pairs take 3 and 6 products for 2 and 6.
        pytest.param(jnp.float32, WIDE, (1, 1), (2, 2), False, id="one output"),
        pytest.param(jnp.float32, WIDE, (3, 3), (2, 2), False, id="three outputs"),
        pytest.param(jnp.float32, WIDE, (3, 4), (2, 2), True, id="three by four"),
        pytest.param(jnp.float32, WIDE, (7, 7), (2, 2), True, id="seven outputs"),
    ],
)
def test_applies_where_it_takes_fewer_products(dtype, kernel, out, strides, expected):
    assert winograd.applies(dtype, kernel, out=out, strides=strides) is expected


def test_on_the_cpu_each_map_takes_nine_products_and_elsewhere_none():
    x, w = jnp.ones((2, 8, 8, 16)), jnp.ones((4, 4, 16, 32))
    both = jax.jit(
        jax.value_and_grad(lambda x, w: conv.conv(x, w, **HOW).sum(), (0, 1))
    )
    for platform, products, convolutions in (("cpu", 27, 0), ("cuda", 0, 3)):
        text = both.trace(x, w).lower(lowering_platforms=(platform,)).as_text()
        assert text.count("stablehlo.dot_general") == products
        assert text.count("stablehlo.convolution") == convolutions


@pytest.mark.parametrize("size", [(8, 8), (14, 10), (7, 9)])
def test_little_precision_is_lost(size):
    """Beside NumPy's sums in float64: 2e-6 of the largest, as float32 itself."""
    random = np.random.default_rng(0)
    x = random.standard_normal((3, *size, 32))
    w = random.standard_normal((4, 4, 32, 24))
    narrow = conv.conv(jnp.float32(x), jnp.float32(w), **HOW)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))
    exact = np.einsum("bpqcij,ijco->bpqo", windows[:, ::2, ::2], w)
    assert abs(narrow - exact).max() < 2e-6 * abs(exact).max()
