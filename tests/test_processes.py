"""Two processes: each example's latent is the one that a single process draws."""

import socket
import subprocess
import sys

import jax
import numpy as np

import jaxgan
from tests import games

# What each process runs: one G-step on its half of the batch, its latents saved.
WORKER = """
import sys
import jax, numpy as np
address, rank, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_disable_most_optimizations", True)  # the last bit depends on it
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(address, num_processes=2, process_id=rank)
import jaxgan
from jaxgan import parallel
from tests import games
gan = games.points(discriminator=games.Spy())
batch = {"image": np.zeros((8, 2), np.float32)}
state = jaxgan.init(gan, games.KEY, batch)
games.SEEN.clear()
step = parallel.spread(jaxgan.make_g_step(gan, axis_name=parallel.AXIS))
state, metrics = step(jax.device_get(state), batch, games.KEY)
jax.block_until_ready(state)
jax.effects_barrier()
np.save(out, np.concatenate(games.SEEN))
print(float(metrics["g_fake_logit"]))
"""


def test_latents_differ_between_processes_as_in_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                WORKER,
                address,
                str(rank),
                str(tmp_path / str(rank)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [worker.communicate(timeout=120) for worker in workers]
    assert [w.returncode for w in workers] == [0, 0], outputs

    gan = games.points(discriminator=games.Spy())
    batch = {"image": np.zeros((16, 2), np.float32)}
    state = jaxgan.init(gan, games.KEY, batch)
    games.SEEN.clear()
    _, metrics = jax.jit(jaxgan.make_g_step(gan))(state, batch, games.KEY)
    jax.effects_barrier()
    rows = lambda x: np.sort(x.view([("", x.dtype)] * 2), axis=0)
    alone = np.concatenate(games.SEEN)
    halves = [np.load(tmp_path / f"{rank}.npy") for rank in range(2)]
    for rank, half in enumerate(halves):
        mine = alone[8 * rank : 8 * rank + 8]
        np.testing.assert_array_equal(rows(half), rows(mine))
    for out, _ in outputs:
        np.testing.assert_allclose(
            float(out.splitlines()[-1]), metrics["g_fake_logit"], rtol=1e-5
        )
