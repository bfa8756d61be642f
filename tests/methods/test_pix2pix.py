"""pix2pix: its losses and gradients against PyTorch, and its one noise, dropout."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan.checks import InputError
from jaxgan.methods.pix2pix import pix2pix
from tests import games
from tests.methods import plays

KEY = games.KEY


class Translator(nn.Module):
    """One pixel at a time, 1 channel to 2; dropout between, if asked for."""

    rate: float = 0.0
    always: bool = False

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.leaky_relu(nn.Dense(3, name="first")(x), 0.2)
        if self.rate:
            x = nn.Dropout(self.rate, deterministic=not (train or self.always))(x)
        return nn.tanh(nn.Dense(2, name="last")(x))


class Patches(nn.Module):
    """Judges every pixel of an image beside its input, ``[b h w 1]``."""

    @nn.compact
    def __call__(self, image, input):
        both = jnp.concatenate([image, input], axis=-1)
        x = nn.leaky_relu(nn.Dense(4, name="first")(both), 0.2)
        return nn.Dense(1, name="last")(x)


def game(rate=0.02, **settings):
    values = {
        "generator": Translator(),
        "discriminator": Patches(),
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
    }
    return pix2pix(**{**values, **settings})


def pairs(size=8, n=1):
    random = np.random.default_rng(0)
    draw = lambda c: random.uniform(-1, 1, (n, size, 4, 5, c)).astype(np.float32)
    return {"input": jnp.asarray(draw(1)), "target": jnp.asarray(draw(2))}


def test_plays(tmp_path):
    dropping = game(generator=Translator(rate=0.5))
    plays.check(dropping, pairs(), tmp_path, microbatches=2)


def in_torch(torch, params):
    """The parameters as float64 leaves, by layer; kernels as `linear` takes them."""
    leaf = lambda value: torch.tensor(np.asarray(value, np.float64), requires_grad=True)
    return {
        name: (leaf(layer["kernel"].T), leaf(layer["bias"]))
        for name, layer in params.items()
    }


def two_layers(torch, params, x):
    functional = torch.nn.functional
    hidden = functional.leaky_relu(functional.linear(x, *params["first"]), 0.2)
    return functional.linear(hidden, *params["last"])


def losses_of_torch(torch, g, d, batch):
    """The two losses, by PyTorch's own: cross-entropy with labels, and L1."""
    x, y = (torch.tensor(np.asarray(batch[n], np.float64)) for n in ("input", "target"))
    fake = torch.tanh(two_layers(torch, g, x))
    judge = lambda image: two_layers(torch, d, torch.cat([image, x], dim=-1))
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    labelled = lambda logits, label: entropy(logits, torch.full_like(logits, label))
    d_loss = (labelled(judge(y), 1.0) + labelled(judge(fake.detach()), 0.0)) * 0.5
    l1 = torch.nn.functional.l1_loss(fake, y)
    return {"d": d_loss, "g": labelled(judge(fake), 1.0) + 100 * l1, "l1": l1}


@pytest.mark.parametrize(
    ("name", "mover"), [("d", "discriminator"), ("g", "generator")]
)
def test_losses_and_gradients_are_those_of_pytorch(name, mover):
    """By a step of SGD at rate 1."""
    torch = pytest.importorskip("torch")
    batch = plays.first(pairs())
    state = jaxgan.init(game(1.0), KEY, batch)
    after, found = jax.jit(jaxgan.make_update(game(1.0), name))(state, batch, KEY)
    params = {n: p.params for n, p in state.players.items()}
    g, d = (in_torch(torch, params[n]) for n in ("generator", "discriminator"))
    expected = losses_of_torch(torch, g, d, batch)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    close(found[f"{name}_loss"], expected[name].item())
    if name == "g":
        close(found["g_l1"], expected["l1"].item())
    expected[name].backward()
    moved = jax.tree.map(jnp.subtract, params[mover], after.players[mover].params)
    for layer, (kernel, bias) in (g if mover == "generator" else d).items():
        close(moved[layer]["kernel"].T, kernel.grad)
        close(moved[layer]["bias"], bias.grad)


def test_weight_may_follow_the_images():
    fading, batch = game(l1=lambda images: 3 - images / 8), pairs()
    state = jaxgan.init(fading, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(fading))
    state, first = step(state, batch, KEY)
    _, second = step(state, batch, KEY)
    plain = jax.jit(jaxgan.make_train_step(game(l1=0.0)))
    _, without = plain(jaxgan.init(game(), KEY, plays.first(batch)), batch, KEY)
    np.testing.assert_allclose(
        first["g_loss"], without["g_loss"] + 3 * first["g_l1"], rtol=1e-5
    )
    _, without = plain(state, batch, KEY)
    np.testing.assert_allclose(
        second["g_loss"], without["g_loss"] + 2 * second["g_l1"], rtol=1e-5
    )


def test_samples_are_the_translations_of_inputs():
    batch = plays.first(pairs())
    state = jaxgan.init(game(), KEY, batch)
    inputs = batch["input"]
    made = jaxgan.sample(game(), state, KEY, 8, condition=inputs, batch_size=3)
    params = jax.device_get(state.players["generator"].params)
    hidden = np.asarray(inputs) @ params["first"]["kernel"]
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)  # the first biases are 0
    expected = np.tanh(hidden @ params["last"]["kernel"])
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    pixels, floats = np.full((2, 4, 5, 1), 255, np.uint8), np.ones((2, 4, 5, 1))
    one, other = (
        jaxgan.sample(game(), state, KEY, 2, condition=x) for x in (pixels, floats)
    )
    np.testing.assert_allclose(one, other, atol=1e-6)
    with pytest.raises(InputError, match="condition"):
        jaxgan.sample(game(), state, KEY, 8)


@pytest.mark.parametrize("always", [False, True])
def test_dropout_that_is_left_on_draws_each_sample(always):
    """By the key and the example, whatever the number made at a time."""
    dropping = game(generator=Translator(rate=0.5, always=always))
    state = jaxgan.init(dropping, KEY, plays.first(pairs()))
    same = jnp.broadcast_to(pairs()["input"][0, :1], (6, 4, 5, 1))
    make = lambda key, size: np.asarray(
        jaxgan.sample(dropping, state, key, 6, condition=same, batch_size=size)
    )
    made, other = make(KEY, 6), make(jax.random.key(1), 6)
    np.testing.assert_allclose(make(KEY, 4), made, atol=1e-6)
    assert (np.abs(made - other).max() > 0.01) == always
    assert (np.abs(made[0] - made[1]).max() > 0.01) == always


def test_targets_of_another_shape_are_refused():
    batch = plays.first(pairs())
    with pytest.raises(InputError, match="shape"):
        jaxgan.init(game(), KEY, {**batch, "target": batch["target"][..., :1]})
