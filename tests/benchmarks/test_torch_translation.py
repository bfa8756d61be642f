"""PyTorch's pix2pix and CycleGAN are jaxgan's: networks, losses, steps; and a pool."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from experiments.benchmarks import flops, ours, works
from tests.benchmarks.translation_twins import (
    PLAYERS,
    columns,
    game,
    params,
    state,
    to_torch,
)
from tests.benchmarks.twins import KEY, tiny

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from experiments.benchmarks import (  # noqa: E402
    torch_runs,
    torch_translation,
    torch_translation_games,
)

NAMES = ("pix2pix", "cyclegan")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small sizes gain nothing by a second one, which spins where cores are few."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def modules(name, *, grouped=False):
    """The PyTorch modules with the weights of `state`, without dropout."""
    made = torch_translation.players(tiny(name), grouped=grouped)
    for module, tree in zip(made, params(name, state(name)), strict=True):
        for parameter, array in zip(module.parameters(), to_torch(tree), strict=True):
            assert parameter.shape == array.shape
            parameter.data = torch.tensor(array)
        if hasattr(module, "dropout"):
            module.dropout = torch.nn.Identity()
    return made


def images(name):
    """The batch as uint8 ``[1 b c h w]``, and in [-1, 1] without the first axis."""
    pixels = [torch.tensor(c).permute(0, 3, 1, 2)[None] for c in columns(name).values()]
    return pixels, [x[0].float() / 127.5 - 1 for x in pixels]


def close(parameters, arrays, *, of_largest):
    """To a share of its array's largest number.

    A bias before a norm moves nothing: what its gradient is, is rounding.
    """
    largest = max(np.abs(array).max() for array in arrays)
    for parameter, array in zip(parameters, arrays, strict=True):
        got, least = np.asarray(parameter), 1e-6 * largest
        atol = of_largest * np.abs(array).max() + least
        np.testing.assert_allclose(got, array, rtol=0, atol=atol)


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
        got = (got if judge else got.permute(0, 2, 3, 1)).numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * scale)


@functools.lru_cache
def truth(name):
    """Of both objectives from one state: jaxgan's loss, and its movers' gradients."""

    @jax.jit
    def play(state, batch):
        found = {}
        for objective in ("d", "g"):
            after, metrics = jaxgan.make_update(game(name), objective)(
                state, batch, KEY
            )
            lost = jax.tree.map(jnp.subtract, params(name, state), params(name, after))
            found[objective] = metrics[f"{objective}_loss"], lost
        return found

    return play(state(name), columns(name))


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
            close(got, list(to_torch(grads[i])), of_largest=1e-3)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_step_is_jaxgans(name, tuned, monkeypatch):
    """D first, then G against the D that has moved, and far at rate 1."""
    sgd = lambda work, *moved, **how: torch.optim.SGD(
        [p for module in moved for p in module.parameters()], 1.0
    )
    monkeypatch.setattr(torch_translation_games, "adam", sgd)
    nets = modules(name, grouped=tuned)
    before = [[p.detach().clone() for p in module.parameters()] for module in nets]
    work = tiny(name)
    torch_translation_games.make_step(work, nets, tuned=tuned)(*images(name)[0])
    step = jax.jit(jaxgan.make_train_step(game(name)))
    batch = {n: column[None] for n, column in columns(name).items()}
    start = state(name)
    after, _ = step(start, batch, KEY)
    moved = jax.tree.map(jnp.subtract, params(name, after), params(name, start))
    for old, module, tree in zip(before, nets, moved, strict=True):
        got = [p.detach() - o for p, o in zip(module.parameters(), old, strict=True)]
        expected = list(to_torch(tree))
        largest = max(np.abs(array).max() for array in expected)
        for change, array in zip(got, expected, strict=True):
            np.testing.assert_allclose(change, array, rtol=0, atol=2e-3 * largest)


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
        for parameter in module.parameters():
            if parameter.ndim == 1:
                assert not parameter.any()
                continue
            std, tolerance = parameter.std().item(), 4 / parameter.numel() ** 0.5
            np.testing.assert_allclose(std, 0.02, rtol=tolerance)


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
    made = []
    players = torch_translation.players

    def noted(work, **how):
        made.extend(players(work, **how))
        return made

    monkeypatch.setattr(torch_translation, "players", noted)
    work = dataclasses.replace(tiny(name), bfloat16=True)
    run = getattr(torch_runs, way)({"work": dataclasses.asdict(work), "threads": 1})
    before = [[p.detach().clone() for p in module.parameters()] for module in made]
    run(8)
    for module, old in zip(made, before, strict=True):
        for parameter, start in zip(module.parameters(), old, strict=True):
            assert torch.isfinite(parameter).all()
            assert parameter.dtype == torch.float32
            if parameter.ndim > 1:
                assert not torch.equal(parameter, start)


# PyTorch's compiler looks for gradients of fakes.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_step_is_compiled_once_and_without_a_break(name, monkeypatch):
    """By the compiler's front end alone, which takes no C++ compiler."""
    compile_ = functools.partial(torch.compile, backend="eager", fullgraph=True)
    monkeypatch.setattr(torch_translation_games, "compile_", compile_)
    make_step = torch_translation_games.make_step
    step = make_step(tiny(name), modules(name), tuned=True, compiled=True)
    torch._dynamo.reset()
    try:
        step(*images(name)[0])
        with torch._dynamo.config.patch(error_on_recompile=True):
            step(*images(name)[0])
    finally:
        torch._dynamo.reset()
