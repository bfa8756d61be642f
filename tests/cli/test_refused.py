"""What a run refuses, each with a message and nothing written."""

import dataclasses
import json
import shutil

import jax
import pytest
from PIL import Image

import jaxgan
from experiments import conditional, dcgan, mlp
from jaxgan import nets
from jaxgan.cli import run, workdir


def _shades(folder, count: int = 20) -> str:
    """The name of a set of so many images of one shade each."""
    folder.mkdir()
    for shade in range(count):
        Image.new("L", (8, 8), shade).save(folder / f"{shade}.png")
    return f"folder:{folder}"


def test_another_config_is_refused_and_what_differs_is_named(finished, config):
    before = {p: p.stat().st_mtime_ns for p in finished[0].rglob("*")}
    other = dataclasses.replace(config, workdir=finished[0], seed=3, hidden=16)
    with pytest.raises(jaxgan.InputError) as error:
        run(other, mlp.make_gan)
    assert "hidden: 8 there, 16 here; seed: 0 there, 3 here" in str(error.value)
    assert before == {p: p.stat().st_mtime_ns for p in finished[0].rglob("*")}


@pytest.mark.parametrize(
    ("flag", "value"),
    [("jax_enable_x64", True), ("jax_threefry_partitionable", False)],
)
def test_other_settings_of_jax_are_refused_and_named(finished, config, flag, value):
    before = getattr(jax.config, flag)
    jax.config.update(flag, value)
    try:
        with pytest.raises(jaxgan.InputError, match=f"{flag}: {before} there"):
            run(dataclasses.replace(config, workdir=finished[0]), mlp.make_gan)
    finally:
        jax.config.update(flag, before)


def test_another_experiment_is_refused(finished, data_dir):
    config = conditional.Config(batch_size=16, data_dir=data_dir, workdir=finished[0])
    with pytest.raises(jaxgan.InputError, match="experiment: 'mlp' there"):
        run(config, conditional.make_gan)


def test_a_folder_that_holds_something_else_is_refused(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(jaxgan.InputError, match=r"thesis\.tex.*config\.json"):
        run(dataclasses.replace(config, workdir=tmp_path), mlp.make_gan)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_workdir_that_cannot_be_made_is_refused(config, tmp_path):
    (tmp_path / "file").write_text("")
    config = dataclasses.replace(config, workdir=tmp_path / "file" / "run")
    with pytest.raises(jaxgan.InputError, match=r"written.*--workdir"):
        run(config, mlp.make_gan)


def test_a_config_that_is_no_runs_is_refused(config, tmp_path):
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(jaxgan.InputError, match=r"config\.json.*--workdir"):
        run(dataclasses.replace(config, workdir=tmp_path), mlp.make_gan)
    assert (tmp_path / "config.json").read_text() == "[]"


def test_a_workdir_in_use_is_refused(finished, config, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    record = json.loads((finished[0] / "config.json").read_text())
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    with (
        workdir.claim(tmp_path / "run", record),
        pytest.raises(jaxgan.InputError, match="Another process"),
    ):
        run(config, mlp.make_gan)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "--steps .*1.* 0"),
        ({"batch_size": -3}, "--batch-size .*1.* -3"),
        ({"log_every": 0}, "--log-every .*1"),
        ({"evaluate_every": 0}, "--evaluate-every .*1"),
        ({"seed": -1}, "--seed .*0"),
        ({"seed": 2**32}, r"--seed .*2\*\*32"),
        ({"hidden": 0}, "--hidden .*1.* 0"),
        ({"learning_rate": -1.0}, "--learning-rate .*0"),
        ({"microbatches": 3}, "--microbatches .*2 examples"),
        ({"exact_shards": 24, "batch_size": 24, "microbatches": 2}, "1 .*one exact"),
        ({"exact_shards": 3}, "16 .*into 3 equal exact shards"),
        ({"exact_shards": 4}, "4 exact shards.*8 devices"),
        ({"batch_size": 8000}, "digits has 1415"),
        ({"batch_size": 12}, "12 .*8 devices.*8 or 16"),
        ({"dataset": "mnits"}, "mnist"),
        ({"resolution": 0}, "--resolution .*1"),
        ({"resolution": "8by8"}, "8by8"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_values_are_refused(config, tmp_path, changes, words):
    config = dataclasses.replace(config, workdir=tmp_path / "run", **changes)
    with pytest.raises(jaxgan.InputError, match=words):
        run(config, mlp.make_gan)
    assert not (tmp_path / "run").exists()


def test_a_resolution_the_network_cannot_make_is_refused(config, tmp_path):
    config = dcgan.Config(
        dataset="digits",
        resolution=30,
        data_dir=config.data_dir,
        workdir=tmp_path / "r",
    )
    with pytest.raises(jaxgan.InputError, match="30"):
        run(config, dcgan.make_gan)
    assert not (tmp_path / "r").exists()


def test_a_conditional_game_without_labels_is_refused(data_dir, tmp_path):
    config = conditional.Config(
        batch_size=8,
        dataset=_shades(tmp_path / "images"),
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    with pytest.raises(jaxgan.InputError, match="labels"):
        run(config, conditional.make_gan)


def test_other_images_in_the_same_folder_are_refused(data_dir, tmp_path):
    config = mlp.Config(
        steps=2,
        batch_size=8,
        hidden=8,
        log_every=1,
        dataset=_shades(tmp_path / "images"),
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    run(config, mlp.make_gan)
    Image.new("L", (8, 8), 255).save(tmp_path / "images" / "another.png")
    with pytest.raises(jaxgan.InputError, match="data_fingerprint"):
        run(config, mlp.make_gan)


def test_batch_norm_and_a_penalty_from_the_command_line_are_refused(config, tmp_path):
    config = dcgan.Config(
        dataset="digits",
        resolution=16,
        batch_norm=True,
        r1=0.1,
        data_dir=config.data_dir,
        workdir=tmp_path / "run",
    )
    with pytest.raises(jaxgan.InputError, match="see each other"):
        run(config, dcgan.make_gan)


def test_a_penalty_on_a_batch_normalised_discriminator_is_refused(config, tmp_path):
    def make_gan(config, data):
        return dataclasses.replace(
            mlp.make_gan(config, data),
            discriminator=nets.dcgan.Discriminator(width=4),
            penalties=((1.0, jaxgan.penalties.r1),),
        )

    config = dataclasses.replace(config, resolution=16, workdir=tmp_path / "run")
    with pytest.raises(jaxgan.InputError, match="see each other"):
        run(config, make_gan)
