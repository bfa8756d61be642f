"""The command line as a user meets it: exit codes, and messages without tracebacks."""

import os
import subprocess
import sys

import pytest


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
        ("experiments.conditional", ("--dataset", "folder:{tmp}"), ("{tmp}", ".png")),
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


def test_a_run_from_the_command_line(tmp_path):
    """Warnings are errors there too; neither TensorFlow nor PyTorch is imported."""
    done = _run(
        *("--steps", "5", "--batch-size", "8", "--hidden", "8"),
        *("--data-dir", str(tmp_path / "data"), "--workdir", str(tmp_path / "run")),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("digest:")
    assert (tmp_path / "run" / "report.html").exists()
