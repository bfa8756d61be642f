"""The accelerator's checks as processes: within their time, continued, written down."""

import json
import subprocess
import sys

import numpy as np
import pytest

from experiments.benchmarks.accelerator import __main__ as command
from experiments.benchmarks.accelerator import checks
from experiments.benchmarks.accelerator.checks import SHARES, Outcome
from experiments.benchmarks.race import NO_TIME
from tests.benchmarks.records import FACTS, make


@pytest.fixture
def play(monkeypatch):
    """Runs a check whose process runs the program given."""
    start = subprocess.Popen

    def run(program, seconds=60.0):
        child = lambda command, **how: start([sys.executable, "-c", program], **how)
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "Popen", child)
            return checks.run("right", {"seconds": seconds})

    return run


PART = """
import json, sys, time
def tell(**line): print(json.dumps(line), flush=True)
tell(part="a", figures={"holds": True})
"""


def test_check_that_raises_has_failed_and_keeps_its_parts(play):
    outcome = play(PART + "tell(failure='ValueError: x'); sys.exit(1)")
    assert (outcome.status, outcome.why) == ("failed", "ValueError: x")
    assert outcome.parts == {"a": {"holds": True}}


def test_check_that_dies_has_failed(play):
    outcome = play(PART + "sys.exit('out of memory')")
    assert (outcome.status, outcome.why) == ("failed", "out of memory")


def test_last_lines_of_its_errors_say_why(play):
    write = "sys.stderr.write('a\\nb\\nc\\n\\nd\\n');"
    outcome = play(PART + write + "tell(failure='ValueError: x'); sys.exit(1)")
    assert outcome.why == "ValueError: x\nb\nc\nd"
    outcome = play(PART + write + "tell(status='done')")
    assert (outcome.status, outcome.why) == ("done", None)


def test_check_that_takes_too_long_is_cut_off(play, monkeypatch):
    monkeypatch.setattr(checks, "_TOO_SHORT", 0.0)
    monkeypatch.setattr(checks, "_GRACE", 1.0)
    program = PART + "sys.stderr.write('round 1\\n'); sys.stderr.flush();"
    outcome = play(program + "time.sleep(60)", seconds=0.1)
    assert (outcome.status, outcome.why) == ("cut off", "round 1")
    assert outcome.parts == {"a": {"holds": True}}
    assert play("import time; time.sleep(60)", seconds=0.1).status == "skipped"


def test_check_without_time_is_skipped():
    outcome = checks.run("right", {"seconds": 1.0})
    assert (outcome.status, outcome.why) == ("skipped", "no time left")


def test_failure_stops_no_other_check_and_all_is_written_as_it_comes(
    tmp_path, monkeypatch, capsys
):
    file, seen = tmp_path / "accelerator-nvidia-test-9.json", []

    def run(name, plan):
        if name == "machine":
            return Outcome("done", parts={"machine": dict(FACTS)})
        written = json.loads(file.read_text())["checks"] if file.exists() else {}
        assert list(written) == seen
        seen.append(name)
        if name == "exact":
            return Outcome("failed", why="ValueError: x")
        return Outcome("done")

    monkeypatch.setattr(checks, "run", run)
    assert command.main(["--out", str(tmp_path)]) == 1
    assert seen == list(SHARES)
    record = json.loads(file.read_text())
    assert record["checks"]["exact"]["why"] == "ValueError: x"
    assert {check["status"] for check in record["checks"].values()} == {
        "done",
        "failed",
    }
    assert {target["holds"] for target in record["targets"]} == {None}
    said = capsys.readouterr().out
    assert "exact      failed" in said
    assert "target not measured: ring" in said
    assert "MISSED" not in said


def test_what_is_left_over_goes_to_later_checks(tmp_path, monkeypatch):
    seconds = {}

    def run(name, plan):
        seconds[name] = plan["seconds"]
        part = {"machine": dict(FACTS)} if name == "machine" else {}
        return Outcome("done", parts=part)

    monkeypatch.setattr(checks, "run", run)
    flags = ["--only", "input", "race", "--budget", "100", "--out", str(tmp_path)]
    assert command.main(flags) == 0
    assert list(seconds) == ["machine", "race", "input"]
    share = SHARES["race"] / (SHARES["race"] + SHARES["input"])
    np.testing.assert_allclose(seconds["race"], 100 * share, atol=2)
    np.testing.assert_allclose(seconds["input"], 100, atol=2)


def test_the_same_command_continues_what_was_not_finished(
    tmp_path, monkeypatch, capsys
):
    played, earlier = [], {}

    def run(name, plan):
        if name == "machine":
            revision = "abcdefghij+" if played else "0123456789"
            machine = {**facts, "git_revision": revision}
            return Outcome("done", parts={"machine": machine})
        played.append(name)
        earlier[name] = dict(plan["earlier"].get(name, {}))
        late = name == "race" and not earlier[name]
        part = {} if name == "input" else {"mlp" if late else "ring": {"first": late}}
        return Outcome("cut off" if late else "done", parts=part)

    monkeypatch.setattr(checks, "run", run)
    facts = FACTS
    flags = ["--only", "input", "race", "--out", str(tmp_path)]
    for _ in range(2):
        assert command.main(flags) == 0
    assert played == ["race", "input", "race"]
    assert earlier["race"] == {"mlp": {"first": True, "revision": "0123456789"}}
    (file,) = tmp_path.iterdir()
    record = json.loads(file.read_text())
    found = record["checks"]["race"]["parts"]
    # Each part has the revision that measured it, the whole has none.
    assert found == {
        "mlp": {"first": True, "revision": "0123456789"},
        "ring": {"first": False, "revision": "abcdefghij+"},
    }
    assert "git_revision" not in record["machine"]
    said = "different revisions: 0123456: race mlp; abcdefg+: race ring"
    assert said in capsys.readouterr().out
    facts = {**FACTS, "driver": "another"}
    with pytest.raises(SystemExit) as refusal:
        command.main(flags)
    assert refusal.value.code == 2
    assert "driver" in capsys.readouterr().err


def test_check_with_a_part_that_had_no_time_is_not_done(tmp_path, monkeypatch):
    played = []

    def run(name, plan):
        if name == "machine":
            return Outcome("done", parts={"machine": dict(FACTS)})
        played.append(name)
        late = {"failure": NO_TIME} if len(played) == 1 else {"a": 1}
        return Outcome("done", parts={"ring x 64": late, "mlp x 64": {"a": 1}})

    monkeypatch.setattr(checks, "run", run)
    flags = ["--only", "population", "--out", str(tmp_path)]
    status = []
    for _ in range(3):
        assert command.main(flags) == 0
        (file,) = tmp_path.iterdir()
        record = json.loads(file.read_text())
        status.append(record["checks"]["population"]["status"])
    assert (status, len(played)) == (["cut off", "done", "done"], 2)


def test_parts_that_are_known_are_not_measured_again():
    late = {"forms": {"static scan": {"failure": NO_TIME}}}
    known = {"ring": {"forms": {}}, "mlp": {"failure": NO_TIME}, "dcgan": late}
    plan = make(earlier={"loop": known})
    assert set(plan.known("loop")) == {"ring"}
    assert plan.known("race") == {}


@pytest.mark.parametrize("flags", [["--only", "rihgt"], ["--budget", "0"]])
def test_bad_flags_are_refused(flags):
    with pytest.raises(SystemExit) as refusal:
        command.main(flags)
    assert refusal.value.code == 2
