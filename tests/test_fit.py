"""`jaxgan.fit`: any game and any data, to the same bits however it is fed and cut."""

import dataclasses
import itertools
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import chunks, feed, hooks, loop, parallel
from jaxgan.checkpoint import digest
from tests import games
from tests.fitting import HOW, KEY, pairs, points, ring, translation

GAMES = {"points": (ring, points), "image to image": (translation, pairs)}


@pytest.fixture(params=GAMES, ids=list(GAMES))
def case(request):
    make_game, make_data = GAMES[request.param]
    game, data = make_game(), make_data()
    return game, data, jaxgan.init(game, KEY, data)


def usual(folder, every: int = 4) -> tuple[hooks.Hook, ...]:
    return (
        hooks.Log(folder, every=2),
        hooks.TensorBoard(folder / "tensorboard"),
        hooks.CollapseMonitor(every=2),
        hooks.Evaluate([jaxgan.evaluation.TwoSample(samples=32)], every=6),
        hooks.Samples(folder, every=6),
        hooks.Checkpoint(folder / "checkpoints", every=every),
    )


def by_hand(game, data, state, *, steps: int, batch_size: int, d_steps: int = 1):
    """The steps one after another, on the whole batch, by `make_train_step` alone."""
    step = jax.jit(jaxgan.make_train_step(game, d_steps=d_steps))
    count = len(jax.tree.leaves(data)[0])
    for i in range(steps):
        rows = jaxgan.data.batch_indices(
            5, start=i, steps=1, d_steps=d_steps, batch_size=batch_size, n=count
        )[0]
        state, _ = step(state, jax.tree.map(lambda leaf: leaf[rows], data), KEY)  # noqa: B023
    return state


@pytest.mark.digest
def test_any_game_continues_to_the_same_bits_and_leaves_its_files(case, tmp_path):
    game, data, state = case
    whole = jaxgan.fit(game, state, data, KEY, **HOW, hooks=usual(tmp_path / "a"))
    half = {**HOW, "steps": 7}
    jaxgan.fit(game, state, data, KEY, **half, hooks=usual(tmp_path / "b"))
    again = jaxgan.fit(game, state, data, KEY, **HOW, hooks=usual(tmp_path / "b"))
    assert digest(again) == digest(whole)
    rows = hooks.read_metrics(tmp_path / "a")
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10, 12]
    assert {"two_sample", "distance_ratio", "g_loss"} <= set(rows[-1])
    timed = ("seconds", "images_per_second")
    drop = lambda row: {k: v for k, v in row.items() if k not in timed}
    kept = {row["step"]: drop(row) for row in hooks.read_metrics(tmp_path / "b")}
    # The first session ended at 7, where everything is due.
    assert all(
        kept[row["step"]] == drop(row) for row in rows if row["step"] not in (8,)
    )
    pictures = {path.name for path in (tmp_path / "a" / "samples").iterdir()}
    assert pictures == {"00000000.png", "00000006.png", "00000012.png"}


def test_all_devices_play_what_a_loop_by_hand_plays_on_one(case):
    game, data, state = case
    assert jax.device_count() == 8
    found = jaxgan.fit(game, state, data, KEY, **HOW, d_steps=2)
    expected = by_hand(game, data, state, **HOW, d_steps=2)
    for name in game.players:
        ours, theirs = found.players[name].params, expected.players[name].params
        games.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


class Joined(nn.Module):
    """A linear layer of an array and the arrays of a condition."""

    width: int

    @nn.compact
    def __call__(self, x, told):
        x = jnp.concatenate([x, jax.nn.one_hot(told["label"], 3), told["text"]], axis=1)
        return nn.Dense(self.width)(x)


def test_hooks_take_conditions_of_several_arrays(tmp_path):
    random = np.random.default_rng(0)
    text = random.standard_normal((64, 2), np.float32)
    told = {"label": np.arange(64, dtype=np.int32) % 3, "text": text}
    data = {**points(), "told": told}
    networks = {"generator": Joined(2), "discriminator": Joined(1)}
    game = dataclasses.replace(ring(), **networks, condition="told")
    state = jaxgan.init(game, KEY, data)
    jaxgan.fit(game, state, data, KEY, **HOW, hooks=usual(tmp_path))
    row = hooks.read_metrics(tmp_path)[-1]
    assert {"two_sample", "distance_ratio"} <= set(row)
    assert (tmp_path / "samples.png").exists()


def test_hooks_may_be_used_again_for_other_data(tmp_path):
    """Each run compares its samples with its own data."""
    game, seen = ring(), []

    def count(sampler, data, key):
        seen.append(len(data))
        return {"n": jaxgan.metrics.Result(name="n", value=len(data), protocol="p")}

    given = (
        hooks.CollapseMonitor(every=2),
        hooks.Evaluate([count]),
        hooks.Samples(tmp_path, every=2),
    )
    how = {"steps": 2, "batch_size": 8, "hooks": given}
    far = {"image": points(32)["image"] + 100}
    for data in (points(64), far):
        state = jaxgan.init(game, KEY, data)
        jaxgan.fit(game, state, data, KEY, **how)
    assert seen == [64, 32]
    again = (tmp_path / "samples.png").read_bytes()
    fresh = hooks.Samples(tmp_path / "fresh", every=2)
    jaxgan.fit(game, state, far, KEY, **{**how, "hooks": (fresh,)})
    assert again == (tmp_path / "fresh" / "samples.png").read_bytes()


def test_samples_of_an_iterator_are_shown_by_their_shape(tmp_path):
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    batches = itertools.repeat({"image": data["image"][:8]})
    hook = hooks.Samples(tmp_path)
    jaxgan.fit(game, state, batches, KEY, steps=2, hooks=(hook,))
    assert (tmp_path / "samples.png").exists()


@pytest.mark.digest
def test_however_the_data_come_the_bits_are_the_same(case, tmp_path):
    game, data, state = case
    expected = digest(jaxgan.fit(game, state, data, KEY, **HOW))
    streamed = jaxgan.fit(game, state, data, KEY, **HOW, device_cache_mib=0)
    assert digest(streamed) == expected
    held = jax.tree.map(lambda leaf: leaf[:4], data)
    ours = jaxgan.data.from_arrays(data, held)
    assert digest(jaxgan.fit(game, state, ours, KEY, **HOW)) == expected
    order = feed.order_seed(KEY)
    count = len(jax.tree.leaves(data)[0])

    def batches():
        for i in itertools.count():
            rows = jaxgan.data.batch_indices(
                order, start=i, steps=1, d_steps=1, batch_size=8, n=count
            )[0, 0]
            yield jax.tree.map(lambda leaf: leaf[rows], data)  # noqa: B023

    one_by_one = jaxgan.fit(game, state, batches(), KEY, steps=12)
    assert digest(one_by_one) == expected
    frequent = (hooks.Log(tmp_path, every=1),)
    cut = jaxgan.fit(game, state, data, KEY, **HOW, hooks=frequent)
    assert digest(cut) == expected


@pytest.mark.parametrize("fed", ["resident", "streamed", "iterator"])
def test_a_second_call_compiles_nothing(fed):
    traced = []

    class Counting(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            traced.append(train)
            return nn.Dense(1)(x)[:, 0]

    game, data = dataclasses.replace(ring(), discriminator=Counting()), points()
    how = {} if fed == "iterator" else {"batch_size": 8}
    how |= {"device_cache_mib": 0} if fed == "streamed" else {}
    eight = {"image": data["image"][:8]}
    given = lambda: itertools.repeat(eight) if fed == "iterator" else data
    state = jaxgan.init(game, KEY, data)
    state = jaxgan.fit(game, state, given(), KEY, steps=20, **how)
    before = len(traced)
    assert before > 0
    state = jaxgan.fit(game, state, given(), KEY, steps=40, **how)
    assert (int(state.step), len(traced)) == (40, before)
    jaxgan.fit(dataclasses.replace(game), state, given(), KEY, steps=60, **how)
    assert len(traced) > before  # another game, though it looks the same


def test_the_last_few_games_programs_are_kept(monkeypatch):
    made = []
    make = lambda game, **how: made.append(game) or print
    monkeypatch.setattr(chunks, "make_chunk", make)
    monkeypatch.setattr(chunks, "_kept", {})
    some = [ring() for _ in range(chunks._KEPT + 1)]
    play = lambda game: chunks.kept_chunk(game, schedule=["d", "g"], resident=True)
    for game in [*some[:-1], some[0], some[-1], some[0], some[1]]:
        play(game)
    assert [some.index(game) for game in made] == [*range(len(some)), 1]


def test_a_chunk_of_an_iterators_batches_is_bounded_in_memory():
    batch = {"image": np.zeros((64, 256, 256, 1), np.float32)}  # 16 MiB
    for fresh, expected in ((1, 8), (3, 2), (9, 1)):
        found = feed.from_iterator(itertools.repeat(batch), fresh, 1_000)
        assert found[1] == expected
    assert feed.from_iterator(itertools.repeat(batch), 1, 3)[1] == 3


def test_schedule_takes_as_many_batches_as_it_plays():
    game, data = ring(), points()
    state = jaxgan.init(game, KEY, data)
    schedule = ("d", "g", "g")
    found = jaxgan.fit(game, state, data, KEY, **HOW, schedule=schedule)
    assert (int(found.updates["d"]), int(found.updates["g"])) == (12, 24)
    assert int(found.rounds) == 12


def test_seed_of_the_order_is_that_of_the_key():
    for seed in (0, 7, 2**32 - 1):
        assert feed.order_seed(jax.random.key(seed)) == seed
        assert feed.order_seed(jax.random.PRNGKey(seed)) == seed
    assert feed.order_seed(jax.random.fold_in(KEY, 1)) != feed.order_seed(KEY)


def test_hooks_are_called_in_the_order_that_is_documented():
    game, data = ring(), points()
    state, calls = jaxgan.init(game, KEY, data), []

    class Told(hooks.Hook):
        every = 5

        def restore(self, run):
            calls.append("restore")

        def begin(self, run):
            calls.append("begin")

        def measure(self, run):
            calls.append(f"measure {run.step}")
            return {"two": 2.0}

        def line(self, run, row):
            calls.append(json.dumps(row))

        def act(self, run):
            calls.append(f"act {run.step}")

        def end(self, run):
            calls.append("end")

        def close(self, error):
            calls.append(f"close {error}")

    jaxgan.fit(game, state, data, KEY, steps=7, batch_size=8, hooks=(Told(),))
    each = lambda n: [f"measure {n}", f'{{"step": {n}, "two": 2.0}}', f"act {n}"]
    assert calls == ["restore", "begin", *each(5), *each(7), "end", "close None"]


def test_chunks_end_where_something_is_due():
    def stops(pace):
        step, found = 0, []
        while step < 50:
            step += min(loop.until_event([10, 25, 20], step, 50), pace)
            found.append(step)
        return found

    assert stops(10) == [10, 20, 25, 30, 40, 50]
    assert stops(15) == [10, 20, 25, 30, 40, 50]
    assert stops(4)[:6] == [4, 8, 10, 14, 18, 20]


def test_every_device_gets_its_share():
    assert parallel.columns(8).tolist() == list(range(8))
