"""Damaged records of a run: each is a message, never a traceback."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

import jaxgan
from experiments import mlp
from jaxgan import report
from jaxgan.checks import InputError
from jaxgan.cli import run
from jaxgan.hooks import read_metrics
from jaxgan.report import records
from tests.fuzz.mutate import mutated

DAMAGES = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:50],
    "no text": lambda content: b"\xff\xfe\x80" + content,
    "zeros": lambda content: bytes(len(content)),
    "another type": lambda content: b"[1, 2]",
    "nothing in it": lambda content: b"{}",
    "brackets": lambda content: b"[" * 100_000,
    "nested": lambda content: b'{"a":' * 200 + b"1" + b"}" * 200,
}


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished[0], tmp_path / "run")


def _damage(path, kind):
    path.write_bytes(DAMAGES[kind](path.read_bytes()))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_damaged_record_is_named(copied, config, name, kind):
    _damage(copied / name, kind)
    readers = {
        "run": lambda: run(dataclasses.replace(config, workdir=copied), mlp.make_gan),
        "load_run": lambda: jaxgan.load_run(copied).result,
        "report": lambda: report.write(copied),
    }
    for read in readers.values():
        with pytest.raises(InputError, match=re.escape(str(copied / name))) as error:
            read()
        assert ("Remove it" if name == "result.json" else "copy") in str(error.value)


@pytest.mark.digest
def test_damaged_result_is_made_again_once_removed(copied, config, finished):
    (copied / "result.json").unlink()
    config = dataclasses.replace(config, workdir=copied)
    result = run(config, mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]
    assert result["evaluation"] == finished[1]["evaluation"]


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        ({"steps": "50"}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": 2**70}, "steps"),
        ({"digest": "no hex"}, "digest"),
        ({"evaluation": {"two_sample": 0.5}}, "0.5"),
        ({"evaluation": {"x": {"name": "x", "value": None, "protocol": ""}}}, "value"),
        ({"warnings": {"Collapse": {}}}, "from_step"),
        ({"best": {"step": 20}}, "best"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_result_with_another_kind_of_entry_is_refused(copied, config, change, keyword):
    path = copied / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=rf"result\.json.*{keyword}"):
        run(dataclasses.replace(config, workdir=copied), mlp.make_gan)
    with pytest.raises(InputError, match=keyword):
        _ = jaxgan.load_run(copied).result


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"hidden": "wide"}},
        {"config": {"batch_size": None, "learning_rate": []}},
        {"config": {"hidden": -4}},
        {"data": {"columns": {"image": ["uint8", [8, 8, -1]]}}},
        {"data": {"columns": {"image": ["uint8", [2**40, 8, 1]]}}},
        {"data": {"columns": {"image": ["uint9", [8, 8, 1]]}}},
        {"data": {"columns": {"image": 3}}},
        {"data": {"columns": {}}},
        {"made_by": {"make_game": 3}},
        {"data_dir": None},
    ],
    ids=str,
)
def test_run_with_other_settings_is_not_loaded(copied, change):
    path = copied / "config.json"
    record = json.loads(path.read_text())
    for name, value in change.items():
        nested = isinstance(value, dict)
        record[name] = {**record[name], **value} if nested else value
    path.write_text(json.dumps(record))
    with pytest.raises(InputError):
        jaxgan.load_run(copied)


def test_large_examples_in_a_record_take_no_memory(copied):
    """Only their shapes are needed; these would be 64 TiB."""
    path = copied / "config.json"
    record = json.loads(path.read_text())
    record["data"]["columns"]["other"] = ["float32", [2**22, 2**22]]
    path.write_text(json.dumps(record))
    assert jaxgan.load_run(copied).step == 50


def _refusal(folder) -> str:
    try:
        records.read_config(folder, otherwise="")
        records.read_result(folder)
        read_metrics(folder)
    except InputError as error:
        return str(error)
    return ""


def test_mutated_records_are_read_or_refused(copied):
    """Of 200 of each some are still good; and nothing but messages is raised."""
    random = np.random.default_rng(0)
    for name in ("config.json", "result.json", "metrics.jsonl"):
        content, refused = (copied / name).read_bytes(), 0
        for _ in range(200):
            (copied / name).write_bytes(mutated(content, random))
            refused += name in _refusal(copied)
        assert 20 < refused < 200
        (copied / name).write_bytes(content)


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 2, "d_l',
        b"[1]",
        b'{"d_loss": 1}',
        b"\xff",
        b"[" * 100_000,
        b"7",
        b"",
        b'{"seconds": null, "step": 2}',
        b'{"seconds": "1", "step": 2}',
        b'{"step": 2, "d_loss": [1]}',
        b'{"d_loss": 1' + 400 * b"0" + b', "step": 2}',
    ],
    ids=lambda line: repr(line[:20]),
)
def test_line_of_metrics_that_is_none_is_named(tmp_path, line):
    lines = [b'{"step": 1}', line, b'{"step": 3}']
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 2"):
        read_metrics(tmp_path)


@pytest.mark.parametrize("end", [b'{"step": 2, "d_l', b"\0\0\0", b"\xc3", b'{"st'])
def test_last_line_that_was_cut_off_is_left_out(copied, end):
    rows = read_metrics(copied)
    with (copied / "metrics.jsonl").open("ab") as file:
        file.write(end)
    assert read_metrics(copied) == rows
    assert "<svg" in report.write(copied).read_text()
