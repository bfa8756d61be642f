"""Restoring a finished run in a notebook, and sampling from it."""

import tempfile
from pathlib import Path

import numpy as np

import jaxgan
from experiments import mlp
from jaxgan.cli import run as train

folder = Path(tempfile.mkdtemp())
settings = {"steps": 4, "batch_size": 16, "hidden": 8, "log_every": 2}
train(
    mlp.Config(**settings, data_dir=folder / "data", workdir=folder / "run"),
    mlp.make_gan,
)

run = jaxgan.load_run(folder / "run")
images = run.sample(16)
print(images.shape, run.step, run.config.hidden, run.metrics[-1]["d_loss"])
print(run.result["digest"] == jaxgan.checkpoint.digest(run.state))
assert np.abs(images).max() <= 1
