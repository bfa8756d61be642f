"""The command line as a user meets it: exit codes, and messages without tracebacks."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments import mlp
from jaxgan.cli import run
from jaxgan.hooks import read_metrics


def _run(*arguments: str, module: str = "experiments.mlp", timeout: float = 300):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "XLA_FLAGS": "--xla_backend_optimization_level=1"},
    )


def test_a_misspelt_flag_is_an_error_that_names_the_right_one():
    done = _run("--batch-sise", "3")
    assert done.returncode == 2
    assert "--batch-sise" in done.stderr
    assert "--batch-size" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("experiments.mlp", ("--dataset", "digit"), ("digit", "digits")),
        ("experiments.mlp", ("--steps", "0"), ("--steps", "0")),
        ("experiments.dcgan", ("--dataset", "folder:{tmp}"), ("{tmp}", ".png")),
    ],
    ids=["unknown data set", "no steps", "empty folder"],
)
def test_bad_input_is_one_message(tmp_path, module, arguments, words):
    fill = lambda text: text.format(tmp=tmp_path / "images")
    (tmp_path / "images").mkdir()
    done = _run(
        *map(fill, arguments), "--data-dir", str(tmp_path / "data"), module=module
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    message = done.stderr.splitlines()[-1]
    assert done.stderr.startswith("error: ")
    for word in words:
        assert fill(word) in message


@pytest.mark.slow  # every operation by itself
def test_a_run_without_jit_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    steps = ("--steps", "3", "--log-every", "1", "--batch-size", "8", "--hidden", "8")
    done = _run(*steps, "--data-dir", str(tmp_path), "--workdir", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert len(read_metrics(tmp_path / "run")) == 3


def test_one_device_plays_what_eight_play(tmp_path):
    """A run from the command line on one device; in this process there are eight.

    Warnings are errors there too, and neither TensorFlow nor PyTorch is imported.
    """
    config = mlp.Config(
        steps=20,
        batch_size=16,
        hidden=8,
        log_every=5,
        checkpoint_every=20,
        data_dir=tmp_path / "data",
        workdir=tmp_path / "eight",
    )
    eight = run(config, mlp.make_gan)
    code = (
        "import runpy, sys; runpy.run_module('experiments.mlp', run_name='__main__', "
        "alter_sys=True); assert not {'tensorflow', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c", code),
            *("--steps", "20", "--batch-size", "16", "--hidden", "8"),
            *("--log-every", "5", "--checkpoint-every", "20"),
            *("--data-dir", str(tmp_path / "data"), "--workdir", str(tmp_path / "one")),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("digest:")
    one = json.loads((tmp_path / "one" / "result.json").read_text())
    assert (one["steps"], one["images"]) == (eight["steps"], eight["images"])
    rows = zip(
        read_metrics(config.workdir), read_metrics(tmp_path / "one"), strict=True
    )
    for row_of_eight, row_of_one in rows:
        for name in ("d_loss", "g_loss", "d_real_logit", "d_penalty", "g_grad_norm"):
            np.testing.assert_allclose(
                row_of_eight[name], row_of_one[name], rtol=1e-3, atol=1e-5
            )
