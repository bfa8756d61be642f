"""Files of any kind magnified by a run, beside themselves, in tiles or whole."""

import dataclasses
import errno
import os
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import mlp, srgan, upscale
from jaxgan import init
from jaxgan.checkpoint import Checkpoints
from jaxgan.checks import InputError
from jaxgan.cli.config import resolve
from jaxgan.cli.dry_run import first_batch
from jaxgan.cli.experiment import load_data
from jaxgan.cli.workdir import describe
from jaxgan.data import originals
from jaxgan.files import write_json
from jaxgan.methods.srgan import blend
from jaxgan.nets.srresnet import Generator
from tests.test_srgan import SMALL

NETWORK = Generator(2, 4, blocks=1, resize=True)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def pixels(height, width, *channels, seed=0):
    """Smooth ones, so that a network's result is none that is clipped everywhere."""
    shape = (height // 3 + 1, width // 3 + 1, *channels)
    blocks = np.random.default_rng(seed).integers(60, 200, shape, np.uint8)
    return blocks.repeat(3, axis=0).repeat(3, axis=1)[:height, :width]


def left(config, make, folder, change=lambda state: state):
    """Leaves a run's folder with a checkpoint of its first state, changed."""
    config = resolve(dataclasses.replace(config.with_defaults(), workdir=folder))
    data = load_data(config)
    state = init(make(config, data), jax.random.key(0), first_batch(data, 1))
    folder.mkdir(parents=True)
    write_json(folder / "config.json", describe(config, data, make))
    with Checkpoints(folder / "checkpoints") as checkpoints:
        checkpoints.save(change(state))
        checkpoints.wait()


def stage(config, make, seed):
    """Leaves the folder of a stage with weights that are not small; returns them."""
    found = {}

    def change(state):
        noise = lambda leaf: leaf + 0.02 * drawn(*leaf.shape, seed=seed + leaf.size)
        found.update(jax.tree.map(noise, state.averages["generator"]))
        return state.replace(averages={"generator": dict(found)})

    left(config, make, config.workdir, change)
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of both stages, and the variables of each."""
    root = tmp_path_factory.mktemp("run")
    for number in range(2):
        Image.fromarray(pixels(20, 24, 3, seed=number)).save(root / f"{number}.png")
    config = srgan.Config(**SMALL, dataset=f"folder:{root}", data_dir=root)
    first, second = srgan.stages(dataclasses.replace(config, workdir=root / "both"))
    stages = {
        "srresnet": stage(first, srgan.make_first, 0),
        "srgan": stage(second, srgan.make_game, 100),
    }
    return root / "both", stages


def played(variables, image):
    """The network on all of an image ``[h w 3]``, in [-1, 1]."""
    floats = np.float32(image) * (2 / 255) - 1
    return np.asarray(jax.jit(NETWORK.apply)(variables, floats[None]))[0]


def rounded(floats):
    return np.rint((floats + 1) * 127.5).clip(0, 255)


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def magnified(run, *files, **options):
    upscale.run(upscale.Config(run=str(run), images=files, **options))


def test_photos_of_any_size_are_magnified_beside_themselves(run, tmp_path, capsys):
    root, stages = run
    photo = pixels(37, 29, 3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    for name in ("photo-x2", "photo-x2-2", "photo-x2-3"):
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        magnified(root, tmp_path / "photo.png")
        assert f"{name}.png: 58x74 pixels" in capsys.readouterr().out
        made = np.asarray(opened(tmp_path / f"{name}.png"))
        expected = rounded(played(stages["srgan"], photo))
        np.testing.assert_allclose(made, expected, atol=1)
        assert made.std() > 10
        after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert after.pop(f"{name}.png")
        assert after == before


def test_tiles_change_nothing(run, tmp_path):
    root, _ = run
    Image.fromarray(pixels(37, 29, 3)).save(tmp_path / "photo.png")
    magnified(root, tmp_path / "photo.png", out=tmp_path / "whole")
    magnified(root, tmp_path / "photo.png", out=tmp_path / "tiles", tile=7)
    whole, tiles = (
        np.asarray(opened(tmp_path / each / "photo-x2.png")).astype(int)
        for each in ("whole", "tiles")
    )
    # What lies between two numbers may be rounded to either.
    assert np.abs(whole - tiles).max() <= 1
    assert (whole == tiles).mean() > 0.99


def test_one_stage_or_what_lies_between_is_asked_for(run, tmp_path):
    root, stages = run
    photo = pixels(10, 12, 3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    asked = {
        "first": (root / "srresnet", None, stages["srresnet"]),
        "last": (root / "srgan", None, stages["srgan"]),
        "zero": (root, 0.0, stages["srresnet"]),
        "some": (root, 0.25, blend(stages["srresnet"], stages["srgan"], 0.25)),
        "one": (root, 1.0, stages["srgan"]),
    }
    found = {}
    for name, (folder, weight, variables) in asked.items():
        out = tmp_path / name
        magnified(folder, tmp_path / "photo.png", blend=weight, out=out)
        told = "" if weight is None else f"-blend-{weight:g}"
        found[name] = np.asarray(opened(out / f"photo-x2{told}.png"))
        expected = rounded(played(variables, photo))
        np.testing.assert_allclose(found[name], expected, atol=1)
    assert (found["first"] != found["last"]).any()


@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGBA", "P", "clear P", "CMYK"])
def test_modes_stay_what_they_are_as_far_as_may_be(run, tmp_path, mode):
    root, stages = run
    image = Image.fromarray(pixels(14, 18, 3))
    alpha = Image.fromarray(pixels(14, 18, seed=5))
    if mode == "clear P":
        image = image.quantize(16)
        image.info["transparency"] = 3
    elif mode.endswith("A"):
        image.putalpha(alpha)
        image = image.convert(mode)
    else:
        image = image.convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    image.save(tmp_path / f"some.{suffix}")
    magnified(root, tmp_path / f"some.{suffix}")
    made = opened(tmp_path / "some-x2.png")
    clear = "A" if "A" in mode or "clear" in mode else ""
    grey = mode in ("L", "1", "LA")
    assert made.mode == ("L" if grey else "RGB") + clear
    colours = np.asarray(image.convert("RGBA" if clear else "RGB"))
    if clear:
        colours = upscale._filled(colours[..., :3], colours[..., 3])
    expected = played(stages["srgan"], colours)
    expected = expected.mean(axis=-1, keepdims=True) if grey else expected
    found = np.asarray(made).reshape(28, 36, -1)
    own = found[..., : expected.shape[-1]]
    np.testing.assert_allclose(own, rounded(expected), atol=1)
    if clear:
        alpha = image.convert("RGBA").getchannel("A")
        alpha = alpha.resize((36, 28), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(found[..., -1], np.asarray(alpha))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_them(run, tmp_path, suffix):
    """Its neighbouring values are told apart, which 8 bits would make one."""
    root, stages = run
    values = np.linspace(20_000, 20_400, 14 * 18).reshape(14, 18).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / f"scan.{suffix}")
    magnified(root, tmp_path / f"scan.{suffix}")
    made = opened(tmp_path / "scan-x2.png")
    assert made.mode == "I;16"
    floats = np.repeat(values[..., None] / 65535 * 255, 3, axis=-1)
    expected = (played(stages["srgan"], floats).mean(axis=-1) + 1) * 65535 / 2
    np.testing.assert_allclose(np.asarray(made), expected, atol=2)
    assert len(np.unique(made)) > 300


def test_photos_are_turned_upright_and_keep_their_profile(run, tmp_path):
    root, stages = run
    photo = pixels(14, 18, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    how = {"exif": exif, "icc_profile": b"a profile"}
    turned = Image.fromarray(np.rot90(photo).copy())
    turned.save(tmp_path / "turned.png", **how)
    magnified(root, tmp_path / "turned.png")
    made = opened(tmp_path / "turned-x2.png")
    expected = rounded(played(stages["srgan"], photo))
    np.testing.assert_allclose(np.asarray(made), expected, atol=1)
    assert made.info["icc_profile"] == b"a profile"
    assert 0x0112 not in made.getexif()


def test_large_results_ask_for_tiles(run, tmp_path, monkeypatch):
    root, _ = run
    Image.fromarray(pixels(20, 30, 3)).save(tmp_path / "large.png")
    monkeypatch.setattr(upscale, "MOST", 4 * 600 - 1)
    with pytest.raises(InputError, match=r"2 times.*--tile"):
        magnified(root, tmp_path / "large.png")
    magnified(root, tmp_path / "large.png", tile=8)
    monkeypatch.setattr(upscale, "MOST", 4 * 600)
    magnified(root, tmp_path / "large.png")
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_magnified_unless_all_can_be(run, tmp_path):
    root, _ = run
    good, text = tmp_path / "good.png", tmp_path / "text.png"
    Image.fromarray(pixels(9, 9, 3)).save(good)
    text.write_text("no image")
    floats = tmp_path / "floats.tif"
    Image.fromarray(drawn(9, 9)).save(floats)
    for files, options, message in (
        ((), {}, "at least one"),
        ((good, text), {}, r"text\.png"),
        ((good, tmp_path / "gone.png"), {}, r"gone\.png"),
        ((good,), {"tile": 0}, "--tile"),
        ((good,), {"blend": 1.5}, "--blend"),
        ((good,), {"out": text}, "--out"),
        ((good, tmp_path), {}, "folder"),
        ((floats,), {}, "range"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            magnified(root, *files, **options)
        assert "--skip-damaged" not in str(caught.value)  # it has no such option
    assert {path.name for path in tmp_path.iterdir()} == {
        "good.png",
        "text.png",
        "floats.tif",
    }


def test_a_damaged_file_does_not_stop_the_others(run, tmp_path, capsys):
    root, _ = run
    files = [tmp_path / f"{name}.png" for name in ("first", "cut", "last")]
    for file in files:
        Image.fromarray(pixels(9, 9, 3)).save(file)
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"1 of 3(.|\n)*cut\.png"):
        magnified(root, *files)
    made = {path.name for path in tmp_path.glob("*-x2.png")}
    assert made == {"first-x2.png", "last-x2.png"}
    assert capsys.readouterr().out.count("18x18 pixels") == 2


def test_what_is_transparent_does_not_darken_what_is_not(run, tmp_path):
    """A white disc, cut out: the black around it does not show, and must not."""
    root, stages = run
    height, width = np.mgrid[:20, :20]
    distance = np.hypot(height - 9.5, width - 9.5)
    alpha = (255 * np.clip(8 - distance, 0, 1)).round().astype(np.uint8)
    colours = np.where(alpha[..., None] > 0, 200, [[[0, 0, 0]]]).astype(np.uint8)
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / "disc.png")
    magnified(root, tmp_path / "disc.png")
    found = np.asarray(opened(tmp_path / "disc-x2.png"))
    grey = np.full_like(colours, 200)
    expected = rounded(played(stages["srgan"], grey))
    np.testing.assert_allclose(found[..., :3], expected, atol=1)
    assert 0 < found[..., 3].mean() < 255


def test_the_first_of_several_frames_is_taken(run, tmp_path, capsys):
    root, _ = run
    frames = [Image.fromarray(pixels(9, 9, 3, seed=seed)) for seed in range(3)]
    file = tmp_path / "moving.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    magnified(root, file)
    assert "the first of 3" in capsys.readouterr().out


def test_the_first_stage_is_named_while_the_second_has_not_begun(run, tmp_path):
    root, _ = run
    (tmp_path / "srresnet").symlink_to(root / "srresnet")
    Image.fromarray(pixels(9, 9, 3)).save(tmp_path / "good.png")
    with pytest.raises(InputError, match=r"not begun.*srresnet"):
        magnified(tmp_path, tmp_path / "good.png")


def test_a_folder_that_takes_no_files_is_named_before_any_work(
    run, tmp_path, monkeypatch
):
    root, _ = run
    Image.fromarray(pixels(9, 9, 3)).save(tmp_path / "good.png")
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    monkeypatch.setattr(upscale, "enlarged", None)
    with pytest.raises(InputError, match="--out"):
        magnified(root, tmp_path / "good.png")


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path, monkeypatch):
    root, _ = run
    Image.fromarray(pixels(9, 9, 3)).save(tmp_path / "good.png")
    usual = Path.open

    def full(self, mode="r", *others, **how):
        if mode == "xb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return usual(self, mode, *others, **how)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"good-x2\.png cannot be written.*--out"):
        magnified(root, tmp_path / "good.png")


def test_runs_that_magnify_nothing_are_refused(run, tmp_path):
    root, _ = run
    good = tmp_path / "good.png"
    Image.fromarray(pixels(9, 9, 3)).save(good)
    with pytest.raises(InputError, match="both stages"):
        magnified(root / "srgan", good, blend=0.5)
    with pytest.raises(InputError, match="srresnet"):
        magnified(tmp_path, good)
    config = mlp.Config(batch_size=8, hidden=4, data_dir=tmp_path)
    left(config, mlp.make_gan, tmp_path / "mlp")
    with pytest.raises(InputError, match="does not magnify"):
        magnified(tmp_path / "mlp", good)


def test_photos_beyond_pillows_limit_ask_for_tiles(tmp_path):
    Image.new("1", (14_000, 13_000)).save(tmp_path / "huge.png")
    with upscale._of_any_size(), pytest.raises(InputError, match="--tile"):
        upscale.check_size(tmp_path / "huge.png", 4, None)
    with upscale._of_any_size():
        upscale.check_size(tmp_path / "huge.png", 4, 256)
        whole = originals.read(tmp_path / "huge.png", otherwise="")
        assert whole.pixels.shape == (13_000, 14_000)
    assert Image.MAX_IMAGE_PIXELS is not None
