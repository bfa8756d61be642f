"""DiffAugment against NumPy in float64, and its draws against the paper."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import jaxgan
from jaxgan.checks import InputError
from jaxgan.methods import diffaugment
from jaxgan.turn import Turn
from tests import games
from tests.methods.draws import assert_drawn_from, assert_share, played

SHAPE = (16, 10, 3)
IMAGE = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)


def about(mean, factor):
    return mean + factor * (IMAGE.astype(np.float64) - mean)


@pytest.mark.parametrize(
    ("name", "changed", "range_"),
    [
        ("brightness", lambda value: IMAGE.astype(np.float64) + value, (-0.5, 0.5)),
        (
            "saturation",
            lambda value: about(IMAGE.mean(-1, keepdims=True), value),
            (0, 2),
        ),
        ("contrast", lambda value: about(IMAGE.mean(), value), (0.5, 1.5)),
    ],
)
def test_colours_are_changed_by_one_uniform_number(name, changed, range_):
    """The number that fits best, by least squares, explains all pixels."""
    seen = played(getattr(diffaugment, name), IMAGE).astype(np.float64)
    base, slope = changed(0.0), changed(1.0) - changed(0.0)
    drawn = ((seen - base) * slope).sum(axis=(1, 2, 3)) / (slope**2).sum()
    for value, image in zip(drawn, seen, strict=True):
        np.testing.assert_allclose(image, changed(value), atol=1e-5)
    low, high = range_
    assert_drawn_from(drawn, stats.uniform(low, high - low))
    assert drawn.min() >= low - 1e-5
    assert drawn.max() <= high + 1e-5


def test_grey_images_keep_their_saturation():
    seen = diffaugment.saturation(games.KEY, jnp.asarray(IMAGE[..., :1]))
    np.testing.assert_allclose(seen, IMAGE[..., :1], atol=1e-6)


def test_translations_are_uniform_and_filled_with_0():
    """16 pixels move by up to 2, ten by up to one: 1.25, rounded."""
    seen = played(diffaugment.translation, IMAGE)
    padded = np.pad(IMAGE, ((2, 2), (1, 1), (0, 0)))
    hits = []
    for top in range(5):
        for left in range(3):
            expected = padded[top : top + 16, left : left + 10]
            hits.append((seen == expected).all(axis=(1, 2, 3)))
            assert_share(hits[-1], 1 / 15)
    np.testing.assert_array_equal(np.sum(hits, axis=0), 1)


@pytest.mark.parametrize("shape", [(16, 10, 3), (6, 8, 1)])
def test_cutouts_are_those_of_a_uniform_offset(shape):
    """Each offset from all but half of the part outside to the other side's."""
    seen = played(diffaugment.cutout, np.ones(shape, np.float32)) == 0
    assert (seen[..., :1] == seen).all()
    down, right = seen[..., 0].any(axis=2), seen[..., 0].any(axis=1)
    np.testing.assert_array_equal(seen[..., 0], down[:, :, None] & right[:, None])
    for hidden, n in ((down, shape[0]), (right, shape[1])):
        part = round(n / 2)
        whole = np.zeros((n + 1 - part % 2, n + 2 * part), bool)
        for offset, row in enumerate(whole):
            first = part + offset - part // 2
            row[first : first + part] = True
        possible = whole[:, part:-part]
        hits = (hidden[:, None] == possible[None]).all(axis=-1)
        np.testing.assert_array_equal(hits.sum(axis=1), 1)
        for hit in hits.T:
            assert_share(hit, 1 / len(possible))


def test_gradients_pass_through_all_transformations():
    """Each is affine in the image: a step of any length has the gradient's slope."""
    view = diffaugment.diffaugment().view
    turn = Turn.first("d", games.KEY, {}, 8)
    keys, x = turn.draws("real_view"), jnp.broadcast_to(jnp.asarray(IMAGE), (8, *SHAPE))
    w = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    both = jax.jit(jax.value_and_grad(lambda x: (view(x, keys, turn) * w).sum()))
    along = np.random.default_rng(2).normal(size=x.shape).astype(np.float32)
    (value, grad), (further, _) = both(x), both(x + along)
    np.testing.assert_allclose(further - value, (grad * along).sum(), rtol=1e-3)
    assert np.isfinite(grad).all()
    assert abs(further - value) > 1


class Judge(nn.Module):
    """A judge of an image's sum."""

    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.ones, ())
        return scale * x.sum(axis=(1, 2, 3))


@pytest.mark.parametrize("name", ["d", "g"])
def test_both_players_see_changed_images(name):
    """With draws of each example's own, in the order of the policy."""
    policy = (diffaugment.cutout, diffaugment.brightness)
    game = jaxgan.GAN(
        generator=nn.DenseGeneral(SHAPE),
        discriminator=Judge(),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        latent_dim=3,
        augment=diffaugment.diffaugment(policy),
    )
    batch = {"image": jnp.broadcast_to(jnp.asarray(IMAGE), (4, *SHAPE))}
    state = jaxgan.init(game, games.KEY, batch)
    _, found = jax.jit(jaxgan.make_update(game, name))(state, batch, games.KEY)
    turn = Turn.first(name, games.KEY, {}, 4)
    z = turn.normal("latent", (3,))
    fake = game.generator.apply(state.players["generator"].variables, z)
    shown = {"fake": fake, "real": batch["image"]}
    for which in ("fake",) if name == "g" else ("fake", "real"):
        logits = []
        pairs = zip(turn.draws(f"{which}_view"), shown[which], strict=True)
        for key, image in pairs:
            for i, transform in enumerate(policy):
                image = transform(jax.random.fold_in(key, i), image)
            logits.append(np.asarray(image, np.float64).sum())
        found_logit = found[f"{name}_{which}_logit"]
        np.testing.assert_allclose(found_logit, np.mean(logits), rtol=1e-4)


def test_a_policy_of_nothing_is_refused():
    with pytest.raises(InputError, match="no transformations"):
        diffaugment.diffaugment(())
