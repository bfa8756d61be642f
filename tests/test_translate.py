"""Image to image as a user has it: run, stopped, continued, and used on other files."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from experiments import cyclegan, draw, mlp, pix2pix, srgan, translate
from jaxgan.checks import InputError
from jaxgan.cli import load_run, run
from jaxgan.data.source import DataWarning
from tests.cli.interrupt import interrupted

SMALL = {
    "steps": 4,
    "batch_size": 8,
    "g_width": 4,
    "norm": True,  # without it, dropout does not show in 8 bits after four steps
    "d_width": 4,
    "log_every": 1,
    "sample_every": 2,
    "checkpoint_every": 2,
}


def _read(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("translations")


def _played(experiment, folder, **changes):
    config = experiment.Config(
        **{**SMALL, "workdir": folder / "run", "data_dir": folder, **changes}
    )
    return config, run(config, experiment.make_game, evaluators=())


@pytest.fixture(scope="module")
def paired(folder):
    return _played(pix2pix, folder, workdir=folder / "pix2pix")


@pytest.fixture(scope="module")
def unpaired(folder):
    return _played(cyclegan, folder, workdir=folder / "cyclegan", pool=6)


@pytest.fixture(scope="module")
def files(folder):
    names = []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 3), np.uint8)
        names.append(folder / f"photo {number}.png")
        Image.fromarray(pixels).save(names[-1])
    return tuple(names)


@pytest.mark.parametrize("name", ["paired", "unpaired"])
def test_stopped_and_continued_it_ends_the_same(name, request, tmp_path):
    config, result = request.getfixturevalue(name)
    experiment = pix2pix if name == "paired" else cyclegan
    again = dataclasses.replace(config, workdir=tmp_path / "again")
    unjudged = partial(run, evaluators=())
    interrupted(unjudged, again, experiment.make_game, at=3)
    assert unjudged(again, experiment.make_game)["digest"] == result["digest"]


def test_the_pictures_are_strips_over_time(paired, unpaired):
    for config, _ in (paired, unpaired):
        steps = sorted(path.stem for path in (config.workdir / "samples").iterdir())
        assert steps == ["00000000", "00000002", "00000004"]
    # Input, output and target, 8 rows, each enlarged to 64 pixels; and their names.
    assert _read(paired[0].workdir / "samples.png").shape == (8 * 65 - 1 + 14, 194, 3)


def test_the_report_gives_the_fonts_their_credit(paired):
    config, _ = paired
    assert "DejaVu" in (config.workdir / "report.html").read_text()
    assert (
        "DejaVu" in json.loads((config.workdir / "config.json").read_text())["credit"]
    )


def test_files_are_translated_into_a_new_folder(paired, files):
    config, _ = paired
    for number in (1, 2):
        translate.run(translate.Config(run=str(config.workdir), files=files, draws=2))
        made = config.workdir / f"translations-{number}"
        names = {f"photo {i}-{draw}.png" for i in range(3) for draw in (1, 2)}
        assert {path.name for path in made.iterdir()} == {*names, "sheet.png"}
        assert _read(made / "photo 0-1.png").shape == (32, 32)
    first, second = (config.workdir / f"translations-{n}" for n in (1, 2))
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    # Each draw has dropout of its own.
    draws = [_read(first / f"photo 0-{n}.png") for n in (1, 2)]
    assert (draws[0] != draws[1]).any()


def test_a_run_between_two_sets_translates_there_and_back(unpaired, files, tmp_path):
    config, _ = unpaired
    how = {"run": str(config.workdir), "files": files[:1]}
    translate.run(translate.Config(**how, out=tmp_path / "there"))
    translate.run(translate.Config(**how, out=tmp_path / "back", back=True))
    made = [_read(tmp_path / to / "photo 0.png") for to in ("there", "back")]
    assert (made[0] != made[1]).any()
    loaded = load_run(config.workdir)
    with Image.open(files[0]) as photo:
        small = photo.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    inputs = np.asarray(small)
    expected = loaded.sample(1, condition={"a": inputs[None, ..., None]})["fake_b"]
    pixels = np.round((np.asarray(expected)[0, ..., 0].clip(-1, 1) + 1) * 127.5)
    np.testing.assert_allclose(made[0], pixels, atol=1)


def test_draws_of_a_generator_without_noise_are_refused(unpaired, files, tmp_path):
    config, _ = unpaired
    how = {"run": str(config.workdir), "files": files[:1], "out": tmp_path / "new"}
    with pytest.raises(InputError, match="no noise"):
        translate.run(translate.Config(**how, draws=2))
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_translated_is_refused(paired, files, tmp_path, monkeypatch):
    config, _ = paired
    how = {"run": str(config.workdir), "files": files}
    with monkeypatch.context() as patch:
        late = lambda *_: pytest.fail("translated before the folder was made")
        patch.setattr(translate, "translate", late)
        with pytest.raises(InputError, match="exists"):
            translate.run(translate.Config(**how, out=tmp_path))
    with pytest.raises(InputError, match="--back"):
        translate.run(translate.Config(**how, back=True))
    with pytest.raises(InputError, match="--draws"):
        translate.run(translate.Config(**how, draws=0))
    with pytest.raises(InputError, match=r"photo 0\.png"):
        translate.run(translate.Config(**{**how, "files": (files[0], files[0])}))
    with pytest.raises(InputError, match="at least one"):
        translate.run(translate.Config(**{**how, "files": ()}))
    text = tmp_path / "notes.png"
    text.write_text("no image")
    with pytest.raises(InputError, match=r"notes\.png"):
        translate.run(translate.Config(**{**how, "files": (text,)}))
    assert not (config.workdir / "translations-3").exists()


def test_a_run_that_translates_nothing_is_refused(tmp_path, files):
    config = mlp.Config(
        steps=1, batch_size=8, hidden=4, workdir=tmp_path / "mlp", data_dir=tmp_path
    )
    run(config, mlp.make_gan, evaluators=())
    with pytest.raises(InputError, match="pix2pix or cyclegan"):
        translate.run(translate.Config(run=str(config.workdir), files=files))


@pytest.mark.parametrize("changes", [{"patches": ()}, {"g_width": 0}])
def test_networks_that_cannot_be_are_refused(tmp_path, changes):
    with pytest.raises(InputError, match=r"--patches|--g-width"):
        _played(pix2pix, tmp_path, **changes)


def test_an_unknown_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="--network"):
        _played(cyclegan, tmp_path, network="transformer")


@pytest.mark.parametrize("changes", [{"fine": (4,)}, {"depth": 3}])
def test_settings_of_a_unet_are_not_for_others(tmp_path, changes):
    with pytest.raises(InputError, match="--fine and --depth"):
        _played(cyclegan, tmp_path, network="resnet", **changes)


def test_names_that_differ_by_case_are_one_on_some_disks(paired, files):
    ask = lambda *names: translate.Config(run=str(paired[0].workdir), files=names)
    shouted = files[0].with_stem(files[0].stem.upper())
    for names in ((files[0], shouted), (files[0].with_stem("Sheet"),)):
        with pytest.raises(InputError, match="would both become"):
            translate.run(ask(*names))


def test_super_resolution_is_no_translation(tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    config = srgan.First(
        **{name: SMALL[name] for name in ("steps", "batch_size")},
        dataset=f"folder:{tmp_path}",
        data_dir=tmp_path / "data",
        workdir=tmp_path / "run",
        **{"scale": 2, "resolution": 16, "part": 16, "width": 4, "blocks": 1},
    )
    run(config, srgan.make_first, evaluators=(), schedule=("g",))
    ask = translate.Config(run=str(config.workdir), files=(tmp_path / "0.png",))
    with pytest.raises(InputError, match="does not translate"):
        translate.run(ask)


def test_files_are_read_with_the_runs_bits(folder, tmp_path):
    """12 bits in files of 16: white is 4095."""
    for side, value in (("A", 0), ("B", 4_095)):
        (tmp_path / side).mkdir()
        for number in range(12):
            deep = np.full((32, 32), abs(value - 40 * number), np.uint16)
            Image.fromarray(deep).save(tmp_path / side / f"{number}.png")
    config, _ = _played(
        pix2pix,
        tmp_path,
        dataset=f"pairs:{tmp_path}",
        bits=12,
        workdir=tmp_path / "run",
        dropout=0.0,
    )
    loaded = load_run(config.workdir)
    name = tmp_path / "A" / "11.png"
    out = tmp_path / "out"
    translate.run(translate.Config(run=str(config.workdir), files=(name,), out=out))
    level = round(440 / 4_095 * 255)
    inputs = np.full((1, 32, 32, 1), level, np.uint8)
    expected = np.asarray(loaded.sample(1, condition=inputs))[0, ..., 0]
    pixels = np.round((expected.clip(-1, 1) + 1) * 127.5)
    np.testing.assert_allclose(_read(out / "11.png"), pixels, atol=2)
    # A file of 16 bits in use; and one that looks as if it had 12, in a run of 8.
    ask = translate.Config(run=str(config.workdir), files=(name,), bits=16)
    how = {"channels": 1, "resolution": None, "crop": False, "alone": False}
    assert translate.read(name, bits=16, **how).max() == round(440 / 65_535 * 255)
    translate.run(ask)
    with pytest.warns(DataWarning, match="--bits 12"):
        translate.read(name, bits=None, **how)
    # Perhaps a pair side by side, whose centre is neither an input nor a target.
    both = tmp_path / "both.png"
    Image.new("L", (64, 32)).save(both)
    ask = translate.Config(run=str(config.workdir), files=(both,))
    with pytest.raises(InputError, match="right half"):
        translate.run(ask)
    translate.run(dataclasses.replace(ask, crop=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 10**20])
def test_a_seed_beyond_32_bits_is_refused(paired, files, seed):
    config, _ = paired
    ask = translate.Config(run=str(config.workdir), files=files, seed=seed)
    with pytest.raises(InputError, match="--seed"):
        translate.run(ask)
    with pytest.raises(InputError, match="--seed"):
        draw.run(draw.Config(run=str(config.workdir), prompts=("a",), seed=seed))


def test_a_file_that_cannot_be_read_gets_advice_that_this_command_can_take(
    paired, tmp_path
):
    config, _ = paired
    ask = translate.Config(run=str(config.workdir), files=(tmp_path / "none.png",))
    with pytest.raises(InputError, match=r"none\.png") as caught:
        translate.run(ask)
    assert "--skip-damaged" not in str(caught.value)
