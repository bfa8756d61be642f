"""DCGAN on images that are not square."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import GAN, init, losses, make_train_step
from jaxgan.nets import dcgan


@pytest.mark.parametrize(
    ("size", "base", "times"),
    [
        ((256, 64), (16, 4), 4),
        ((64, 256), (4, 16), 4),
        ((28, 56), (7, 14), 2),
        ((28, 32), (7, 8), 2),
        ((8, 28), (4, 14), 1),
        ((48, 64), (3, 4), 4),
        ((12, 8), (6, 4), 1),
    ],
)
def test_smaller_side_says_how_often_both_are_doubled(size, base, times):
    assert dcgan.doublings(size) == (base, times)


def test_tall_images_are_made_and_judged():
    """256x64 at the default width: 16x4x512 by a dense layer, and back."""
    generator, discriminator = dcgan.Generator((256, 64), 3), dcgan.Discriminator()

    def play(key):
        z = jnp.zeros((2, 100))
        g = generator.init(key, z, train=False)
        images = generator.apply(g, z, train=False)
        d = discriminator.init(key, images, train=False)
        return g, d, images, discriminator.apply(d, images, train=False)

    g, d, images, logits = jax.eval_shape(play, jax.random.key(0))
    assert images.shape == (2, 256, 64, 3)
    assert logits.shape == (2,)
    assert g["params"]["Dense_0"]["kernel"].shape == (100, 16 * 4 * 512)
    assert d["params"]["Dense_0"]["kernel"].shape == (16 * 4 * 512, 1)


def test_a_number_and_an_equal_pair_make_one_network():
    z = jax.random.normal(jax.random.key(1), (2, 5))
    images = []
    for size in (28, (28, 28)):
        module = dcgan.Generator(size, 1, width=4)
        variables = module.init(jax.random.key(0), z, train=False)
        images.append(module.apply(variables, z, train=False))
    np.testing.assert_array_equal(*images)


def test_every_pixel_depends_on_the_latent():
    """Of several latents, since a ReLU may be dead for one."""
    module = dcgan.Generator((28, 56), 1, width=4)
    z = jax.random.normal(jax.random.key(1), (8, 5))
    variables = module.init(jax.random.key(0), z, train=False)
    one = lambda z: module.apply(variables, z[None], train=False)[0]
    jacobians = np.asarray(jax.lax.map(jax.jacfwd(one), z))
    assert jacobians.shape == (8, 28, 56, 1, 5)
    assert (np.abs(jacobians).max(axis=(0, -1)) > 0).all()


def test_every_pixel_is_judged():
    module = dcgan.Discriminator(width=4)
    images = jax.random.normal(jax.random.key(1), (2, 28, 56, 1))
    variables = module.init(jax.random.key(0), images, train=False)
    score = lambda x: module.apply(variables, x, train=False).sum()
    gradient = jax.grad(score)(images)
    assert (np.asarray(gradient) != 0).all()


def test_label_plane_has_the_images_shape():
    module = dcgan.Discriminator(width=4, num_classes=3)
    images, labels = jnp.zeros((3, 8, 16, 1)), jnp.arange(3)
    variables = module.init(jax.random.key(0), images, labels, train=False)
    assert variables["params"]["label_plane"]["kernel"].shape == (3, 8 * 16)
    logits = module.apply(variables, images, labels, train=False)
    assert len(set(np.asarray(logits).tolist())) == 3


def test_a_train_step_is_finite_and_moves_every_parameter():
    gan = GAN(
        generator=dcgan.Generator((8, 16), 3, width=4),
        discriminator=dcgan.Discriminator(width=4),
        loss=losses.non_saturating,
        g_optimizer=optax.adam(1e-3),
        d_optimizer=optax.adam(1e-3),
        latent_dim=5,
    )
    images = np.random.default_rng(0).integers(0, 256, (1, 4, 8, 16, 3), np.uint8)
    state = init(gan, jax.random.key(0), {"image": images[0]})
    after, metrics = jax.jit(make_train_step(gan))(
        state, {"image": images}, jax.random.key(1)
    )
    assert all(np.isfinite(value).all() for value in jax.tree.leaves(metrics))
    moved = lambda a, b: bool(np.isfinite(b).all() and (a != b).any())
    for name in ("generator", "discriminator"):
        pair = (s.players[name].params for s in (state, after))
        assert all(jax.tree.leaves(jax.tree.map(moved, *pair)))
