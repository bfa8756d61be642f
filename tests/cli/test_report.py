"""The report: what it holds at most, and what happens where it cannot be drawn."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from experiments import mlp
from experiments import report as command
from jaxgan import report
from jaxgan.cli import run, summary
from jaxgan.report import brief, html, pictures
from jaxgan.report.figures import figure

INLINE = "module://matplotlib_inline.backend_inline"  # not installed here


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def _python(code, backend):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": backend},
    )


@pytest.mark.parametrize("backend", [INLINE, "TkAgg", "nonsense", ""])
def test_backend_of_a_notebook_does_not_matter(backend):
    code = f"""
import os
from jaxgan.report import html
assert "<svg" in html.curves([{{"step": 1, "d_loss": 2.0}}])
assert os.environ["MPLBACKEND"] == {backend!r}
"""
    done = _python(code, backend)
    assert done.returncode == 0, done.stderr


def test_backend_that_can_be_used_counts_for_the_process_itself():
    code = """
from jaxgan.report import html
html.curves([{"step": 1, "d_loss": 2.0}])
import matplotlib.pyplot as plt
assert plt.get_backend().lower() == "svg"
plt.plot([1, 2])
"""
    done = _python(code, "svg")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "error", [ValueError("no backend"), OSError(28, "No space left"), ImportError("x")]
)
def test_report_that_cannot_be_drawn_does_not_fail_the_run(
    finished, config, tmp_path, monkeypatch, capsys, error
):
    def fails(*_):
        raise error

    config = dataclasses.replace(config, workdir=tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(html, "curves", fails)
        with pytest.warns(UserWarning, match="experiments.report"):
            result = run(config, mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == result
    out = capsys.readouterr().out
    assert result["digest"] in out
    assert "report.html" not in out
    _command(monkeypatch, tmp_path / "run")
    assert result["digest"] in (tmp_path / "run" / "report.html").read_text()


def _command(monkeypatch, *folders):
    monkeypatch.setattr(sys, "argv", ["report", *map(str, folders)])
    command.main()


def test_command_writes_what_the_run_wrote(copied, monkeypatch, capsys):
    before = (copied / "report.html").read_bytes()
    (copied / "report.html").unlink()
    _command(monkeypatch, copied, copied)
    assert capsys.readouterr().out.count(f"{copied / 'report.html'}\n") == 2
    again = (copied / "report.html").read_bytes()
    # The SVG has random names inside.
    assert len(again) == pytest.approx(len(before), rel=1e-3)
    head = before.index(b"<h2>Curves")
    assert again[:head] == before[:head]


@pytest.mark.parametrize("folders", [(), ("nothing",), ("",)], ids=str)
def test_command_refuses_what_is_no_run(tmp_path, monkeypatch, capsys, folders):
    with pytest.raises(SystemExit) as end:
        _command(monkeypatch, *(tmp_path / folder for folder in folders))
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_command_says_why_there_is_no_report(copied, monkeypatch, capsys):
    (copied / "samples").rename(copied / "pictures")
    (copied / "samples").mkdir()
    (copied / "samples" / "00000000.png").mkdir()
    with pytest.raises(SystemExit) as end:
        _command(monkeypatch, copied)
    assert end.value.code == 2
    assert "IsADirectoryError" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["samples.png", "samples/00000025.png"])
def test_command_names_a_damaged_picture(copied, monkeypatch, capsys, name):
    (copied / name).write_bytes(b"x" * 700_000)
    with pytest.raises(SystemExit) as end:
        _command(monkeypatch, copied)
    assert end.value.code == 2
    assert f"{copied / name} " in capsys.readouterr().err
    (copied / name).unlink()
    _command(monkeypatch, copied)


def test_number_that_fits_no_float_is_named_by_its_line(copied, monkeypatch, capsys):
    lines = (copied / "metrics.jsonl").read_text().count("\n")
    with (copied / "metrics.jsonl").open("a") as file:
        file.write(f'{{"step": 60, "d_loss": 1{400 * "0"}}}\n')
    with pytest.raises(SystemExit) as end:
        _command(monkeypatch, copied)
    assert end.value.code == 2
    assert f"metrics.jsonl: line {lines + 1} " in capsys.readouterr().err


def test_record_without_the_environment_has_a_report(copied, finished):
    record = json.loads((copied / "config.json").read_text())
    for name in ("versions", "devices", "python", "git_revision"):
        record.pop(name)
    (copied / "config.json").write_text(json.dumps(record))
    assert finished[1]["digest"] in report.write(copied).read_text()


def test_run_that_is_still_going_has_a_report_too(copied, monkeypatch):
    (copied / "result.json").unlink()
    rows = (copied / "metrics.jsonl").read_text().splitlines(keepends=True)
    (copied / "metrics.jsonl").write_text("".join(rows[:3]))
    _command(monkeypatch, copied)
    page = (copied / "report.html").read_text()
    assert "step 30 of 50" in page
    assert "<svg" in page
    assert "digest" not in page
    (copied / "metrics.jsonl").write_text("")
    (copied / "samples.png").unlink()
    _command(monkeypatch, copied)
    assert "step 0 of 50" in (copied / "report.html").read_text()


def _of_classes(result, count, name="{}"):
    shares = {name.format(i): i / count for i in range(count)}
    judged = {"name": "rarest", "value": 0.0, "protocol": "p"}
    judged["details"] = {"shares": shares, "samples": 1_000}
    return {**result, "evaluation": {"smallest_class": judged}}


def test_report_of_many_classes_and_large_images_is_small(copied):
    """Noise, which no format makes smaller, in ten rows of ten images of 256 x 256."""
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (100, 256, 256, 3)).astype(np.float32)
    picture = pictures.titled(pictures.grid(images, 10), "10 of 300 classes")
    assert picture.width * picture.height < 2.1e6
    for step in (*range(12), 25, 50):
        picture.save(copied / "samples" / f"{step:08}.png")
    picture.save(copied / "samples.png")
    result = json.loads((copied / "result.json").read_text())
    (copied / "result.json").write_text(json.dumps(_of_classes(result, 300, "c{:03}")))
    page = report.write(copied)
    assert page.stat().st_size < 3_000_000
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 9
    assert "10 of 300" in text
    for shown, other in (("c000", "c001"), ("c299", "c298")):
        assert f"shares.{shown}" in text
        assert f"shares.{other}" not in text


def test_summary_of_many_classes_is_one_short_line(tmp_path, finished):
    text = summary.text(tmp_path, _of_classes(finished[1], 300, "c{:03}" + "x" * 500))
    (line,) = (line for line in text.splitlines() if "shares" in line)
    assert "10 of 300" in line
    assert 500 < len(line) < 1_000
    ten = summary.text(tmp_path, _of_classes(finished[1], 10, "c{}"))
    assert f"shares: {', '.join(f'c{i} {i / 10:.4g}' for i in range(10))}" in ten


def test_class_names_of_any_bytes_are_written(copied, tmp_path):
    name = "m\udcfcnchen<b>\x1b[2J\0{}"
    result = json.loads((copied / "result.json").read_text())
    result = _of_classes(result, 3, name)
    (copied / "result.json").write_text(json.dumps(result))
    record = json.loads((copied / "config.json").read_text())
    record["config"]["dataset"] = f"folder:{name}"
    record["git_revision"] = name
    (copied / "config.json").write_text(json.dumps(record))
    page = report.write(copied).read_text(encoding="utf-8")
    assert r"m\udcfcnchen&lt;b&gt;" in page
    assert "m\\udcfcnchen<b>\\x1b[2J\\x000 0" in summary.text(tmp_path, result)


def test_small_pictures_are_as_they_were_and_large_ones_fit():
    random = np.random.default_rng(0)
    for mode, channels in (("L", 1), ("RGB", 3)):
        images = random.uniform(-1, 1, (20, 700, 40, channels)).astype(np.float32)
        assert pictures.grid(images[:, :28, :28], 10).size == (10 * 57 - 1, 2 * 57 - 1)
        assert pictures.grid(images[:, :128, :32], 10).size == (329, 257)
        tall = pictures.grid(images.repeat(4, axis=1).repeat(4, axis=2), 10)
        assert tall.mode == mode
        assert tall.width * tall.height <= 2.1e6
        assert tall.height / tall.width == pytest.approx(1400 / 400, rel=0.03)


def test_large_grid_shows_the_images_where_they_are():
    shades = np.linspace(-1, 1, 80, dtype=np.float32)
    images = np.broadcast_to(shades[:, None, None, None], (80, 256, 256, 1))
    sheet = np.asarray(pictures.grid(images, 10))
    side = (sheet.shape[1] + 1) // 10
    middles = sheet[side // 2 :: side, side // 2 :: side].ravel()
    np.testing.assert_allclose(middles, np.round((shades + 1) * 127.5), atol=1)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_smaller_picture_is_the_same_with_fewer_bytes(mode, tmp_path):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (600, 300), np.uint8)
    Image.fromarray(noise).convert(mode).save(tmp_path / "a.png")
    jpeg = pictures.smaller((tmp_path / "a.png").read_bytes(), 30_000)
    (tmp_path / "a.jpeg").write_bytes(jpeg)
    assert len(jpeg) <= 30_000
    with Image.open(tmp_path / "a.jpeg") as picture:
        assert picture.height / picture.width == pytest.approx(2, rel=0.05)
        assert np.mean(picture.convert("L")) == pytest.approx(noise.mean(), abs=2)


def test_figures_are_drawn_by_agg():
    assert type(figure().canvas).__name__ == "FigureCanvasAgg"
    assert brief.text("a" * 400) == "a" * 299 + "…"
