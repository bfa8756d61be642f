"""SRResNet and SRGAN: their losses against PyTorch, and the parts that they play."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.methods import srgan
from jaxgan.methods.aligned_parts import parts
from jaxgan.methods.perceived import random_features, vgg_features
from jaxgan.metrics.features import vgg
from jaxgan.nets import srresnet
from jaxgan.player import EMA
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY


class Larger(nn.Module):
    """Each pixel a square of 2x2, whose colour a dense layer makes."""

    @nn.compact
    def __call__(self, x):
        x = x.repeat(2, axis=1).repeat(2, axis=2)
        return nn.Dense(2, name="last")(nn.leaky_relu(nn.Dense(3, name="first")(x)))


class Judge(nn.Module):
    """A logit of each pixel, and what comes before as features."""

    @nn.compact
    def __call__(self, x):
        hidden = nn.leaky_relu(nn.Dense(4, name="first")(x), 0.2)
        return {"logits": nn.Dense(1, name="last")(hidden), "features": (hidden, x)}


def game(rate=0.02, **settings):
    values = {
        "generator": Larger(),
        "discriminator": Judge(),
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
        "crop": 8,
        "scale": 2,
        "l1": 0.5,
        "adversarial": 0.3,
    }
    return srgan.srgan(**{**values, **settings})


def alone(rate=0.02, **settings):
    values = {"generator": Larger(), "optimizer": optax.sgd(rate), "scale": 2}
    return srgan.srresnet(**{**values, "crop": 8, **settings})


def pairs(size=8, n=1):
    random = np.random.default_rng(0)
    draw = lambda *shape: random.uniform(-1, 1, (n, size, *shape)).astype(np.float32)
    small, whole = draw(6, 7, 2), draw(12, 14, 2)
    return {"input": jnp.asarray(small), "target": jnp.asarray(whole)}


def test_srgan_plays(tmp_path):
    both = game(loss=losses.relativistic, ema=EMA(half_life=100))
    plays.check(both, pairs(), tmp_path, microbatches=2)


def test_srresnet_plays(tmp_path):
    plays.check(alone(), pairs(), tmp_path, schedule=("g",), microbatches=2)


def in_torch(torch, params):
    """The parameters as float64 leaves, by layer; kernels as `linear` takes them."""
    leaf = lambda value: torch.tensor(np.asarray(value, np.float64), requires_grad=True)
    return {
        name: (leaf(layer["kernel"].T), leaf(layer["bias"]))
        for name, layer in params.items()
    }


def losses_of_torch(torch, g, d, batch, relativistic):
    """Both losses by PyTorch's cross-entropy with labels and its L1."""
    functional = torch.nn.functional
    x, y = (torch.tensor(np.asarray(batch[n], np.float64)) for n in ("input", "target"))
    x = x.repeat_interleave(2, 1).repeat_interleave(2, 2)
    hidden = functional.leaky_relu(functional.linear(x, *g["first"]))
    fake = functional.linear(hidden, *g["last"])

    def judge(image):
        seen = functional.leaky_relu(functional.linear(image, *d["first"]), 0.2)
        return functional.linear(seen, *d["last"]), seen

    entropy = functional.binary_cross_entropy_with_logits
    labelled = lambda logits, label: entropy(logits, torch.full_like(logits, label))
    (of_real, seen_real), (of_fake, seen_fake) = judge(y), judge(fake)
    if relativistic:
        fools = labelled(of_fake - of_real, 1.0)
        d_loss = labelled(of_real - of_fake, 1.0)
    else:
        fools = labelled(of_fake, 1.0)
        d_loss = labelled(of_real, 1.0) + labelled(of_fake, 0.0)
    l1 = functional.l1_loss(fake, y)
    content = (functional.l1_loss(seen_fake, seen_real) + l1) / 2
    return {"d": d_loss, "g": 0.5 * l1 + content + 0.3 * fools, "content": content}


@pytest.mark.parametrize("relativistic", [True, False])
@pytest.mark.parametrize(
    ("name", "mover"), [("d", "discriminator"), ("g", "generator")]
)
def test_losses_and_gradients_are_those_of_pytorch(name, mover, relativistic):
    """By a step of SGD at rate 1, on the parts that the update draws."""
    torch = pytest.importorskip("torch")
    loss = losses.relativistic if relativistic else losses.non_saturating
    played, batch = game(1.0, loss=loss), plays.first(pairs())
    state = jaxgan.init(played, KEY, batch)
    after, found = jax.jit(jaxgan.make_update(played, name))(state, batch, KEY)
    params = {n: p.params for n, p in state.players.items()}
    g, d = (in_torch(torch, params[n]) for n in ("generator", "discriminator"))
    drawn = parts(batch, Turn.first(name, KEY, {}, 8), crop=8, scale=2)
    expected = losses_of_torch(torch, g, d, drawn, relativistic)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    close(found[f"{name}_loss"], expected[name].item())
    if name == "g":
        close(found["g_content"], expected["content"].item())
    expected[name].backward()
    moved = jax.tree.map(jnp.subtract, params[mover], after.players[mover].params)
    for layer, (kernel, bias) in (g if mover == "generator" else d).items():
        close(moved[layer]["kernel"].T, kernel.grad)
        close(moved[layer]["bias"], bias.grad)


def test_srresnet_is_the_distance_alone():
    """And SRGAN without its other terms is SRResNet, on the same parts."""
    batch = plays.first(pairs())
    lonely = jaxgan.init(alone(1.0), KEY, batch)
    both = game(1.0, l1=1.0, content=0.0, adversarial=0.0)
    state = jaxgan.init(both, KEY, batch)
    one, found = jax.jit(jaxgan.make_update(alone(1.0), "g"))(lonely, batch, KEY)
    other, told = jax.jit(jaxgan.make_update(both, "g"))(state, batch, KEY)
    np.testing.assert_allclose(found["g_loss"], told["g_loss"], rtol=1e-5)
    np.testing.assert_allclose(found["g_loss"], told["g_l1"], rtol=1e-5)
    of = lambda state: state.players["generator"].params
    games.assert_close(of(one), of(other), rtol=1e-5, atol=1e-6)


def test_weights_may_follow_the_images():
    batch = plays.first(pairs())
    fading = game(l1=lambda images: 3 - images / 8, content=0.0, adversarial=0.0)
    state = jaxgan.init(fading, KEY, batch)
    step = jax.jit(jaxgan.make_update(fading, "g"))
    state, first = step(state, batch, KEY)
    _, second = step(state, batch, KEY)
    np.testing.assert_allclose(first["g_loss"], 3 * first["g_l1"], rtol=1e-5)
    np.testing.assert_allclose(second["g_loss"], 2 * second["g_l1"], rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop": 7}, "multiple of the scale"),
        ({"crop": 16}, "no larger"),
        ({"scale": 4}, "4 times"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        jaxgan.init(alone(**changes), KEY, plays.first(pairs()))


def test_a_judge_without_features_needs_another_content_loss():
    class Patches(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(1)(x)

    batch = plays.first(pairs())
    with pytest.raises(InputError, match=r"perceive=.*content=0"):
        jaxgan.init(game(discriminator=Patches()), KEY, batch)
    perceive = random_features(width=4, channels=2)
    for settings in ({"content": 0}, {"perceive": perceive}):
        jaxgan.init(game(discriminator=Patches(), **settings), KEY, batch)


def test_other_features_are_compared_in_place_of_the_judges():
    batch = plays.first(pairs())
    squares = lambda image: {"squares": image**2}
    played = game(perceive=squares)
    state = jaxgan.init(played, KEY, batch)
    _, found = jax.jit(jaxgan.make_update(played, "g"))(state, batch, KEY)
    turn = Turn.first("g", KEY, {}, 8)
    played_parts = parts(batch, turn, crop=8, scale=2)
    fake = Larger().apply(
        {"params": state.players["generator"].params}, played_parts["input"]
    )
    gap = np.abs(np.asarray(fake) ** 2 - np.asarray(played_parts["target"]) ** 2)
    np.testing.assert_allclose(found["g_content"], gap.mean(), rtol=1e-5)


def test_random_features_are_those_of_their_seed():
    image = jnp.asarray(np.random.default_rng(0).normal(size=(2, 16, 12, 3)))
    one, same, other = (
        random_features(seed=seed, width=4)(image) for seed in (0, 0, 1)
    )
    assert [one[name].shape for name in sorted(one)] == [
        (2, 16, 12, 4),
        (2, 8, 6, 8),
        (2, 4, 3, 16),
    ]
    games.assert_equal(one, same)
    assert games.differ(one, other)
    # By He's initialisation the mean square stays about half of the input's variance.
    squares = [float(jnp.mean(value**2)) for value in one.values()]
    assert all(0.05 < square < 5 for square in squares)


def test_features_of_vgg_are_those_of_its_weights(tmp_path, monkeypatch):
    """Of a narrow one, by images less ImageNet's mean and over its deviation."""
    numpy_files = pytest.importorskip("safetensors.numpy")
    narrow = {name: (3, numbers) for name, (_, numbers) in vgg.BLOCKS.items()}
    monkeypatch.setattr(vgg, "BLOCKS", narrow)
    random = np.random.default_rng(0)
    arrays = {}
    for number in (n for _, numbers in narrow.values() for n in numbers):
        kernel = random.normal(0, 0.3, (3, 3, 3, 3)).astype(np.float32)
        arrays[f"features.{number}.weight"] = kernel
        arrays[f"features.{number}.bias"] = np.full(3, 0.5, np.float32)
    numpy_files.save_file(arrays, tmp_path / "vgg.safetensors")
    image = random.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    found = vgg_features(tmp_path / "vgg.safetensors")(jnp.asarray(image))
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    scaled = ((image + 1) / 2 - np.float32(mean)) / np.float32(deviation)
    expected = vgg.features(vgg.prepare(arrays), jnp.asarray(scaled))
    assert list(found) == list(expected)
    for name, value in expected.items():
        size = float(np.abs(value).max())
        np.testing.assert_allclose(found[name], value, atol=0.05 * size + 1e-6)
        assert size > 0


def test_samples_are_magnified_images_of_any_size():
    network = srresnet.Generator(2, 4, blocks=1)
    played = alone(generator=network)
    state = jaxgan.init(played, KEY, plays.first(pairs()))
    for shape in ((2, 5, 9, 2), (1, 12, 3, 2)):
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        made = jaxgan.sample(played, state, KEY, len(pixels), condition=pixels)
        floats = pixels.astype(np.float32) * (2 / 255) - 1
        params = state.players["generator"].params
        expected = network.apply({"params": params}, jnp.asarray(floats))
        np.testing.assert_allclose(made, expected, atol=1e-5)
    with pytest.raises(InputError, match="condition"):
        jaxgan.sample(played, state, KEY, 1)


@pytest.mark.parametrize("averaged", [True, False])
def test_the_game_begins_with_the_average_of_stage_one(averaged):
    ema = EMA(half_life=100) if averaged else None
    batch = pairs()
    first = alone(ema=ema)
    found = jaxgan.init(first, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(first, schedule=("g",)))
    found, _ = step(found, batch, KEY)
    found, _ = step(found, batch, KEY)
    second = game(ema=EMA(half_life=100))
    fresh = jaxgan.init(second, jax.random.key(1), plays.first(batch))
    begun = srgan.begin_with(fresh, found)
    expected = found.players["generator"].params
    if averaged:
        expected = found.averages["generator"]["params"]
        assert games.differ(expected, found.players["generator"].params)
    games.assert_equal(begun.players["generator"].params, expected)
    games.assert_equal(begun.averages["generator"]["params"], expected)
    games.assert_equal(begun.players["discriminator"], fresh.players["discriminator"])
    # The step may give its state's memory away.
    jax.jit(jaxgan.make_train_step(second), donate_argnums=0)(begun, batch, KEY)


def test_blends_lie_on_the_line_between():
    a, b = ({"x": np.float32([1, 2]), "y": np.float32(n)} for n in (0, 4))
    b["x"] = np.float32([3, -2])
    games.assert_equal(srgan.blend(a, b, 0.0), a)
    games.assert_equal(srgan.blend(a, b, 1.0), b)
    games.assert_equal(
        srgan.blend(a, b, 0.25), {"x": np.float32([1.5, 1]), "y": np.float32(1)}
    )


def test_vggs_weights_are_read_when_they_are_used(tmp_path):
    """A trained game is loaded and sampled without them."""
    perceive = vgg_features(tmp_path / "gone.safetensors")
    with pytest.raises(InputError, match=r"gone\.safetensors"):
        perceive(jnp.zeros((1, 16, 16, 3)))
