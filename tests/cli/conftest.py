"""Small runs on the 8x8 digits that several tests look at."""

import dataclasses

import pytest

from experiments import mlp
from jaxgan.cli import run


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def config(data_dir):
    """Small, with events that do not fall together."""
    return mlp.Config(
        steps=50,
        batch_size=16,
        d_steps=2,
        hidden=8,
        latent_dim=4,
        log_every=10,
        sample_every=25,
        checkpoint_every=20,
        data_dir=data_dir,
    )


@pytest.fixture(scope="session")
def finished(config, tmp_path_factory):
    """One uninterrupted run: (its workdir, its result)."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    result = run(dataclasses.replace(config, workdir=workdir), mlp.make_gan)
    return workdir, result
