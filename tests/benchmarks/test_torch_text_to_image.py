"""PyTorch's images from captions are jaxgan's: networks, losses, steps; and draws."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

import jaxgan
from experiments.benchmarks import flops, ours, works
from tests.benchmarks.text_to_image_twins import (
    PLAYERS,
    WORK,
    captions,
    columns,
    game,
    latents,
    state,
    to_torch,
)
from tests.benchmarks.twins import KEY, stepped, tiny, updates

torch = pytest.importorskip("torch")

from experiments.benchmarks import (  # noqa: E402
    torch_objectives,
    torch_text_to_image,
    torch_text_to_image_games,
)
from tests.benchmarks.torch_counter import Counter  # noqa: E402
from tests.benchmarks.torch_twins import (  # noqa: E402
    assert_is_compiled_once,
    assert_step_moves,
    assert_weights_move_in_bfloat16,
    close,
    compiled_by_the_front_end,
    in_plain_descent,
    near,
    put,
)

pytestmark = pytest.mark.usefixtures("one_thread")

WAYS = {
    "eager": {},
    "tuned": {"together": True},
    "by func": {"together": True, "gradient": torch_objectives.gradient_by_func},
}


def modules():
    """The PyTorch modules with the weights of `state`."""
    players = state().players
    trees = [to_torch(player, players[player].params) for player in PLAYERS]
    return put(torch_text_to_image.players(WORK), trees)


def pixels():
    """The images as uint8 ``[b c h w]``."""
    return torch.tensor(columns()["image"]).permute(0, 3, 1, 2)


def played(player, *inputs):
    """What a player's network of jaxgan makes of inputs."""
    params = state().players[player].params
    module = game().players[player].module
    return np.asarray(jax.jit(module.apply)({"params": params}, *inputs))


def test_encoder_is_jaxgans():
    """Of captions with words missing, and of one without any."""
    some = np.concatenate([captions(), np.zeros_like(captions()[:1])])
    assert (some == 0).any(axis=1).sum() > 2
    near(modules()[0](torch.tensor(some)), played("text", some))


def test_networks_are_jaxgans():
    _, g, d = modules()
    z, embedded = latents("g"), played("text", captions())
    made = g(torch.tensor(z), torch.tensor(embedded))
    near(made.permute(0, 2, 3, 1), played("generator", z, embedded))
    x = pixels().float() / 127.5 - 1
    image = x.permute(0, 2, 3, 1).numpy()
    near(d(x, torch.tensor(embedded)), played("discriminator", image, embedded))


@functools.lru_cache
def truth():
    return updates(game(), state(), columns())


@functools.lru_cache
def after():
    return stepped(game(), state(), columns())


@pytest.mark.parametrize("way", WAYS)
def test_losses_and_gradients_are_jaxgans(way):
    games, how = torch_text_to_image_games, WAYS[way]
    text, g, d = modules()
    x = pixels().float() / 127.5 - 1
    caption = games.encoded(text, torch.tensor(captions()))
    z_d, z_g = (torch.tensor(latents(objective)) for objective in "dg")
    fake = g(z_d, caption).detach()
    d_loss = games.d_loss(WORK, d, x, fake, caption, **how)
    g_loss = games.g_loss(d, x, g(z_g, caption), caption)
    movers = {"d": (d, "discriminator", d_loss), "g": (g, "generator", g_loss)}
    for objective, (module, player, loss) in movers.items():
        expected, grads = truth()[objective]
        np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
        got = torch.autograd.grad(loss, list(module.parameters()))
        close(got, list(to_torch(player, grads[player])), of_largest=1e-3)


@pytest.mark.parametrize("tuned", [False, True])
def test_step_is_jaxgans(tuned, monkeypatch):
    """D first, then G against the D that has moved; the encoder stands still."""
    games = torch_text_to_image_games
    in_plain_descent(monkeypatch, games)
    drawn = iter([torch.tensor(latents(objective)) for objective in "dg"])
    monkeypatch.setattr(games, "latents", lambda work: next(drawn))
    given = torch.tensor(captions())
    monkeypatch.setattr(games, "drawn", lambda captions: given)
    nets = modules()
    step = games.make_step(WORK, nets, tuned=tuned)
    players = [(n, functools.partial(to_torch, n)) for n in PLAYERS]
    batch = pixels()[None], torch.tensor(columns()["captions"])[None]
    assert_step_moves(step, batch, nets, players, state(), after())


@pytest.mark.parametrize("tuned", [False, True])
def test_flops_are_those_that_torch_counts(tuned):
    work = dataclasses.replace(works.WORKS["text_to_image"], batch_size=2)
    nets = torch_text_to_image.players(work)
    step = torch_text_to_image_games.make_step(work, nets, tuned=tuned)
    image = torch.zeros(1, 2, 3, 32, 32, dtype=torch.uint8)
    with Counter() as counter:
        step(image, torch.ones(1, 2, 5, 18, dtype=torch.int32))
    # The penalties' images have a gradient of the loss, though nothing needs it; and
    # the logit's gradient by the last layer's output does not depend on that layer.
    more, less = 2 * 16 * 3 * 32 * 16**2, 2 * 256
    assert counter.total == flops.of_unit(work) + 2 * 2 * (more - less)


def test_wordings_are_an_images_own():
    torch.manual_seed(0)
    captions = torch.arange(3 * 4000).reshape(4000, 3, 1)
    drawn = torch_text_to_image_games.drawn(captions)[:, 0]
    assert torch.equal(drawn // 3, torch.arange(4000))
    share = np.bincount((drawn % 3).numpy(), minlength=3) / 4000
    np.testing.assert_allclose(share, 1 / 3, atol=0.04)


def test_networks_start_at_jaxgans_scale():
    work = works.WORKS["text_to_image"]
    batch = {
        "image": np.zeros((1, 32, 32, 3), np.uint8),
        "captions": np.ones((1, 5, 18), np.int32),
    }
    start = lambda: jaxgan.init(ours.make_game(work), KEY, batch)
    players = jax.jit(start)().players
    for player, module in zip(PLAYERS, torch_text_to_image.players(work), strict=True):
        arrays = to_torch(player, players[player].params)
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            assert parameter.shape == array.shape
            if parameter.ndim == 1:
                np.testing.assert_array_equal(parameter.detach(), array)
                continue
            std, tolerance = parameter.std().item(), 6 / parameter.numel() ** 0.5
            np.testing.assert_allclose(std, array.std(), rtol=tolerance)


@pytest.mark.parametrize("way", ["eager", "channels_last"])
def test_weights_move_in_bfloat16_too(way, monkeypatch):
    networks = torch_text_to_image
    still = (networks.TextEncoder,)
    work = tiny("text_to_image")
    assert_weights_move_in_bfloat16(work, way, networks, monkeypatch, still=still)


# PyTorch's compiler looks for gradients of fakes.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_compiled_step_is_compiled_once_and_without_a_break(monkeypatch):
    games = torch_text_to_image_games
    batch = pixels()[None], torch.tensor(columns()["captions"])[None]
    with compiled_by_the_front_end(monkeypatch, games):
        step = games.make_step(WORK, modules(), tuned=True, compiled=True)
        assert_is_compiled_once(step, batch)
