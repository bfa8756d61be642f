"""Changes to a run's own records: it is read, or there is a message."""

import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import jaxgan
from experiments import mlp
from jaxgan import hooks, report
from jaxgan.cli import run
from jaxgan.cli.config import resolve
from jaxgan.cli.workdir import claim
from jaxgan.report.records import read_result
from tests.fuzz.mutate import bounded, mutated

COUNT = 60
FILES = ("config.json", "result.json", "metrics.jsonl")
VALUES = (
    *(
        None,
        True,
        -1,
        0,
        0.5,
        10**30,
        float("nan"),
        "",
        "x" * 10**5,
        "\ud800",
        "~nobody",
    ),
    *([], {}, [[]], {"a": {}}, "1e9", "folder:", -(2**63), "../../x", ["uint8", [8]]),
)


def finished(root):
    """A finished run of a small game: no fixture, which this process would make too."""
    config = mlp.Config(
        steps=6, batch_size=16, hidden=4, latent_dim=4, log_every=2, sample_every=6,
        checkpoint_every=3, data_dir=root / "data", workdir=root / "run",
    )  # fmt: skip
    run(config, mlp.make_gan)
    return config


def change(value, random):
    """Another value in one place of nested JSON, or an entry less."""
    if not isinstance(value, dict | list) or not value or random.integers(6) == 0:
        return VALUES[random.integers(len(VALUES))]
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    place = places[random.integers(len(places))]
    if random.integers(6) == 0:
        del value[place]
    else:
        value[place] = change(value[place], random)
    return value


def damage(folder, random):
    path = folder / FILES[random.integers(len(FILES))]
    content = path.read_bytes()
    if random.integers(3) == 0:
        path.write_bytes(mutated(content, random))
    elif path.suffix == ".json":
        path.write_text(json.dumps(change(json.loads(content), random)))
    else:
        lines = content.decode().splitlines()
        at = random.integers(len(lines))
        lines[at] = json.dumps(change(json.loads(lines[at]), random))
        path.write_text("\n".join(lines))


def ends_of(readers):
    """For each reader whether it found data; anything but a message is raised."""
    for name, read in readers.items():
        try:
            read()
            yield name, "read"
        except jaxgan.InputError as error:
            str(error).encode("utf-8", "backslashreplace")
            yield name, "refused"


@pytest.mark.filterwarnings("ignore:constrained_layout:UserWarning")
def test_mutated_records_are_read_or_refused(tmp_path):
    original = finished(tmp_path)
    random, ends = np.random.default_rng(0), Counter()
    record = json.loads((original.workdir / "config.json").read_text())
    for number in range(COUNT):
        folder = Path(shutil.copytree(original.workdir, tmp_path / str(number)))
        if number > 0:  # the first stays whole
            damage(folder, random)

        def loaded(folder=folder):
            found = jaxgan.load_run(folder)
            resolve(dataclasses.replace(found.config, workdir=folder))

        def claimed(folder=folder):
            with claim(folder, record):
                pass

        readers = {
            "result": lambda folder=folder: read_result(folder),
            "metrics": lambda folder=folder: hooks.read_metrics(folder),
            "claim": claimed,
        }
        if number % 2 == 0:  # these take their time
            readers["load_run"] = loaded
        if number % 6 == 0:
            readers["report"] = lambda folder=folder: report.write(folder)
        with bounded(f"run {number}"):
            ends.update(ends_of(readers))
        shutil.rmtree(folder)
    for name in ("load_run", "result", "metrics", "claim", "report"):
        assert min(ends[name, "read"], ends[name, "refused"]) >= 1, name
