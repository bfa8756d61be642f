"""PyTorch's pix2pix and CycleGAN are jaxgan's: networks, losses, steps; and a pool."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks import flops, ours, works
from tests.benchmarks.translation_twins import (
    PLAYERS,
    columns,
    game,
    params,
    state,
    to_torch,
)
from tests.benchmarks.twins import KEY, stepped, tiny, updates

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from experiments.benchmarks import (  # noqa: E402
    torch_pairs,
    torch_translation,
    torch_translation_games,
)
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

NAMES = ("pix2pix", "cyclegan")


def modules(name, *, grouped=False):
    """The PyTorch modules with the weights of `state`, without dropout."""
    made = torch_translation.players(tiny(name), grouped=grouped)
    put(made, map(to_torch, params(name, state(name))))
    for module in made:
        if hasattr(module, "dropout"):
            module.dropout = torch.nn.Identity()
    return made


def images(name):
    """The batch as uint8 ``[1 b c h w]``, and in [-1, 1] without the first axis."""
    pixels = [torch.tensor(c).permute(0, 3, 1, 2)[None] for c in columns(name).values()]
    return pixels, [x[0].float() / 127.5 - 1 for x in pixels]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_networks_are_jaxgans(name, grouped):
    x, y = images(name)[1]
    nets, made = game(name).players, modules(name, grouped=grouped)
    for player, module in zip(PLAYERS[name], made, strict=True):
        judge = player.startswith("d")
        inputs = (x, y) if name == "pix2pix" and judge else (x,)
        with torch.no_grad():
            got = module(torch.cat(inputs, 1))
        arrays = [jnp.asarray(each.permute(0, 2, 3, 1).numpy()) for each in inputs]
        variables = {"params": state(name).players[player].params}
        play = functools.partial(nets[player].module.apply, train=True)
        expected = np.asarray(jax.jit(play)(variables, *arrays))
        expected = expected.reshape(len(x), -1) if judge else expected
        near(got if judge else got.permute(0, 2, 3, 1), expected)


@functools.lru_cache
def truth(name):
    return updates(game(name), state(name), columns(name))


@functools.lru_cache
def after(name):
    return stepped(game(name), state(name), columns(name))


def losses(name, nets, together):
    """Both of PyTorch's losses, of translations made once."""
    games, how = torch_translation_games, {"together": together}
    x, y = images(name)[1]
    if name == "pix2pix":
        g, d = nets
        fake = g(x)
        d_loss = games.pix2pix_d_loss(d, x, y, fake.detach(), **how)
        return d_loss, games.pix2pix_g_loss(d, x, y, fake)
    g_ab, g_ba, d_a, d_b = nets
    fake_b, same_b = games.translated(g_ab, x, y, **how)
    fake_a, same_a = games.translated(g_ba, y, x, **how)
    d_loss = games.cyclegan_d_loss(d_a, x, fake_a.detach(), **how)
    d_loss = d_loss + games.cyclegan_d_loss(d_b, y, fake_b.detach(), **how)
    return d_loss, games.cyclegan_g_loss(nets, x, y, (fake_a, fake_b, same_a, same_b))


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_losses_and_gradients_are_jaxgans(name, tuned):
    nets = modules(name, grouped=tuned)
    half = len(nets) // 2
    movers = {"d": range(half, len(nets)), "g": range(half)}
    found = dict(zip("dg", losses(name, nets, tuned), strict=True))
    for objective, loss in found.items():
        expected, grads = truth(name)[objective]
        np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
        for i in movers[objective]:
            parameters = list(nets[i].parameters())
            got = torch.autograd.grad(loss, parameters, retain_graph=True)
            expected_grads = list(to_torch(grads[PLAYERS[name][i]]))
            close(got, expected_grads, of_largest=1e-3)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_step_is_jaxgans(name, tuned, monkeypatch):
    """D first, then G against the D that has moved, and far at rate 1."""
    in_plain_descent(monkeypatch, torch_pairs, torch_translation_games)
    nets = modules(name, grouped=tuned)
    step = torch_translation_games.make_step(tiny(name), nets, tuned=tuned)
    players = [(player, to_torch) for player in PLAYERS[name]]
    states = state(name), after(name)
    assert_step_moves(step, images(name)[0], nets, players, *states)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_flops_are_those_that_torch_counts(name, tuned):
    work = dataclasses.replace(works.WORKS[name], batch_size=2)
    nets = torch_translation.players(work)
    step = torch_translation_games.make_step(work, nets, tuned=tuned)
    pixels = torch.zeros(1, 2, 1, 32, 32, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        step(pixels, pixels)
    assert counter.get_total_flops() == flops.of_unit(work)


def test_only_pix2pix_has_dropout_and_where_jaxgan_has_it():
    seen, work = [], tiny("pix2pix")

    def note(play, args, kwargs, context):
        if isinstance(context.module, nn.Dropout):
            size, *_, channels = args[0].shape
            seen.append((context.module.rate, (size, channels, *args[0].shape[1:3])))
        return play(*args, **kwargs)

    module = ours.make_game(work).players["generator"].module
    image = jnp.zeros((2, *work.image_shape))
    with nn.intercept_methods(note):
        jax.eval_shape(lambda key: module.init(key, image, train=True), KEY)
    g = torch_translation.players(work)[0]
    found = []
    g.get_submodule("dropout").register_forward_hook(
        lambda module, inputs, made: found.append((module.p, tuple(made.shape)))
    )
    x = torch.randn(2, 1, 16, 16)
    assert not torch.equal(g(x), g(x))
    assert found == seen * 2
    still = torch_translation.players(tiny("cyclegan"))[0]
    assert torch.equal(still(x), still(x))


def test_networks_start_at_jaxgans_scale():
    for module in torch_translation.players(works.WORKS["pix2pix"]):
        for name, parameter in module.named_parameters():
            if parameter.ndim == 1:
                assert not parameter.any()
                continue
            fine = name.startswith(("inward", "outward"))
            expected = (2 / parameter[0].numel()) ** 0.5 if fine else 0.02
            std, tolerance = parameter.std().item(), 4 / parameter.numel() ** 0.5
            np.testing.assert_allclose(std, expected, rtol=tolerance)


def test_pool_shows_and_keeps_every_image_once():
    """At first as it comes; from a full pool, old ones instead of half of the new."""
    pool = torch_translation_games.Pool(50)
    given = torch.arange(2050.0).reshape(-1, 10, 1)
    shown = torch.stack([pool.shown(batch) for batch in given]).flatten()
    np.testing.assert_array_equal(shown[:50], np.arange(50))
    late = shown[50:].numpy()
    kept = torch.stack(pool.images).flatten()
    # The first fifty were stored too, so they are seen twice in all.
    everything = np.sort(np.concatenate([late, kept]))
    np.testing.assert_array_equal(everything, np.arange(2050))
    new = (late == np.arange(50, 2050)).mean()
    np.testing.assert_allclose(new, 0.5, atol=5 * 0.5 / 2000**0.5)


@pytest.mark.parametrize("way", ["eager", "channels_last"])
@pytest.mark.parametrize("name", NAMES)
def test_weights_move_in_bfloat16_too(name, way, monkeypatch):
    assert_weights_move_in_bfloat16(tiny(name), way, torch_translation, monkeypatch)


# PyTorch's compiler looks for gradients of fakes.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_step_is_compiled_once_and_without_a_break(name, monkeypatch):
    games = torch_pairs, torch_translation_games
    with compiled_by_the_front_end(monkeypatch, *games):
        make_step = torch_translation_games.make_step
        step = make_step(tiny(name), modules(name), tuned=True, compiled=True)
        assert_is_compiled_once(step, images(name)[0])
