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


def test_words_are_predicted_from_another_wording():
    """Of wordings [1, 2, 0] and [3, 0, 0], with logits that do not depend on them."""
    batch = plays.first(batches(size=4))
    wordings = jnp.tile(jnp.array([[1, 2, 0], [3, 0, 0]]), (4, 1, 1))
    batch = {**batch, "captions": wordings}
    bias = np.random.default_rng(0).normal(size=9).astype(np.float32)
    dense = nn.Dense(
        9,
        kernel_init=nn.initializers.zeros,
        bias_init=lambda *_: jnp.asarray(bias),
    )
    played = matching(text=Text(), image=nn.Dense(4), words=dense)
    state = jaxgan.init(played, KEY, batch)
    step = jax.jit(jaxgan.make_update(played, "match"))
    log = bias - np.log(np.exp(bias.astype(np.float64)).sum())
    first, second = -(log[1] + log[2]) / 2, -log[3]
    seen = [step(state, batch, key)[1] for key in jax.random.split(KEY, 10)]
    found = np.array([each["match_words"] for each in seen])
    # Each of the four examples has one of both wordings at random.
    shares = (found - first) / (second - first)
    np.testing.assert_allclose(shares * 4, np.round(shares * 4), atol=1e-4)
    assert len(np.unique(np.round(shares * 4))) > 1
    updated, _ = step(state, batch, KEY)
    moved = lambda name: jax.tree.map(
        lambda a, b: bool((a != b).any()),
        updated.players[name].params,
        state.players[name].params,
    )
    assert all(jax.tree.leaves([moved(name) for name in ("text", "image", "words")]))


def test_pairs_find_each_other():
    batch = plays.first(batches())
    state = jaxgan.init(game(), KEY, batch)
    step = jax.jit(jaxgan.make_update(game(), "match"))
    for _ in range(200):
        state, found = step(state, batch, KEY)
    assert found["match_found"] == 1.0
