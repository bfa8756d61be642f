"""Encoders of captions and images: InfoNCE by hand, and that it is learnt."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan.methods.matching import matching
from tests import games
from tests.methods import plays

KEY = games.KEY


class Text(nn.Module):
    @nn.compact
    def __call__(self, captions):
        return nn.Embed(9, 4, name="words")(captions).sum(axis=1)


def batches(size=8, n=1):
    """Each image shows its caption's one word: a row of the identity."""
    captions = np.tile(np.arange(1, size + 1, dtype=np.int32), (n, 1))[..., None, None]
    image = np.tile(np.eye(size, dtype=np.float32), (n, 1, 1))
    return {"image": jnp.asarray(image), "captions": jnp.asarray(captions)}


def game(temperature=0.5, rate=0.02):
    return matching(
        text=Text(),
        image=nn.Dense(4, name="image"),
        optimizer=optax.adam(rate),
        temperature=temperature,
    )


def test_resumes(tmp_path):
    """Not `plays.check`: a device sees no captions but its own."""
    played = game()
    step = jax.jit(jaxgan.make_train_step(played, schedule=("match",)))
    start = jaxgan.init(played, KEY, plays.first(batches()))
    plays.check_resumes(played, step, start, batches(), tmp_path, 3)


def test_the_loss_is_info_nce():
    batch = plays.first(batches())
    state = jaxgan.init(game(), KEY, batch)
    _, found = jax.jit(jaxgan.make_update(game(), "match"))(state, batch, KEY)
    params = {n: p.params for n, p in state.players.items()}
    text = np.asarray(params["text"]["words"]["embedding"], np.float64)[1:]
    image = np.asarray(params["image"]["kernel"], np.float64)
    logits = text @ image.T / (4 * 0.5)
    log = lambda s: s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    expected = -(np.diag(log(logits)) + np.diag(log(logits.T))).mean() / 2
    np.testing.assert_allclose(found["match_loss"], expected, rtol=1e-5)
    right = (logits.argmax(axis=1) == np.arange(8)).mean()
    np.testing.assert_allclose(found["match_found"], right)


def test_pairs_find_each_other():
    batch = plays.first(batches())
    state = jaxgan.init(game(), KEY, batch)
    step = jax.jit(jaxgan.make_update(game(), "match"))
    for _ in range(200):
        state, found = step(state, batch, KEY)
    assert found["match_found"] == 1.0
