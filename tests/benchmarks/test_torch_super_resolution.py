"""PyTorch's SRResNet and SRGAN are jaxgan's: networks, losses, steps; and parts."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from experiments.benchmarks import flops, ours, works
from jaxgan.methods import aligned_parts
from tests.benchmarks.super_resolution_twins import (
    PLAYERS,
    columns,
    game,
    played,
    state,
    to_torch,
)
from tests.benchmarks.twins import KEY, stepped, tiny, updates

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from experiments.benchmarks import (  # noqa: E402
    torch_pairs,
    torch_super_resolution,
    torch_super_resolution_games,
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

NAMES = ("srresnet", "srgan")


def modules(name):
    """The PyTorch modules with the weights of `state`."""
    players = state(name).players
    trees = [to_torch(players[player].params) for player in PLAYERS[name]]
    return put(torch_super_resolution.players(tiny(name)), trees)


def mirrored(array):
    """Images ``[b h w c]`` as PyTorch's networks see them."""
    made = torch.tensor(array[:, ::-1, ::-1].copy())
    return made.permute(0, 3, 1, 2)


def seen(name):
    """The parts that are played, mirrored, in [-1, 1]."""
    return [mirrored(part).float() / 127.5 - 1 for part in played(name).values()]


def of_jaxgan(name, player, image):
    """What a player's network makes of a mirrored image, not mirrored itself."""
    players = state(name).players
    variables = {"params": players[player].params}
    module = game(name).players[player].module
    x = image.permute(0, 2, 3, 1).numpy()[:, ::-1, ::-1]
    made = jax.jit(module.apply)(variables, jnp.asarray(x))
    return jax.tree.map(np.asarray, made)


def test_networks_are_jaxgans():
    x, y = seen("srgan")
    g, d = modules("srgan")
    with torch.no_grad():
        made, (logits, features) = g(x), d(y)
    near(made, mirrored(of_jaxgan("srgan", "generator", x)).numpy())
    expected = of_jaxgan("srgan", "discriminator", y)
    near(logits, expected["logits"])
    maps = expected["features"]
    for got, name in zip(features, sorted(maps), strict=True):
        near(got, mirrored(maps[name]).numpy())


@functools.lru_cache
def truth(name):
    return updates(game(name), state(name), columns(name))


@functools.lru_cache
def after(name):
    return stepped(game(name), state(name), columns(name))


def losses(name, nets, together):
    """PyTorch's losses by objective, of an image made once."""
    x, y = seen(name)
    fake = nets[0](x)
    if name == "srresnet":
        return {"g": torch.nn.functional.l1_loss(fake, y)}
    games, d = torch_super_resolution_games, nets[1]
    d_loss = games.srgan_d_loss(d, x, y, fake.detach(), together=together)
    return {"d": d_loss, "g": games.srgan_g_loss(d, x, y, fake)}


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_losses_and_gradients_are_jaxgans(name, tuned):
    nets = modules(name)
    movers = {"g": (nets[0], "generator"), "d": (nets[-1], "discriminator")}
    for objective, loss in losses(name, nets, tuned).items():
        expected, grads = truth(name)[objective]
        np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
        module, player = movers[objective]
        got = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)
        close(got, list(to_torch(grads[player])), of_largest=1e-3)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_step_is_jaxgans(name, tuned, monkeypatch):
    """D first, then G against the D that has moved, on the same parts."""
    games = torch_super_resolution_games
    in_plain_descent(monkeypatch, torch_pairs, games)
    parts = [mirrored(part) for part in played(name).values()]
    monkeypatch.setattr(games, "parts", lambda work, small, whole: parts)
    monkeypatch.setattr(games, "recoloured", lambda small, whole: (small, whole))
    nets = modules(name)
    step = games.make_step(tiny(name), nets, tuned=tuned)
    players = [(player, to_torch) for player in PLAYERS[name]]
    given = [part[None] for part in parts]
    assert_step_moves(step, given, nets, players, state(name), after(name))


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_flops_are_those_that_torch_counts(name, tuned):
    work = dataclasses.replace(works.WORKS[name], batch_size=2)
    nets = torch_super_resolution.players(work)
    step = torch_super_resolution_games.make_step(work, nets, tuned=tuned)
    shapes = ((1, 2, 3, side, side) for side in (24, 96))
    small, whole = (torch.zeros(shape, dtype=torch.uint8) for shape in shapes)
    with FlopCounterMode(display=False) as counter:
        step(small, whole)
    assert counter.get_total_flops() == flops.of_unit(work)


def windows(image, side):
    """The bytes of all square parts of an image ``[h w]``, in all eight ways."""
    height, width = image.shape
    starts = itertools.product(range(height - side + 1), range(width - side + 1))
    for y, x in starts:
        part = image[y : y + side, x : x + side]
        for flipped in (part, part[::-1]):
            for turns in range(4):
                yield np.rot90(flipped, turns).tobytes()


def test_parts_are_aligned_and_equally_often_of_every_place_and_way():
    torch.manual_seed(0)
    work, count = tiny("srgan"), 8000
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    small = torch.tensor(image).expand(count, 1, 8, 8)
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    part, target = torch_super_resolution_games.parts(work, small, large)
    assert part.shape == (count, 1, 4, 4)
    again = part.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.equal(target, again)
    found = [one.tobytes() for one in part.numpy()]
    expected = list(windows(image, 4))
    assert set(found) == set(expected)
    assert len(set(expected)) == len(expected) == 5 * 5 * 8
    # Forty of each are expected; five standard deviations of a count are 32.
    assert all(8 < found.count(one) < 72 for one in expected)


def test_colours_are_changed_as_by_jaxgan():
    """By the same law: exchanged, with a gain, towards a mean, in both images alike."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 3 * 16).reshape(1, 3, 4, 4).expand(4000, -1, -1, -1)
    y = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    few, many = torch_super_resolution_games.recoloured(x, y)
    assert torch.equal(many[:, :, ::2, ::2], few)
    whole = jax.vmap(aligned_parts.recoloured, (0, None, None))
    keys = jax.random.split(KEY, 4000)
    image = jnp.asarray(x[0].permute(1, 2, 0).numpy())
    theirs = np.asarray(whole(keys, image, image)[0]).transpose(0, 3, 1, 2)
    for of in (np.mean, np.std):
        np.testing.assert_allclose(of(few.numpy(), 0), of(theirs, 0), atol=0.05)
    np.testing.assert_allclose(
        np.cov(few.flatten(1).numpy().T), np.cov(theirs.reshape(4000, -1).T), atol=0.05
    )


def test_networks_start_at_jaxgans_scale():
    work = works.WORKS["srgan"]
    start = lambda: jaxgan.init(ours.make_game(work), KEY, columns_of_one(work))
    players = jax.jit(start)().players
    nets = torch_super_resolution.players(work)
    for player, module in zip(PLAYERS["srgan"], nets, strict=True):
        arrays = to_torch(players[player].params)
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            assert parameter.shape == array.shape
            if parameter.ndim == 1:
                assert not parameter.any()
                continue
            tolerance = 6 / parameter.numel() ** 0.5
            std = parameter.std().item()
            np.testing.assert_allclose(std, array.std(), rtol=tolerance)


def columns_of_one(work):
    shapes = work.columns.items()
    return {name: np.zeros((1, *shape), np.uint8) for name, shape in shapes}


@pytest.mark.parametrize("way", ["eager", "channels_last"])
@pytest.mark.parametrize("name", NAMES)
def test_weights_move_in_bfloat16_too(name, way, monkeypatch):
    networks = torch_super_resolution
    assert_weights_move_in_bfloat16(tiny(name), way, networks, monkeypatch)


# PyTorch's compiler looks for gradients of fakes.
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("name", NAMES)
def test_compiled_step_is_compiled_once_and_without_a_break(name, monkeypatch):
    games = torch_super_resolution_games
    tables = [torch.tensor(c).permute(0, 3, 1, 2)[None] for c in columns(name).values()]
    with compiled_by_the_front_end(monkeypatch, torch_pairs, games):
        step = games.make_step(tiny(name), modules(name), tuned=True, compiled=True)
        assert_is_compiled_once(step, tables)
