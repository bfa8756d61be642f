"""Games of any players: the same update plays the classical one, BiGAN and CycleGAN."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import (
    EMA,
    Game,
    InputError,
    Memory,
    Move,
    Objective,
    Player,
    hooks,
    init,
    make_train_step,
    make_update,
    parallel,
)
from jaxgan.checkpoint import leaves
from jaxgan.count import Count
from tests import games, zoo

KEY = games.KEY
ROUND = ("d", Move(objective="g", fresh=False))


def pairs(size: int = 16, n: int = 1):
    random = np.random.default_rng(0)
    draw = lambda: random.integers(0, 256, (n, size, 8, 8, 1), np.uint8)
    return {"a": draw(), "b": draw()}


def faces(size: int = 16, n: int = 1):
    return {"image": pairs(size, n)["a"]}


GAMES = {
    "bigan": (functools.partial(zoo.bigan, 0.1), faces),
    "cyclegan": (zoo.cyclegan, pairs),
}


def first(batch):
    return jax.tree.map(lambda leaf: leaf[0], batch)


@pytest.mark.parametrize(
    "make", [games.mlp, games.dcgan, lambda: games.mlp(condition="label")]
)
def test_classical_game_is_that_of_gan_to_the_bit(make):
    """Parameters, Adam's moments, statistics, average and metrics, after 3 rounds."""
    gan = make()
    game, old = zoo.classical(gan), games.init(gan)
    new = init(game, KEY, games.batch())
    steps = [jax.jit(make_update(game, name)) for name in ("d", "g")]
    makers = (jaxgan.make_d_step, jaxgan.make_g_step)
    for _ in range(3):
        for step, maker in zip(steps, makers, strict=True):
            new, found = step(new, games.batch(), KEY)
            old, expected = games.step(maker, gan)(old, games.batch(), KEY)
            assert found.keys() == expected.keys()
            games.assert_equal(found, expected)
    games.assert_equal(new, old)
    assert int(new.images) == 48


@pytest.mark.parametrize("name", GAMES)
def test_who_does_not_move_stays_and_who_moves_moves_together(name):
    make, batch = GAMES[name]
    game, batch = make(), first(batch())
    state = init(game, KEY, batch)
    for objective, each in game.objectives.items():
        after, metrics = jax.jit(make_update(game, objective))(state, batch, KEY)
        for player in game.players:
            same = jax.tree.map(
                lambda a, b: bool((a == b).all()),
                state.players[player].params,
                after.players[player].params,
            )
            assert all(jax.tree.leaves(same)) == (player not in each.players)
        assert after.updates[objective] == 1
        assert np.isfinite(list(metrics.values())).all()


@pytest.mark.parametrize("name", GAMES)
def test_one_device_eight_and_microbatches_play_the_same(name):
    """In exact draws; sums are taken in another order."""
    make, batches = GAMES[name]
    game, batch = make(), batches()
    state = init(game, KEY, first(batch))

    def play(step, state):
        for _ in range(2):
            state, metrics = step(state, batch, KEY)
        return jax.device_get((state, metrics))

    alone = play(jax.jit(make_train_step(game, schedule=ROUND)), state)
    step = make_train_step(game, schedule=ROUND, axis_name=parallel.AXIS)
    shared = play(parallel.spread(step, batch_axis=1), parallel.put_shared(state))
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, shared, alone)
    if name == "bigan":  # batch norm sees each part by itself
        step = make_train_step(game, schedule=ROUND, microbatches=4)
        jax.tree.map(close, play(jax.jit(step), state), alone)


def test_pmap_and_shard_map_are_the_same_to_the_bit():
    game, batch = zoo.cyclegan(), pairs()
    state = init(game, KEY, first(batch))
    step = make_train_step(game, schedule=ROUND, axis_name=parallel.AXIS)
    mesh = jax.sharding.Mesh(np.array(jax.devices()), (parallel.AXIS,))
    sharded = jax.jit(parallel.shard(step, mesh, batch_axis=1))
    spread = parallel.spread(step, batch_axis=1)
    one, other = (play(state, batch, KEY) for play in (spread, sharded))
    games.assert_equal(jax.device_get(one), jax.device_get(other))


def test_pool_keeps_the_fakes_of_all_devices_in_their_order():
    game, batch = zoo.cyclegan(), pairs()
    state = init(game, KEY, first(batch))
    fakes = game.players["ab"].module.apply(
        state.players["ab"].variables, as_float(batch["a"][0]), train=True
    )
    step = make_update(game, "d", axis_name=parallel.AXIS)
    after, _ = parallel.spread(step)(parallel.put_shared(state), first(batch), KEY)
    np.testing.assert_allclose(after.memory["pool"], fakes[: zoo.POOL], atol=1e-5)


def as_float(pixels):
    return jaxgan.images.as_float(pixels)


def test_a_state_resumes_to_the_bit():
    """Through bytes: leaf by leaf, as a checkpoint holds them."""
    game, batch = zoo.cyclegan(), pairs()
    step = jax.jit(make_train_step(game, schedule=ROUND))
    state, _ = step(init(game, KEY, first(batch)), batch, KEY)
    stored = {path: np.asarray(leaf) for path, leaf in leaves.by_path(state).items()}
    like = jax.eval_shape(lambda: init(game, KEY, first(batch)))
    restored = jax.tree.unflatten(jax.tree.structure(like), list(stored.values()))
    games.assert_equal(step(restored, batch, KEY), step(state, batch, KEY))


class Slope(games.First):
    """One weight: ``x -> slope * x``, whatever the inputs."""


def one_player(loss, **how):
    player = Player(module=Slope(), optimizer=optax.sgd(1.0), **how)
    objective = Objective(players=("p",), loss=loss)
    return Game(players={"p": player}, objectives={"o": objective}, clock="o")


POINTS = {"x": jnp.arange(1.0, 17.0).reshape(16, 1)}


@pytest.mark.parametrize("devices", [1, 8])
def test_mean_over_the_batch_has_the_gradient_of_the_whole(devices):
    """The variance of slope * x: its gradient by the slope is 2 slope var(x)."""

    def loss(nets, batch, turn):
        y = nets("p", batch["x"])
        return jnp.square(y - turn.mean(y)), {}

    game = one_player(loss)
    state = init(game, KEY, POINTS)
    if devices == 1:
        after, metrics = jax.jit(make_update(game, "o"))(state, POINTS, KEY)
    else:
        step = parallel.spread(make_update(game, "o", axis_name=parallel.AXIS))
        after, metrics = step(parallel.put_shared(state), POINTS, KEY)
    variance = np.var(np.arange(1, 17))
    np.testing.assert_allclose(metrics["o_loss"], variance, rtol=1e-6)
    slope = after.players["p"].params["slope"]
    np.testing.assert_allclose(slope, 1 - 2 * variance, rtol=1e-6)
    with pytest.raises(InputError, match="microbatches"):
        make_update(game, "o", microbatches=2)(state, POINTS, KEY)


def test_alone_is_the_network_on_one_example():
    """A penalty by hand: the squared slope, alike for all examples."""

    def loss(nets, batch, turn):
        critic = nets.alone("p")
        slope = jax.vmap(jax.grad(lambda x, key: critic(key, x)))
        squared = jnp.square(slope(batch["x"], turn.draws("penalty"))).sum(axis=1)
        return squared, {"x": nets("p", batch["x"])}

    game = one_player(loss)
    state, metrics = make_update(game, "o")(init(game, KEY, POINTS), POINTS, KEY)
    assert metrics["o_loss"] == 1
    assert metrics["o_x"] == 8.5
    assert state.players["p"].params["slope"] == -1  # 1 - 2 slope


def test_memory_is_updated_after_its_objectives_with_means():
    def loss(nets, batch, turn):
        y = nets("p", batch["x"]) * turn.memory["strength"]
        return y, {"sign": jnp.sign(y)}

    def update(strength, outputs, turn):
        return strength + outputs["sign"] * (1 + turn.images)

    game = one_player(loss)
    memory = Memory(init=lambda: jnp.float32(0.5), update=update, after=("o",))
    game = Game(**{**vars(game), "memory": {"strength": memory}})
    state = init(game, KEY, POINTS)
    for expected in (1.5, 1.5 - 17):  # the slope is 1 - 4.25 after the first step
        state, _ = make_update(game, "o")(state, POINTS, KEY)
        np.testing.assert_allclose(state.memory["strength"], expected)


def test_of_two_memories_only_the_one_that_asks_reads_an_output_whole():
    loss = lambda nets, batch, turn: (nets("p", batch["x"]), {"x": batch["x"][:, 0]})
    read = lambda value, outputs, turn: value + outputs["x"]
    how = {"update": read, "after": ("o",)}
    memory = {
        "all": Memory(init=lambda: jnp.zeros(16), whole=("x",), **how),
        "mean": Memory(init=lambda: jnp.zeros(()), **how),
    }
    game = Game(**{**vars(one_player(loss)), "memory": memory})
    state, _ = make_update(game, "o")(init(game, KEY, POINTS), POINTS, KEY)
    np.testing.assert_array_equal(state.memory["all"], np.arange(1, 17))
    np.testing.assert_array_equal(state.memory["mean"], 8.5)


def test_memory_of_plain_numbers_is_continued(tmp_path):
    def played(steps):
        loss = lambda nets, batch, turn: (nets("p", batch["x"]), {"one": 1})
        memory = Memory(
            init=lambda: {"python": 0.0, "numpy": np.zeros(()), "count": 0},
            update=lambda value, outputs, turn: jax.tree.map(lambda x: x + 1, value),
            after=("o",),
        )
        game = Game(**{**vars(one_player(loss)), "memory": {"m": memory}})
        state, how = init(game, KEY, POINTS), {"steps": steps, "batch_size": 8}
        how |= {"hooks": [hooks.Checkpoint(tmp_path), hooks.Log(tmp_path)]}
        return jaxgan.fit(game, state, POINTS, KEY, schedule=("o",), **how)

    played(2)
    assert played(5).memory["m"] == {"python": 5, "numpy": 5, "count": 5}
    assert hooks.read_metrics(tmp_path)[-1]["o_one"] == 1


def test_moves_with_a_period_are_made_in_their_rounds():
    loss = lambda nets, batch, turn: (nets("p", batch["x"]), {})
    player = Player(module=Slope(), optimizer=optax.sgd(0.0))
    objective = Objective(players=("p",), loss=loss)
    game = Game(
        players={"p": player}, objectives={"o": objective, "lazy": objective}, clock="o"
    )
    schedule = ("o", "o", Move(objective="lazy", fresh=False, every=3))
    step = jax.jit(make_train_step(game, schedule=schedule))
    batch = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), POINTS)
    state, lazy = init(game, KEY, POINTS), []
    for _ in range(4):
        state, metrics = step(state, batch, KEY)
        lazy.append(float(metrics["lazy_loss"]))
        np.testing.assert_allclose(metrics["o_loss"], 1.5 * 8.5)  # the mean of both
    np.testing.assert_allclose(lazy, [17, 0, 0, 17])  # the last fresh batch, or none
    assert {name: int(n) for name, n in state.updates.items()} == {"o": 8, "lazy": 2}
    assert int(state.images) == 8 * 16
    with pytest.raises(InputError, match=r"\[2 b"):
        step(state, jax.tree.map(lambda x: x[:1], batch), KEY)


def test_collections_that_are_not_averaged_are_copied():
    policy = EMA(half_life=100, ramp_up=None)
    old = {"params": {"w": jnp.zeros(2)}, "vectors": {"u": jnp.zeros(2)}}
    new = {"params": {"w": jnp.ones(2)}, "vectors": {"u": jnp.ones(2)}}
    found = policy.update(old, new, jnp.float32(0), 100)
    np.testing.assert_allclose(found["params"]["w"], 0.5)
    np.testing.assert_array_equal(found["vectors"]["u"], 1)
    late = EMA(half_life=lambda images: images, ramp_up=None)
    found = late.update(old, new, jnp.float32(200), 100)
    np.testing.assert_allclose(found["params"]["w"], 1 - 0.5**0.5, rtol=1e-6)


@pytest.mark.usefixtures("no_type_checks")
def test_list_of_conditions_is_refused():
    game = one_player(lambda nets, batch, turn: (nets("p", batch["x"]), {}))
    with pytest.raises(InputError, match=r"tuple.*\['label'\]"):
        Game(**{**vars(game), "condition": ["label"]})


@pytest.mark.parametrize("start", [0, 2**20 - 1, 2**31 - 1 - 512, 2**40 + 7])
def test_count_of_images_holds_beyond_32_bits(start):
    count, add = Count.of(start), jax.jit(lambda count: count.plus(256))
    for i in range(1, 6):
        count = add(count)
        assert int(count) == start + 256 * i
        np.testing.assert_allclose(count.as_float(), start + 256 * i, rtol=1e-7)


def test_what_does_not_fit_is_refused():
    loss = lambda nets, batch, turn: (nets("p", batch["x"]), {})
    game = one_player(loss)
    with pytest.raises(InputError, match="clock"):
        Game(**{**vars(game), "clock": "p"})
    with pytest.raises(InputError, match="nobody"):
        Game(**{**vars(game), "objectives": {
            "o": Objective(players=("nobody",), loss=loss)
        }})  # fmt: skip
    more = {**game.players, "q": game.players["p"]}
    with pytest.raises(InputError, match="No objective plays 'q'"):
        init(Game(**{**vars(game), "players": more}), KEY, POINTS)
    with pytest.raises(InputError, match="same number of examples"):
        init(game, KEY, {**POINTS, "y": jnp.zeros(3)})
    scalar = one_player(lambda nets, batch, turn: (nets("p", batch["x"]).mean(), {}))
    state = init(scalar, KEY, POINTS)
    with pytest.raises(InputError, match="one number"):
        make_update(scalar, "o")(state, POINTS, KEY)
    with pytest.raises(InputError, match="must begin with"):
        make_train_step(game, schedule=(Move(objective="o", fresh=False),))
