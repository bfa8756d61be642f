"""The command that tells a training set from deployed data."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import tell_apart
from experiments.tell_apart import Config
from jaxgan import InputError


def _folder(path, images):
    path.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(path / f"{i:03}.png")
    return f"folder:{path}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Dark images, more of them, and a mixture of which the last third are bright."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    dark = random.integers(0, 100, (240, 4, 4), np.uint8)
    mixed = random.integers(0, 100, (120, 4, 4), np.uint8)
    mixed[80:] += 150
    return root, [
        _folder(root / "dark", dark[:120]),
        _folder(root / "more", dark[120:]),
        _folder(root / "mixed", mixed),
        _folder(root / "large", np.zeros((10, 6, 6), np.uint8)),
        _folder(root / "few", dark[:5]),
    ]


def _run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["tell_apart", *map(str, args)])
    tell_apart.main()


def test_command_shows_the_images_that_are_new(folders, tmp_path, monkeypatch, capsys):
    root, (dark, _, mixed, *_) = folders
    out = tmp_path / "out"
    flags = ("--data-dir", root / "data", "--out", out, "--shown", 16)
    _run(monkeypatch, "--training", dark, "--deployed", mixed, *flags)
    record = json.loads((out / "result.json").read_text())
    assert record["test"]["p_value"] < 0.05
    assert len(record["most_telling"]) == 16
    # Only 80 of the 120 training and deployed images are alike. A source's training
    # part comes first, so a row is no file's number: the picture says what is shown.
    with Image.open(out / "telling.png") as picture:
        assert picture.size == (8 * 33 - 1, 2 * 33 - 1)
        assert np.asarray(picture).min() >= 150
    printed = capsys.readouterr().out
    assert f"accuracy {record['test']['value']:.6g} [" in printed
    assert f"p = {record['test']['p_value']:.3g}" in printed


def test_sets_of_one_distribution_are_not_told_apart(folders, tmp_path):
    root, (dark, more, *_) = folders
    out = tmp_path / "out"
    config = Config(training=dark, deployed=more, data_dir=root / "data", out=out)
    p_value = tell_apart.run(config).p_value
    assert p_value is not None
    assert p_value > 0.001  # calibrated, so one of 1,000 draws would fail


def test_a_second_comparison_leaves_the_first_alone(folders, tmp_path, monkeypatch):
    root, (dark, more, *_) = folders
    monkeypatch.chdir(tmp_path)
    how = {"data_dir": root / "data", "examples": 20}
    for seed in (0, 1):
        tell_apart.run(Config(training=dark, deployed=more, seed=seed, **how))
    records = [Path("runs") / f"tell_apart-{n}" / "result.json" for n in (1, 2)]
    seeds = [json.loads(record.read_text())["config"]["seed"] for record in records]
    assert seeds == [0, 1]


def test_a_set_of_another_size_is_resized_to_height_and_width(folders):
    root, (dark, _, _, large, _) = folders
    how = {"resolution": "4x2", "crop": True, "data_dir": root / "data"}
    training, deployed = tell_apart.load(Config(training=dark, deployed=large, **how))
    assert training.shape[1:] == deployed.shape[1:] == (4, 2, 1)


def test_one_source_gives_its_training_and_its_held_out_part(folders):
    root, (dark, *_) = folders
    config = Config(training=dark, deployed=dark, data_dir=root / "data")
    training, deployed = tell_apart.load(config)
    assert len(training) + len(deployed) == 120
    rows = {image.tobytes() for image in training}
    assert not rows & {image.tobytes() for image in deployed}


def test_rows_are_those_of_the_deployed_set(folders):
    root, (dark, _, mixed, *_) = folders
    config = Config(
        training=dark, deployed=mixed, data_dir=root / "data", examples=60, shown=5
    )
    training, deployed = tell_apart.load(config)
    _, telling = tell_apart.compare(config, training, deployed)
    # The bright images are told by a threshold, whatever their order.
    assert all(deployed[entry["row"]].min() >= 150 for entry in telling)
    beliefs = [entry["belief"] for entry in telling]
    assert beliefs == sorted(beliefs, reverse=True)


@pytest.mark.parametrize(
    ("other", "changes", "says"),
    [
        (3, {}, "differ in shape, 4x4x1 and 6x6x1"),
        (4, {}, "--deployed 5; at least 8"),
        (1, {"examples": 3}, "--examples must be at least 8, got 3"),
        (1, {"seed": -1}, "--seed must be at least 0 "),
        (1, {"shown": 0}, "--shown must be at least 1"),
    ],
    ids=["shape", "few", "examples", "seed", "shown"],
)
def test_what_cannot_be_compared_is_refused(folders, other, changes, says, tmp_path):
    root, sources = folders
    config = Config(
        training=sources[0],
        deployed=sources[other],
        data_dir=root / "data",
        out=tmp_path / "out",
        **changes,
    )
    with pytest.raises(InputError, match=says):
        tell_apart.run(config)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_refused_before_the_comparison(
    folders, tmp_path, monkeypatch
):
    monkeypatch.setattr(tell_apart, "compare", lambda *_: pytest.fail("compared"))
    root, (dark, more, *_) = folders
    config = Config(training=dark, deployed=more, data_dir=root / "data", out=tmp_path)
    with pytest.raises(InputError, match="exists"):
        tell_apart.run(config)


def test_error_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        _run(monkeypatch, "--training", "nowhere", "--deployed", f"folder:{tmp_path}/x")
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_a_file_in_the_way_of_the_results_is_an_input_error(folders, tmp_path):
    root, (dark, more, *_) = folders
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    config = Config(training=dark, deployed=more, data_dir=root / "data", out=out)
    with pytest.raises(InputError, match="cannot be made"):
        tell_apart.run(config)
