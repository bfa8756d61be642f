"""The fast convolutions against XLA's own, in value and gradient to second order."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nets import conv
from jaxgan.nets.conv import cpu, grouped, unstrided
from jaxgan.nets.conv.reference import reference_weight_gradient

FEW, MANY = (3, 5), (16, 20)  # channels; of many, Winograd's products where they fit
GROUPED = (6, 9)  # channels of three groups
DCGAN = ((8, 8), (4, 4), (2, 2), ((1, 1), (1, 1)))
SAME = ((7, 9), (3, 3), (1, 1), ((1, 1), (1, 1)))
# (size, kernel, stride, padding, channels); odd sizes, uneven strides and paddings.
CASES = [
    pytest.param(*DCGAN, FEW, id="dcgan"),
    pytest.param(*SAME, FEW, id="same"),
    pytest.param(*SAME, FEW[::-1], id="same, to fewer"),
    pytest.param(*SAME, (64, 66), id="same, many"),
    pytest.param((8, 7), (4, 3), (1, 1), ((0, 5), (3, 0)), (66, 64), id="wide border"),
    pytest.param((5, 6), (1, 1), (1, 1), ((0, 0), (0, 0)), (3, 5), id="1x1"),
    pytest.param((5, 6), (1, 1), (1, 1), ((1, 0), (0, 2)), (3, 5), id="1x1, padded"),
    pytest.param((5, 6), (1, 1), (2, 2), ((0, 0), (0, 0)), (3, 5), id="1x1, strided"),
    pytest.param(*SAME, GROUPED, id="same, groups"),
    pytest.param((9, 7), (5, 3), (2, 1), ((2, 1), (0, 2)), GROUPED, id="uneven groups"),
    pytest.param((6, 7), (3, 4), (3, 2), ((4, 0), (0, 5)), GROUPED, id="far groups"),
    pytest.param((9, 7), (5, 3), (2, 1), ((2, 1), (0, 2)), FEW, id="uneven"),
    pytest.param((10, 10), (3, 3), (2, 2), ((0, 0), (0, 0)), FEW, id="rows left over"),
    pytest.param(*DCGAN, MANY, id="dcgan by Winograd"),
    pytest.param((14, 9), (3, 4), (2, 2), ((1, 0), (0, 1)), MANY, id="odd, Winograd"),
    pytest.param(
        (12, 11), (4, 3), (3, 2), ((2, 0), (1, 1)), MANY, id="uneven, Winograd"
    ),
]


def _arrays(size, kernel, strides, padding, channels=FEW, *, dtype=jnp.float32):
    x_key, w_key = jax.random.split(jax.random.key(1))
    groups = 3 if channels == GROUPED else 1
    x = jax.random.normal(x_key, (4, *size, channels[0]), dtype)
    shape = (*kernel, channels[0] // groups, channels[1])
    w = jax.random.normal(w_key, shape, dtype) / channels[0]
    return x, w, {"strides": strides, "padding": padding, "groups": groups}


def _pairs(size, kernel, strides, padding, channels=FEW, *, dtype=jnp.float32):
    """(fast, reference, arguments) for the convolution and for its transpose."""
    x, w, how = _arrays(size, kernel, strides, padding, channels, dtype=dtype)
    g = conv.reference_conv(x, w, **how)
    g = jax.random.normal(jax.random.key(2), g.shape, dtype)
    yield partial(conv.conv, **how), partial(conv.reference_conv, **how), (x, w)
    yield (
        partial(conv.conv_transpose, size=size, **how),
        partial(conv.reference_conv_transpose, size=size, **how),
        (g, w),
    )


def _close(actual, expected, tolerance=1e-4):
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * abs(e).max())


def _energy(f):
    return lambda x, w: (jnp.tanh(f(x, w)) ** 2).sum()


def _penalty(f):
    """A gradient penalty's form: the squared norm of each example's gradient."""

    def one(x, w):
        return (jax.grad(lambda x: _energy(f)(x[None], w))(x) ** 2).sum()

    return lambda x, w: jax.vmap(one, (0, None))(x, w).sum()


@pytest.mark.parametrize(("size", "kernel", "strides", "padding", "channels"), CASES)
def test_value_gradient_and_penalty_agree(size, kernel, strides, padding, channels):
    for fast, reference, arguments in _pairs(size, kernel, strides, padding, channels):
        _close(_all_orders(fast)(*arguments), _all_orders(reference)(*arguments))


def _all_orders(f):
    """Value, gradient, and gradient of the gradient penalty, in one program."""
    gradients = [jax.grad(of(f), (0, 1)) for of in (_energy, _penalty)]
    return jax.jit(lambda x, w: (f(x, w), *(gradient(x, w) for gradient in gradients)))


def test_third_order_agrees():
    def third(f, x):
        return jax.grad(lambda w: jax.grad(_penalty(f), 0)(x, w).sum())

    fast, reference, (x, w) = next(_pairs((6, 6), (4, 4), (2, 2), ((1, 1), (1, 1))))
    _close(jax.jit(third(fast, x))(w), jax.jit(third(reference, x))(w), tolerance=1e-3)


@pytest.mark.parametrize("channels", [FEW, MANY, GROUPED])
@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0), (1, 2)])
def test_vmap_agrees(in_axes, channels):
    def mapped(f):
        return jax.jit(
            jax.vmap(
                lambda x, w: (f(x, w), jax.grad(_energy(f), (0, 1))(x, w)), in_axes
            )
        )

    for fast, reference, arguments in _pairs(*DCGAN, channels):
        many = tuple(
            a if axis is None else jnp.stack([a, 2 * a, a - 1], axis)
            for a, axis in zip(arguments, in_axes, strict=True)
        )
        _close(mapped(fast)(*many), mapped(reference)(*many))


def test_weight_gradient_of_a_vmapped_penalty_is_not_per_example():
    """Merged into the batch before transposition: memory does not grow with it."""
    fast, _, (x, w) = next(_pairs(*DCGAN))
    text = str(jax.make_jaxpr(jax.grad(lambda w: _penalty(fast)(x, w)))(w))
    assert "f32[4,4,3,5] = strided_conv_weight_gradient" in text
    assert "f32[4,4,4,3,5]" not in text  # [b kh kw i o]


@pytest.mark.parametrize("channels", [FEW, MANY])
def test_inside_scan_and_pmap_agree(channels):
    fast, reference, (x, w) = next(_pairs(*DCGAN, channels))

    def descend(f, x):
        step = lambda w, _: (w - 0.01 * jax.grad(_energy(f), 1)(x, w), None)
        return jax.lax.scan(step, w, length=3)[0]

    expected = jax.jit(partial(descend, reference))(x)
    _close(jax.jit(partial(descend, fast))(x), expected)
    shared = jax.pmap(lambda x: descend(fast, x), devices=jax.devices()[:2])
    _close(shared(jnp.stack([x, x]))[1], expected)


@pytest.mark.parametrize("case", [(*DCGAN, MANY), (*SAME, MANY), (*SAME, GROUPED)])
def test_bfloat16_agrees_to_its_precision(case):
    for fast, reference, arguments in _pairs(*case, dtype=jnp.bfloat16):
        wide = [a.astype(jnp.float32) for a in arguments]
        narrow = jax.jit(jax.grad(_energy(fast), (0, 1)))(*arguments)
        assert all(g.dtype == jnp.bfloat16 for g in narrow)
        narrow = [g.astype(jnp.float32) for g in narrow]
        _close(
            narrow, jax.jit(jax.grad(_energy(reference), (0, 1)))(*wide), tolerance=5e-2
        )


@pytest.mark.parametrize("channels", [FEW, MANY, GROUPED])
def test_shard_map_that_tracks_what_varies_agrees(channels):
    """The kernel's gradient, to second order, is summed over the devices."""
    mesh, shares = jax.sharding.Mesh(jax.devices()[:4], ("x",)), jax.P("x")
    specs = {"in_specs": (shares, jax.P()), "out_specs": jax.P()}
    for fast, reference, arguments in _pairs(*DCGAN, channels):
        gradient = lambda f: jax.grad(
            lambda a, w: _energy(f)(a, w) + _penalty(f)(a, w), 1
        )
        spread = jax.jit(jax.shard_map(gradient(fast), mesh=mesh, **specs))
        _close(spread(*arguments), jax.jit(gradient(reference))(*arguments))


def test_other_platforms_use_xlas_own_maps():
    """Lowered for a GPU, convolutions; T and W for the CPU, products of matrices."""
    x, w, how = _arrays(*DCGAN)
    backward = jax.jit(jax.grad(lambda x, w: conv.conv(x, w, **how).sum(), (0, 1)))
    text = {
        platform: backward.trace(x, w).lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "cuda", "tpu")
    }
    assert text["cpu"].count("stablehlo.dot_general") == 2
    assert "stablehlo.convolution" not in text["cpu"]
    for platform in ("cuda", "tpu"):
        assert "dot_general" not in text[platform]
        assert text[platform].count("stablehlo.convolution") == 2


def test_groups_are_convolutions_of_their_own():
    """Against each group alone, which no code for groups has touched."""
    x, w, how = _arrays(*SAME, GROUPED)
    alone = {**how, "groups": 1}
    parts = [
        conv.reference_conv(
            x[..., 2 * g : 2 * g + 2], w[..., 3 * g : 3 * g + 3], **alone
        )
        for g in range(3)
    ]
    _close(conv.conv(x, w, **how), jnp.concatenate(parts, axis=-1))


def test_many_groups_go_in_a_loop(monkeypatch):
    x, w, how = _arrays(*SAME, GROUPED)
    g = conv.conv(x, w, **how)
    shape = {"size": x.shape[1:3], **how}
    maps = [
        (cpu.conv_on_cpu, (x, w), how),
        (cpu.transpose_on_cpu, (g, w), shape),
        (cpu.weight_gradient_on_cpu, (x, g), {**shape, "size": w.shape[:2]}),
    ]
    unrolled = [of(*factors, **settings) for of, factors, settings in maps]
    monkeypatch.setattr(grouped, "UNROLLED", 2)
    for (of, factors, settings), expected in zip(maps, unrolled, strict=True):
        _close(of(*factors, **settings), expected)


@pytest.mark.parametrize(
    ("channels", "kernel", "groups"),
    [
        (6, (3, 3, 6, 9), 3),
        (6, (3, 3, 2, 8), 3),
        (6, (3, 3, 6, 9), 0),
        (5, (3, 3, 3, 4), 1),
    ],
)
def test_channels_that_do_not_fit_the_groups_are_refused(channels, kernel, groups):
    with pytest.raises(ValueError, match=f"{channels} channels.*{groups} group"):
        conv.conv(jnp.ones((1, 4, 4, channels)), jnp.ones(kernel), groups=groups)


def test_the_three_maps_are_each_others_transposes():
    """<g, C(x, w)> = <x, T(g, w)>, by inner products of random arrays."""
    x, w, how = _arrays((9, 7), (5, 3), (2, 1), ((2, 1), (0, 2)))
    y = conv.conv(x, w, **how)
    g = jax.random.normal(jax.random.key(3), y.shape)
    back = conv.conv_transpose(g, w, size=(9, 7), **how)
    np.testing.assert_allclose((g * y).sum(), (x * back).sum(), rtol=1e-5)


def test_conv_transpose_refuses_a_size_that_cannot_be():
    with pytest.raises(ValueError, match=r"\(9, 9\) becomes \(4, 4\).*size \(8, 8\)"):
        conv.conv_transpose(
            jnp.ones((1, 8, 8, 2)),
            jnp.ones((4, 4, 3, 2)),
            size=(9, 9),
            strides=(2, 2),
            padding=((1, 1), (1, 1)),
        )


@pytest.mark.parametrize("channels", [FEW, FEW[::-1]])
@pytest.mark.parametrize("block_bytes", [1, 2 * 5 * 6 * 9 * 3 * 4, 2**30])
def test_images_that_do_not_fit_together_add_up(monkeypatch, channels, block_bytes):
    monkeypatch.setattr(unstrided, "BLOCK_BYTES", block_bytes)
    how = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "size": (3, 3)}
    random = np.random.default_rng(0)
    x, g = (jnp.asarray(random.normal(size=(6, 5, 6, c)), "f4") for c in channels)
    expected = reference_weight_gradient(x, g, groups=1, **how)
    _close(unstrided.weight_gradient_unstrided(x, g, **how), expected)


@pytest.mark.parametrize("groups", [1, 4, 32])
def test_by_xla_every_group_is_counted(groups):
    """The products of a 1x1 convolution: 2 for each pixel, input and output."""
    x_key, w_key = jax.random.split(jax.random.key(1))
    x = jax.random.normal(x_key, (2, 6, 6, 64))
    w = jax.random.normal(w_key, (1, 1, 64 // groups, 64))
    for plain, how in ((conv.conv, {}), (conv.conv_transpose, {"size": (6, 6)})):
        of = partial(plain, groups=groups, **how)
        with conv.by_xla():
            lowered = jax.jit(lambda x, w, of=of: of(x, w)).lower(x, w)
        expected = 2 * 2 * 36 * 64 * 64 / groups
        assert lowered.cost_analysis()["flops"] == pytest.approx(expected, rel=0.01)
        np.testing.assert_allclose(
            lowered.compile()(x, w), jax.jit(of)(x, w), rtol=1e-5, atol=1e-5
        )
