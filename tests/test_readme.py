"""The README's Python example runs as printed, and its table names what exists."""

import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import report
from experiments.benchmarks.accelerator import table as accelerators
from experiments.studies import results
from jaxgan.checks import InputError

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_examples_run(tmp_path, monkeypatch):
    examples = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(examples) == 3
    assert len(examples[0].strip().splitlines()) <= 20
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), names)
    assert names["samples"].shape == (64, 28, 28, 1)
    assert int(names["state"].step) == 200
    assert (tmp_path / "runs" / "ring" / "samples.png").exists()
    assert np.isfinite(names["metrics"]["d_loss"])


def test_every_experiment_of_the_table_exists_and_the_reverse():
    named = set(re.findall(r"^\| `experiments\.(\w+)`", README, flags=re.MULTILINE))
    folder = Path(__file__).parents[1] / "experiments"
    files = {path.stem for path in folder.glob("[!_]*.py")} - {
        "draw",
        "evaluate",
        "image_to_image",
        "plan",
        "report",
        "tables",
        "tell_apart",
        "translate",
        "upscale",
    }  # tools
    assert named == files
    for name in named:
        module = importlib.import_module(f"experiments.{name}")
        assert module.Config.experiment == name


def test_every_study_of_the_table_exists_and_the_reverse():
    named = set(re.findall(r"^\| `experiments\.studies\.(\w+)`", README, re.MULTILINE))
    folder = Path(__file__).parents[1] / "experiments" / "studies"
    programs = [
        path.stem
        for path in folder.glob("[!_]*.py")
        if re.search(
            r"^    (study\.)?main\(Config, run\)", path.read_text(), re.MULTILINE
        )
    ]
    assert named == set(programs)


def test_the_results_page_is_that_of_the_results():
    folder = Path(__file__).parents[1]
    page = results.page(results.RESULTS, folder)
    assert (folder / "RESULTS.md").read_text() == page


def test_a_results_page_elsewhere_links_to_the_pictures(tmp_path, monkeypatch):
    (tmp_path / "pages").mkdir()
    monkeypatch.chdir(tmp_path)
    results.write(results.Config(out=Path("pages") / "results.md"))
    links = re.findall(r"!\[.*?\]\((.*?)\)", Path("pages/results.md").read_text())
    assert links
    assert all((tmp_path / "pages" / link).is_file() for link in links)
    with pytest.raises(InputError, match="--results"):
        results.write(results.Config(results=tmp_path, out=Path("none.md")))
    assert not Path("none.md").exists()


def test_the_table_of_speeds_is_that_of_the_result():
    assert report.table(json.loads(report.RESULT.read_text())) in README


def test_the_table_of_accelerators_is_that_of_the_results():
    assert accelerators.readme() in README


def test_relative_links_lead_somewhere():
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).exists(), target
