"""StackedMNIST with a slim R3GAN: its schedules, and the quick form."""

import jax
import numpy as np
import pytest

from experiments.studies import stacked_r3gan, study
from experiments.studies.stacked_r3gan import Config
from jaxgan.player import at


def test_schedules_end_with_the_run():
    config = Config(batch_size=10)
    gan = stacked_r3gan.make_gan(config, "", 32, 100)
    (weight, _), _ = gan.penalties
    assert at(weight, 0.0) == pytest.approx(config.gamma / 2)
    assert at(weight, 500.0) == pytest.approx(config.gamma / 20)
    params = {"w": np.zeros(())}
    optimizer = gan.players["generator"].optimizer
    state = optimizer.init(params)
    move = lambda images: optimizer.update(
        {"w": np.ones(())}, state, params, images=np.float32(images)
    )[0]["w"]
    np.testing.assert_allclose(move(0), -config.learning_rate, rtol=1e-4)
    np.testing.assert_allclose(move(1_000), 0, atol=1e-9)


def test_the_networks_are_slim():
    gan = stacked_r3gan.make_gan(Config(), "", 32, 100)
    z = jax.ShapeDtypeStruct((1, 64), np.float32)
    init = lambda key, z: gan.generator.init(key, z, train=False)
    found = jax.eval_shape(init, jax.random.key(0), z)
    size = sum(leaf.size for leaf in jax.tree.leaves(found))
    assert size < 20_730_000 / 100


@pytest.mark.slow
def test_the_quick_form_trains(tmp_path):
    config = Config(quick=True, out=tmp_path)
    record = study.conduct(config, stacked_r3gan.run)
    assert record["tables"][0]["rows"][1][0].startswith("relativistic")
    assert (tmp_path / "stacked_r3gan.png").exists()
