"""Images from captions: losses and gradients against PyTorch, and what stands still."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import losses, penalties
from jaxgan.checks import InputError
from jaxgan.methods.gan_cls import df_gan, gan_cls, with_text
from tests import games
from tests.methods import plays

KEY = games.KEY


class Text(nn.Module):
    """The sum of the words' vectors, ``[b L] -> [b 3]``."""

    @nn.compact
    def __call__(self, captions):
        return nn.Embed(7, 3, name="words")(captions).sum(axis=1)


class Maker(nn.Module):
    """``(z [b 2], text [b 3]) -> [b 4]``."""

    @nn.compact
    def __call__(self, z, text):
        both = jnp.concatenate([z, text], axis=-1)
        x = nn.leaky_relu(nn.Dense(5, name="first")(both), 0.2)
        return nn.tanh(nn.Dense(4, name="last")(x))


class Judge(nn.Module):
    """``(image [b 4], text [b 3]) -> [b]``."""

    @nn.compact
    def __call__(self, image, text):
        both = jnp.concatenate([image, text], axis=-1)
        x = nn.tanh(nn.Dense(6, name="first")(both))
        return nn.Dense(1, name="last")(x)[:, 0]


OTHERS = np.int32([[5, 6, 1]])


def game(make=gan_cls, rate=0.02, **settings):
    values = {
        "generator": Maker(),
        "discriminator": Judge(),
        "text": Text(),
        "others": OTHERS,
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
        "latent_dim": 2,
    }
    return make(**{**values, **settings})


def batches(size=8, n=1, wordings=1):
    random = np.random.default_rng(0)
    image = random.uniform(-1, 1, (n, size, 4)).astype(np.float32)
    captions = random.integers(0, 7, (n, size, wordings, 3)).astype(np.int32)
    return {"image": jnp.asarray(image), "captions": jnp.asarray(captions)}


@pytest.mark.parametrize("make", [gan_cls, df_gan])
def test_plays(tmp_path, make):
    several = np.int32([[5, 6, 1], [1, 2, 3], [4, 4, 4]])
    made = game(make, others=several)
    plays.check(made, batches(wordings=3), tmp_path, microbatches=2, still=("text",))


def in_torch(torch, params):
    """The parameters as float64 leaves, by layer; kernels as `linear` takes them."""
    leaf = lambda value: torch.tensor(np.asarray(value, np.float64), requires_grad=True)
    return {
        name: (leaf(layer["kernel"].T), leaf(layer["bias"]))
        for name, layer in params.items()
    }


def judged(torch, d, image, text):
    functional = torch.nn.functional
    both = torch.cat([image, text], dim=-1)
    hidden = torch.tanh(functional.linear(both, *d["first"]))
    return functional.linear(hidden, *d["last"])[:, 0]


def made_of(torch, g, z, text):
    functional = torch.nn.functional
    both = torch.cat([z, text], dim=-1)
    hidden = functional.leaky_relu(functional.linear(both, *g["first"]), 0.2)
    return torch.tanh(functional.linear(hidden, *g["last"]))


class Zero(nn.Module):
    """A generator that does not know its latent: it sees zeros instead."""

    @nn.compact
    def __call__(self, z, text):
        return Maker(name="maker")(jnp.zeros_like(z), text)


def torch_losses(torch, g, d, words, batch, *, magp, hinge):
    """The two losses as the papers write them, without a latent."""
    vectors = torch.tensor(np.asarray(words, np.float64))
    image = torch.tensor(np.asarray(batch["image"], np.float64))
    text = vectors[np.array(batch["captions"][:, 0])].sum(dim=1)
    wrong = vectors[np.repeat(OTHERS, len(image), axis=0)].sum(dim=1)
    z = torch.zeros(len(image), 2, dtype=torch.float64)
    fake = made_of(torch, g, z, text)
    right = lambda x: (
        torch.relu(1 - x).mean() if hinge else -torch.log(x.sigmoid()).mean()
    )
    false = lambda x: (
        torch.relu(1 + x).mean() if hinge else -torch.log(1 - x.sigmoid()).mean()
    )
    d_loss = right(judged(torch, d, image, text))
    d_loss = (
        d_loss
        + (
            false(judged(torch, d, fake.detach(), text))
            + false(judged(torch, d, image, wrong))
        )
        / 2
    )
    if magp:
        x, t = image.clone().requires_grad_(), text.clone().requires_grad_()
        slopes = torch.autograd.grad(
            judged(torch, d, x, t).sum(), (x, t), create_graph=True
        )
        norms = torch.cat(slopes, dim=1).norm(dim=1)
        d_loss = d_loss + magp * (norms**6).mean()
    fools = lambda text: judged(torch, d, made_of(torch, g, z, text), text)
    if hinge:
        return d_loss, -fools(text).mean()
    return d_loss, right(fools(text)) + right(fools((text + wrong) / 2))


@pytest.mark.parametrize("make", [gan_cls, df_gan])
@pytest.mark.parametrize(
    ("name", "mover"), [("d", "discriminator"), ("g", "generator")]
)
def test_losses_and_gradients_are_those_of_pytorch(make, name, mover):
    """By a step of SGD at rate 1."""
    torch = pytest.importorskip("torch")
    played = game(make, 1.0, generator=Zero())
    batch = plays.first(batches())
    state = jaxgan.init(played, KEY, batch)
    after, found = jax.jit(jaxgan.make_update(played, name))(state, batch, KEY)
    params = {n: p.params for n, p in state.players.items()}
    g = in_torch(torch, params["generator"]["maker"])
    d = in_torch(torch, params["discriminator"])
    words = params["text"]["words"]["embedding"]
    how = (
        {"magp": 2.0, "hinge": True} if make is df_gan else {"magp": 0, "hinge": False}
    )
    expected = torch_losses(torch, g, d, words, batch, **how)[name == "g"]
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    close(found[f"{name}_loss"], expected.item())
    expected.backward()
    moved = jax.tree.map(jnp.subtract, params[mover], after.players[mover].params)
    moved = moved["maker"] if name == "g" else moved
    for layer, (kernel, bias) in (g if name == "g" else d).items():
        close(moved[layer]["kernel"].T, kernel.grad)
        close(moved[layer]["bias"], bias.grad)
    jax.tree.map(
        np.testing.assert_array_equal,
        after.players["text"].params,
        params["text"],
    )


def test_the_relativistic_pair_holds_reals_against_both_kinds_of_fakes():
    """With logits of a judge that are known: right 0 for all, so that only m counts."""
    played = game(loss=losses.relativistic, interpolated=0.0, penalties=())
    batch = plays.first(batches())
    state = jaxgan.init(played, KEY, batch)
    zeros = jax.tree.map(jnp.zeros_like, state.players["discriminator"].params)
    judge = state.players["discriminator"].replace(params=zeros)
    state = state.replace(players={**state.players, "discriminator": judge})
    _, found = jax.jit(jaxgan.make_update(played, "d"))(state, batch, KEY)
    np.testing.assert_allclose(found["d_loss"], np.log(2), rtol=1e-6)


def test_penalties_see_the_right_caption():
    """R1 of a judge that is linear in the image: the weight's squared norm."""

    class Linear(nn.Module):
        @nn.compact
        def __call__(self, image, text):
            scale = text.sum(axis=-1)
            return nn.Dense(1, use_bias=False, name="w")(image)[:, 0] * scale

    played = game(discriminator=Linear(), penalties=((1.0, penalties.r1),))
    batch = plays.first(batches())
    state = jaxgan.init(played, KEY, batch)
    _, found = jax.jit(jaxgan.make_update(played, "d"))(state, batch, KEY)
    words = np.asarray(state.players["text"].params["words"]["embedding"])
    text = words[np.asarray(batch["captions"][:, 0])].sum(axis=(1, 2))
    kernel = np.asarray(state.players["discriminator"].params["w"]["kernel"])
    np.testing.assert_allclose(
        found["d_penalty"], (np.square(kernel).sum() * text**2).mean(), rtol=1e-4
    )


def test_wordings_and_wrong_captions_are_drawn_for_each_example():
    """An example's losses are its own, whatever batch it stands in."""
    several = np.arange(21, dtype=np.int32).reshape(7, 3) % 7
    played = game(others=several)
    whole = plays.first(batches(8, wordings=3))
    state = jaxgan.init(played, KEY, whole)
    step = lambda parts: jax.jit(jaxgan.make_update(played, "d", microbatches=parts))
    _, one = step(1)(state, whole, KEY)
    _, four = step(4)(state, whole, KEY)
    np.testing.assert_allclose(one["d_loss"], four["d_loss"], rtol=1e-5)
    np.testing.assert_allclose(one["d_wrong_logit"], four["d_wrong_logit"], rtol=1e-4)


def test_samples_take_the_first_wording_and_the_text_of_the_state():
    played, batch = game(), plays.first(batches(wordings=2))
    state = jaxgan.init(played, KEY, batch)
    captions = batch["captions"]
    made = jaxgan.sample(played, state, KEY, 8, condition=captions)
    first = jaxgan.sample(played, state, KEY, 8, condition=captions[:, 0])
    np.testing.assert_array_equal(made, first)
    vectors = jax.tree.map(lambda x: x + 1, state.players["text"].variables)
    other = with_text(state, vectors)
    moved = jaxgan.sample(played, other, KEY, 8, condition=captions)
    assert np.abs(np.asarray(moved) - made).max() > 1e-3


def test_embeddings_need_no_text_encoder():
    text = np.random.default_rng(1).standard_normal((8, 2, 3)).astype(np.float32)
    batch = {"image": plays.first(batches())["image"], "vectors": jnp.asarray(text)}
    played = game(text=None, others=text[:, 0], captions="vectors")
    state = jaxgan.init(played, KEY, batch)
    step = jax.jit(jaxgan.make_update(played, "d"))
    assert np.isfinite(step(state, batch, KEY)[1]["d_loss"])
    made = jaxgan.sample(played, state, KEY, 8, condition=text[:, 0])
    assert made.shape == (8, 4)
    with pytest.raises(InputError, match="embed"):
        jaxgan.sample(played, state, KEY, 8, condition=np.ones((8, 3), np.int32))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="table"):
        game(others=np.zeros((0, 3), np.int32))
    with pytest.raises(InputError, match="mismatch"):
        game(mismatch=1.5)
    batch = plays.first(batches())
    with pytest.raises(InputError, match="load_captioned"):
        jaxgan.init(game(), KEY, {"image": batch["image"]})
    state = jaxgan.init(game(), KEY, batch)
    with pytest.raises(InputError, match="shapes"):
        with_text(state, {"params": {"words": {"embedding": jnp.ones((2, 2))}}})
    with pytest.raises(InputError, match="captions"):
        jaxgan.sample(game(), state, KEY, 2)


def test_a_game_made_under_jit_is_played_outside():
    made = []
    jax.jit(lambda: made.append(game()))()
    batch = jax.tree.map(lambda column: column[0], batches())
    state = jaxgan.init(made[0], KEY, batch)
    np.testing.assert_array_equal(state.memory["others"], OTHERS)
