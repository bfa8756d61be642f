"""Text to image as a user has it: run, stopped, continued, and asked for captions."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import draw, mlp, text_to_image
from experiments.captions.sheet import sheet
from experiments.judges import retrieval
from experiments.judges.retrieval import Retrieval
from jaxgan.checks import InputError
from jaxgan.cli import load_run, run
from jaxgan.data import load_captioned
from jaxgan.data.arrays import Examples
from jaxgan.data.source import DataWarning
from jaxgan.evaluation.inputs import held_out
from jaxgan.sampling import Sampler
from tests.cli.interrupt import interrupted

SMALL = {
    "steps": 4,
    "batch_size": 8,
    "g_width": 8,
    "d_width": 4,
    "text_dim": 8,
    "text_steps": 3,
    "mismatch": 0.5,
    "log_every": 1,
    "sample_every": 2,
    "checkpoint_every": 2,
}

unjudged = partial(text_to_image.play, evaluators=())


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder of 40 pictures with their captions in a CSV."""
    folder = tmp_path_factory.mktemp("own")
    lines = ["file,caption"]
    for number in range(40):
        colour = ("red", "green", "blue")[number % 3]
        pixels = np.zeros((16, 16, 3), np.uint8)
        pixels[..., number % 3] = 255 - number
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        lines += [f"{number:02}.png,a {colour} square", f"{number:02}.png,all {colour}"]
    (folder / "captions.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def played(tmp_path_factory, own):
    folder = tmp_path_factory.mktemp("played")
    config = text_to_image.Config(
        **SMALL, dataset=f"captions:{own}", workdir=folder / "run", data_dir=folder
    )
    return config, unjudged(config)


def test_stopped_and_continued_it_ends_the_same(played, tmp_path):
    config, result = played
    again = dataclasses.replace(config, workdir=tmp_path / "again")
    interrupted(unjudged, again, at=3)
    assert unjudged(again)["digest"] == result["digest"]


def test_the_text_encoder_stands_still_and_is_kept(played):
    config, _ = played
    first, last = (load_run(config.workdir, step=step) for step in (2, 4))
    text = lambda loaded: loaded.state.players["text"].params
    jax.tree.map(np.testing.assert_array_equal, text(first), text(last))
    data = load_captioned(config.dataset, data_dir=config.data_dir)
    begun = text_to_image.begin(config, data, first.state)
    begun = begun.players["text"].params
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5)
    jax.tree.map(close, begun, text(last))


def test_a_run_draws_where_its_images_are_gone(played, own, tmp_path):
    config, _ = played
    loaded = load_run(config.workdir)
    moved = own.with_name("elsewhere")
    own.rename(moved)
    try:
        out = tmp_path / "drawn"
        draw.run(
            draw.Config(
                run=str(config.workdir), prompts=("all blue", "a red square"), out=out
            )
        )
    finally:
        moved.rename(own)
    names = sorted(path.name for path in out.iterdir())
    assert names[0] == "1-1.png"
    assert names[-2:] == ["prompts.txt", "sheet.png"]
    assert len(names) == 18
    assert (out / "prompts.txt").read_text() == "all blue\na red square\n"
    captions = loaded.game.condition
    assert captions == "captions"
    with Image.open(out / "2-8.png") as image:
        assert image.size == (16, 16)
    with pytest.raises(InputError, match="exists"):
        draw.run(draw.Config(run=str(config.workdir), prompts=("all blue",), out=out))


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (("a purple square",), "purple"),
        (("a reed square",), "red"),
        ((), "caption"),
        (("...",), "no word"),
        (("a " * 30,), "30 words"),
    ],
)
def test_captions_that_cannot_be_read_are_named(played, prompts, message):
    with pytest.raises(InputError, match=message):
        draw.run(draw.Config(run=str(played[0].workdir), prompts=prompts))


def test_other_runs_draw_nothing(tmp_path):
    config = mlp.Config(
        steps=1, batch_size=8, hidden=4, workdir=tmp_path / "mlp", data_dir=tmp_path
    )
    run(config, mlp.make_gan, evaluators=())
    with pytest.raises(InputError, match="mlp"):
        draw.run(draw.Config(run=str(tmp_path / "mlp"), prompts=("a red seven",)))


def test_eight_devices_draw_what_one_draws(played):
    assert jax.device_count() == 8
    loaded = load_run(played[0].workdir)
    captions = held_out(loaded.data).batch(np.arange(2))["captions"][:, 0]
    captions = np.repeat(captions, 4, axis=0)
    made = np.asarray(loaded.sample(8, condition=captions))
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("devices",))
    spread = jax.device_put(
        captions, jax.NamedSharding(mesh, jax.sharding.PartitionSpec("devices"))
    )
    parted = np.asarray(loaded.sample(8, condition=spread))
    np.testing.assert_allclose(parted, made, atol=1e-5)


def test_retrieval_knows_real_images(played):
    """Of squares of three colours: one caption of another colour is never nearer."""
    loaded = load_run(played[0].workdir)
    # Of the held-out images and those to train on: with four, chance could do as well.
    data = dataclasses.replace(loaded.data, test=loaded.data.train)
    judge = Retrieval(samples=36, among=2, steps=150)
    sampler = Sampler(game=loaded.game, state=loaded.state)
    found = judge(sampler, data, jax.random.key(0))["r_precision"]
    assert found.details["real"] >= 0.8
    assert 0 <= found.value <= 1


def test_a_column_has_the_same_latent_in_every_row(played, tmp_path):
    """So a prompt's images do not depend on the others, or on how many are drawn."""
    run = str(played[0].workdir)

    def drawn(name, prompts, columns):
        out = tmp_path / name
        draw.run(draw.Config(run=run, prompts=prompts, columns=columns, out=out))
        return out

    first = drawn("first", ("all blue",), 3)
    second = drawn("second", ("a red square", "all blue", "a red square"), 2)
    read = lambda path: np.asarray(Image.open(path))
    for column in (1, 2):
        before, after = first / f"1-{column}.png", second / f"2-{column}.png"
        np.testing.assert_array_equal(read(before), read(after))
    assert (read(first / "1-1.png") != read(first / "1-2.png")).any()


def test_what_a_prompt_leaves_open_is_chosen_and_told(tmp_path, capsys):
    """By a run of scenes: for each column, in all rows alike."""
    config = text_to_image.Config(
        **{**SMALL, "steps": 1, "mismatch": 0.0},
        resolution=16,
        workdir=tmp_path / "run",
        data_dir=tmp_path,
    )
    unjudged(config)
    whole = "a small red seven on a black ground, in the middle"
    prompts = ("a red seven", "a seven in the middle", whole, "red red seven")
    run, out = str(config.workdir), tmp_path / "drawn"
    capsys.readouterr()
    draw.run(draw.Config(run=run, prompts=prompts, columns=3, out=out))
    first, second, third, *_ = capsys.readouterr().out.splitlines()
    assert all(name in first for name in ("'a red seven'", "size", "place", "ground"))
    assert "colour" in second
    assert "place" not in second
    assert "'red red seven'" in third
    listed = (out / "prompts.txt").read_text().splitlines()
    assert [line for line in listed if not line.startswith(" ")] == list(prompts)
    assert len(listed) == 4 + 2 * 3
    sizes = [line.split()[1] for line in listed if line.startswith(" ")]
    assert sizes[:3] == sizes[3:]
    # The choice is the column's whole caption, not a part of the picture.
    draw.run(draw.Config(run=run, prompts=(listed[1],), columns=1, out=tmp_path / "1"))
    read = lambda path: np.asarray(Image.open(path))
    np.testing.assert_array_equal(read(out / "1-1.png"), read(tmp_path / "1/1-1.png"))


def test_long_captions_are_wrapped():
    images = np.zeros((2, 1, 32, 32, 3))
    plain = sheet(images, ["red", "blue"])
    long = sheet(
        images, ["a large red seven on a blue ground", "\u041a\u0440\u0430\u0441"]
    )
    assert long.width == plain.width
    assert long.height >= plain.height + 2 * 11


def test_embeddings_may_be_moved_between_starts(embedded, tmp_path):
    config, first = embedded
    moved = tmp_path / "moved.npy"
    moved.write_bytes(config.embeddings.read_bytes())
    again = unjudged(dataclasses.replace(config, embeddings=moved, steps=6))
    assert again["steps"] == 6 > first["steps"]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, own):
    """A run from embeddings: one number for each colour, and one for the wording."""
    folder = tmp_path_factory.mktemp("embedded")
    rows = [[i % 3 == c for c in range(3)] + [k] for i in range(40) for k in range(2)]
    np.save(folder / "vectors.npy", np.array(rows, np.float32))
    config = text_to_image.Config(
        **SMALL,
        dataset=f"captions:{own}",
        embeddings=folder / "vectors.npy",
        workdir=folder / "run",
        data_dir=folder,
    )
    return config, unjudged(config)


def test_embeddings_take_the_text_encoders_place(embedded, tmp_path):
    config, result = embedded
    loaded = load_run(config.workdir)
    assert set(loaded.game.players) == {"generator", "discriminator"}
    assert loaded.sample(3).shape == (3, 16, 16, 3)
    again = dataclasses.replace(config, workdir=tmp_path / "again")
    interrupted(unjudged, again, at=3)
    assert unjudged(again)["digest"] == result["digest"]
    judge = Retrieval(samples=4, among=2, steps=10)
    sampler = Sampler(game=loaded.game, state=loaded.state)
    found = judge(sampler, loaded.data, jax.random.key(0))["r_precision"]
    assert 0 <= found.value <= 1


def test_a_run_of_embeddings_draws_from_others(embedded, played, tmp_path):
    config, _ = embedded
    path = tmp_path / "two.npy"
    np.save(path, np.eye(4, dtype=np.float32)[:2])
    ask = draw.Config(
        run=str(config.workdir),
        prompts=("red", "green, by another word"),
        embeddings=path,
        columns=2,
        out=tmp_path / "drawn",
    )
    draw.run(ask)
    assert len(list((tmp_path / "drawn").iterdir())) == 6
    np.save(tmp_path / "wide.npy", np.ones((2, 5), np.float32))
    for changed, message in (
        ({"embeddings": None}, "4 numbers"),
        ({"prompts": ("red",)}, "2 rows"),
        ({"embeddings": tmp_path / "wide.npy"}, "have 5"),
        ({"run": str(played[0].workdir)}, "leave --embeddings out"),
    ):
        with pytest.raises(InputError, match=message):
            draw.run(dataclasses.replace(ask, **changed, out=None))


def test_captions_that_repeat_are_no_rivals(played):
    """Of images with one caption each, of which there are two."""
    data = load_run(played[0].workdir).data
    kinds = np.arange(len(data.test)) % 2
    words = data.test.columns["captions"].copy()
    words[:] = words[kinds]
    columns = {**data.test.columns, "captions": words}
    test = dataclasses.replace(data.test, columns=columns)
    repeated = dataclasses.replace(data, test=test)
    rows = np.arange(len(kinds))
    others = retrieval._others(repeated, rows, 1, jax.random.key(0))
    assert (kinds[others] != kinds[rows, None]).all()
    # Rivals that equal each other would be one: chance is 1/2, not 1/4.
    assert retrieval._others(repeated, rows, 3, jax.random.key(0)).shape[1] == 1
    # Another wording of an image's own is no rival, though it is another image's first.
    two = np.concatenate([words, words[::-1]], axis=1)
    test = dataclasses.replace(data.test, columns={**columns, "captions": two})
    both = dataclasses.replace(data, test=test)
    assert retrieval._others(both, rows, 1, jax.random.key(0)).shape[1] == 0
    words[:] = words[0]
    assert retrieval._others(repeated, rows, 1, jax.random.key(0)).shape[1] == 0
    assert Retrieval(steps=1)(None, repeated, jax.random.key(0)) == {}


def captioned(folder, own, texts):
    """The pictures of ``own`` with other captions."""
    folder.mkdir()
    lines = ["file,caption"]
    for number in range(40):
        name = f"{number:02}.png"
        (folder / name).write_bytes((own / name).read_bytes())
        lines.append(f"{name},{texts(number)}")
    (folder / "captions.csv").write_text("\n".join(lines) + "\n")
    return f"captions:{folder}"


def test_right_captions_are_told_only_where_wrong_ones_are_drawn(own):
    data = load_captioned(f"captions:{own}", data_dir=own.parent)
    config, few = text_to_image.Config(**SMALL), _of_three(data)
    with pytest.warns(DataWarning, match="are right"):
        text_to_image.make_game(config, few)
    text_to_image.make_game(dataclasses.replace(config, mismatch=0.0), few)


def _of_three(data):
    """The set with one of three captions for every image."""
    columns = dict(data.train.columns)
    rows = np.arange(len(data.train)) % 3
    columns["captions"] = columns["captions"][rows][:, :1]
    return dataclasses.replace(data, train=Examples(columns))


def test_a_run_goes_on_from_another_if_its_words_are_the_same(played, own, tmp_path):
    config, _ = played
    how = {"from_run": str(config.workdir), "steps": 6, "data_dir": tmp_path}
    # A word less, and one more.
    zinc = lambda i: ("a zinc square", "a green square", "all blue")[i % 3]
    other = captioned(tmp_path / "zinc", own, zinc)
    changed = dataclasses.replace(config, **how, dataset=other)
    few = pytest.warns(DataWarning, match="are right")
    with few, pytest.raises(InputError, match="--from"):
        unjudged(dataclasses.replace(changed, workdir=tmp_path / "a"))
    # The same words, but of only half of the captions: wrong ones are of this set.
    half = lambda i: ("a red square", "a green square", "all blue")[i % 3]
    fewer = captioned(tmp_path / "half", own, half)
    workdir = tmp_path / "b"
    changed = dataclasses.replace(config, **how, dataset=fewer, workdir=workdir)
    with pytest.warns(DataWarning, match="are right"):
        unjudged(changed)
    loaded = load_run(workdir)
    decode = loaded.data.vocabulary.decode
    wrong = {decode(row) for row in np.asarray(loaded.state.memory["others"])}
    assert wrong == {"a red square", "a green square", "all blue"}


def test_captions_that_are_all_equal_are_refused(own, tmp_path):
    same = captioned(tmp_path / "same", own, lambda number: "a square")
    config = text_to_image.Config(
        **SMALL, dataset=same, workdir=tmp_path / "run", data_dir=tmp_path
    )
    with pytest.raises(InputError, match="equal"):
        unjudged(config)


def test_the_text_encoder_is_not_fitted_where_the_run_cannot_be(
    played, tmp_path, capsys
):
    config, _ = played
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        unjudged(dataclasses.replace(config, workdir=tmp_path))
    assert "fitting" not in capsys.readouterr().out


@pytest.mark.parametrize("network", text_to_image.NETWORKS)
@pytest.mark.parametrize("size", [48, (24, 32)])
def test_sides_may_be_three_times_a_power_of_two(network, size):
    """Scenes of two digits have 48 pixels; 12 channels are no multiple of 8."""
    maker, judged_by = text_to_image.NETWORKS[network]
    generator = maker(size, 3, 12)
    z, text = jnp.zeros((2, 4)), jnp.zeros((2, 8))
    draw_all = lambda key: generator.init_with_output(key, z, text)[0]
    images = jax.eval_shape(draw_all, jax.random.key(0))
    assert images.shape == (2, *np.broadcast_to(size, 2), 3)
    judge = lambda key: judged_by(12).init_with_output(
        key, jnp.zeros(images.shape), text
    )[0]
    assert jax.eval_shape(judge, jax.random.key(0)).shape == (2,)
