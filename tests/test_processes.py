"""Two processes: each example and its latent are those that one process has."""

import jax
import numpy as np
import pytest

import jaxgan
from jaxgan import feed, processes
from jaxgan.data import ImageSet
from tests import games, launch

# What each process runs: one G-step on its half of the batch, its latents saved, and
# the examples of four steps, by both ways that a run is fed.
WORKER = """
import sys
import jax, numpy as np
from jaxgan import processes
processes.join(sys.argv[1], 2, int(sys.argv[2]))
import jaxgan
from jaxgan import parallel
from tests import games, test_processes
gan = games.points(discriminator=games.Spy())
batch = {"image": np.zeros((8, 2), np.float32)}
state = jaxgan.init(gan, games.KEY, batch)
games.SEEN.clear()
step = parallel.spread(jaxgan.make_g_step(gan, axis_name=parallel.AXIS))
state, metrics = step(jax.device_get(state), batch, games.KEY)
jax.block_until_ready(state)
jax.effects_barrier()
rows, examples = test_processes.fed()
np.savez(sys.argv[3], latents=np.concatenate(games.SEEN), rows=rows, examples=examples)
print(float(metrics["g_fake_logit"]))
"""


def fed() -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and streamed examples of four steps, ``[m k b]`` of this process."""
    images = ImageSet(np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1), None, ())
    order = feed.Order(seed=0, batch_size=16, fresh=2, start=0, stop=4)
    _, rows = feed.resident(images, order, 4)(4)
    table, _ = feed.streamed(images, order, 4)(4)
    # On the devices they are [d m k b/d].
    whole = lambda shares: np.concatenate(list(np.asarray(shares)), axis=2)
    return whole(rows), whole(table["image"])[..., 0, 0, 0]


@pytest.fixture(scope="module")
def halves(tmp_path_factory, pytestconfig):
    """What two processes of two devices saved, and the mean logit they printed."""
    folder, address = tmp_path_factory.mktemp("halves"), launch.free_address()
    env = launch.environment(devices=2)
    # As in this process: the last bit depends on it.
    off = not pytestconfig.getoption("--optimized")
    env["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(int(off))
    commands = [["-c", WORKER, address, rank, folder / str(rank)] for rank in range(2)]
    ended = launch.run(commands, env)
    assert [process.code for process in ended] == [0, 0], ended
    saved = [np.load(folder / f"{rank}.npz", allow_pickle=False) for rank in range(2)]
    return saved, [float(process.out.splitlines()[-1]) for process in ended]


@pytest.mark.digest
def test_latents_differ_between_processes_as_in_one(halves):
    saved, logits = halves
    gan = games.points(discriminator=games.Spy())
    batch = {"image": np.zeros((16, 2), np.float32)}
    state = jaxgan.init(gan, games.KEY, batch)
    games.SEEN.clear()
    _, metrics = jax.jit(jaxgan.make_g_step(gan))(state, batch, games.KEY)
    jax.effects_barrier()
    rows = lambda x: np.sort(x.view([("", x.dtype)] * 2), axis=0)
    alone = np.concatenate(games.SEEN)
    for rank, half in enumerate(saved):
        mine = alone[8 * rank : 8 * rank + 8]
        np.testing.assert_array_equal(rows(half["latents"]), rows(mine))
    np.testing.assert_allclose(logits, [metrics["g_fake_logit"]] * 2, rtol=1e-5)


@pytest.mark.parametrize("way", [0, 1], ids=["resident", "streamed"])
@pytest.mark.digest
def test_processes_share_the_examples_that_one_process_plays(halves, way):
    saved, _ = halves
    both = np.concatenate([half[("rows", "examples")[way]] for half in saved], axis=2)
    assert both.shape == (4, 2, 16)
    np.testing.assert_array_equal(both, fed()[way])


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (("127.0.0.1:80", None, None), "together"),
        ((None, 2, None), "together"),
        ((None, None, 0), "together"),
        (("localhost", 2, 0), "HOST:PORT .*localhost"),
        (("localhost:http", 2, 0), "HOST:PORT"),
        ((":80", 2, 0), "HOST:PORT"),
        (("localhost:70000", 2, 0), "HOST:PORT"),
        (("localhost:80", 2, 2), "got --process 2 of --processes 2"),
        (("localhost:80", 2, -1), "got --process -1 of --processes 2"),
        (("localhost:80", 0, 0), "got --process 0 of --processes 0"),
    ],
    ids=str,
)
def test_a_place_that_cannot_be_right_is_refused(place, message):
    with pytest.raises(jaxgan.InputError, match=message):
        processes.join(*place)


def test_nobody_at_the_address_is_said_in_time():
    """Both the first process, whom nobody joins, and another, who finds nobody."""
    address = launch.free_address()
    code = "import sys; from jaxgan import processes; processes.join("
    code += "sys.argv[1], 2, int(sys.argv[2]), timeout_seconds=3)"
    for rank in (0, 1):
        (ended,) = launch.run([["-c", code, address, rank]], launch.environment())
        assert ended.code != 0
        last = ended.err.splitlines()[-1]
        assert f"Process {rank} could not join the others within 3 seconds" in last
        assert address in last


def test_one_process_alone_gathers_its_own():
    np.testing.assert_array_equal(processes.gather(np.arange(3)), [[0, 1, 2]])
    assert processes.first_decides(lambda: {"a": None}) == {"a": None}
    assert processes.any_process(True)
    assert not processes.any_process(False)
    processes.check_same("00" * 32)


def test_an_error_of_jax_in_one_process_is_what_it_is():
    error = jax.errors.JaxRuntimeError("INTERNAL: something")
    with pytest.raises(jax.errors.JaxRuntimeError), processes.losing_peers():
        raise error
