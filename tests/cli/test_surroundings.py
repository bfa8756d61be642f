"""What a machine lacks: a home, locks, an encoding; and flags that go to the data."""

import dataclasses
import errno
import fcntl
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest

import jaxgan.data
from experiments import evaluate, mlp
from jaxgan import compiled
from jaxgan.checks import InputError
from jaxgan.cli import load_run, run, workdir
from jaxgan.cli.config import resolve, with_paths
from jaxgan.files import expand


@pytest.fixture
def homeless(monkeypatch):
    """As in a container that runs under a user id that it does not know."""

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_without_a_home_the_flag_is_named(homeless, tmp_path):
    with pytest.raises(InputError, match="--data-dir"):
        resolve(mlp.Config(batch_size=16))
    config = mlp.Config(batch_size=16, data_dir=tmp_path)
    assert resolve(config).data_dir == tmp_path
    for name in ("workdir", "manual_dir", "from_run"):
        value = "~/x" if name == "from_run" else Path("~/x")
        flag = "--" + name.replace("from_run", "from").replace("_", "-")
        with pytest.raises(InputError, match=f"{flag} ~/x"):
            resolve(dataclasses.replace(config, **{name: value}))
    with pytest.raises(InputError, match="~/x"):
        load_run("~/x")


def test_a_home_is_put_into_all_paths_of_a_command(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = evaluate.Config(real="~/a", fake="b", json=Path("~/r"), picture=Path("p"))
    found = with_paths(config)
    assert (found.json, found.data_dir) == (tmp_path / "r", tmp_path / ".cache/jaxgan")
    assert (found.real, found.picture) == ("~/a", Path("p"))
    assert with_paths(config, Path.absolute).picture == Path("p").absolute()


def test_with_a_home_it_is_put_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~/x", "--x") == tmp_path / "x"
    with pytest.raises(InputError, match="--x"):
        expand("~no-such-user-here/x", "--x")


@pytest.mark.digest
def test_a_run_without_a_home_is_the_same(homeless, finished, config, tmp_path):
    result = run(dataclasses.replace(config, workdir=tmp_path / "run"), mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]


@pytest.mark.parametrize(
    "number",
    [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO],
    ids=errno.errorcode.get,
)
def test_without_locks_a_run_is_warned_and_goes_on(
    finished, tmp_path, monkeypatch, number
):
    def no_lock(*_):
        raise OSError(number, "no lock here")

    monkeypatch.setattr(fcntl, "flock", no_lock)
    record = json.loads((finished[0] / "config.json").read_text())
    with (
        pytest.warns(UserWarning, match="no locks.*--workdir"),
        workdir.claim(tmp_path / "run", record),
    ):
        assert (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", "50"),
        ("crop", 1),
        ("seed", True),
        ("beta1", None),
        ("workdir", "runs"),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, field, value):
    config = mlp.Config(batch_size=16, data_dir=tmp_path)
    with pytest.raises(InputError, match=f"--{field} must be"):
        resolve(dataclasses.replace(config, **{field: value}))


def test_flags_for_damaged_and_wide_files_reach_the_data(
    config, tmp_path, monkeypatch, capsys
):
    load, asked = jaxgan.data.load, []

    def noted(name, **options):
        asked.append({key: options.pop(key) for key in ("skip_damaged", "bits")})
        return dataclasses.replace(load(name, **options), note="read as \udcfc\x1b[2J")

    monkeypatch.setattr(mlp.Config, "load", staticmethod(noted))
    config = dataclasses.replace(config, steps=2, workdir=tmp_path / "run", bits=12)
    run(config, mlp.make_gan)
    lines = capsys.readouterr().out.splitlines()
    assert lines.count(r"read as \udcfc\x1b[2J") == 1
    run(dataclasses.replace(config, skip_damaged=True), mlp.make_gan)
    assert asked[0] == {"skip_damaged": False, "bits": 12}
    assert asked[-1] == {"skip_damaged": True, "bits": 12}
    assert len(load_run(tmp_path / "run").data.train)
    assert asked[-1] == {"skip_damaged": True, "bits": 12}
    with pytest.raises(InputError, match="bits: 12 there, 8 here"):
        run(dataclasses.replace(config, bits=8), mlp.make_gan)


def test_a_record_of_an_older_version_is_loaded(finished, tmp_path):
    record = json.loads((finished[0] / "config.json").read_text())
    for name in ("skip_damaged", "bits"):
        record["config"].pop(name)
    (tmp_path / "config.json").write_text(json.dumps(record))
    (tmp_path / "checkpoints").symlink_to(finished[0] / "checkpoints")
    assert len(load_run(tmp_path).data.train) == 1415


@pytest.fixture
def no_cache():
    """JAX as it is before a folder for compiled programs is chosen."""
    config: Any = jax.config
    before = config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield config
    jax.config.update("jax_compilation_cache_dir", before)


def test_compiled_programs_are_not_kept_where_they_cannot_be(no_cache, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="JAX_COMPILATION_CACHE_DIR") as warned:
        compiled.keep(tmp_path / "file" / "compiled")
    assert len(warned) == 1
    assert no_cache.jax_compilation_cache_dir is None


_PRINTING = """
import sys
from jaxgan.checks import InputError
from jaxgan.cli import command

def action():
    print("out \\udcfc \\u72d7", flush=True)
    raise InputError("m\\udcfcnchen \\u72d7")

command.guarded(action)
"""


def test_names_that_a_terminal_cannot_print_are_escaped():
    done = subprocess.run(
        [sys.executable, "-c", _PRINTING],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert done.stdout == "out \\udcfc \\u72d7\n"
    assert done.stderr == "error: m\\udcfcnchen \\u72d7\n"
