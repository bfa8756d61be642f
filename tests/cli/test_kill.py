"""Kill -9 at random moments; `tests.kill` says how, and does it as often as asked."""

import pytest

from tests import kill


def test_a_killed_mlp_ends_as_an_undisturbed_one(tmp_path, capsys):
    flags = ["--experiment", "mlp", "--kills", "2", "--scale", "0.3"]
    code = kill.main([*flags, "--workdir", str(tmp_path)])
    out = capsys.readouterr().out
    assert code == 0, out
    assert out.count(": kill ") == 2
    assert "lines of metrics: all equal" in out


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["mlp", "dcgan", "conditional"])
def test_many_kills_change_nothing(tmp_path, capsys, experiment):
    flags = ["--experiment", experiment, "--kills", "6", "--seed", "1"]
    code = kill.main([*flags, "--workdir", str(tmp_path)])
    assert code == 0, capsys.readouterr().out


def test_a_difference_is_found(tmp_path, capsys):
    """The judge can fail: another digest, or another number in one line of metrics."""
    run = kill.Run("mlp", tmp_path, tmp_path, tmp_path, {})
    row = '{"step": 1, "d_loss": 0.5, "seconds": 3}\n'
    (tmp_path / "metrics.jsonl").write_text(row)
    (tmp_path / "result.json").write_text('{"digest": "a", "evaluation": {}}')
    same = {
        "digest": "a",
        "evaluation": {},
        "metrics": [{"step": 1, "d_loss": 0.5}],
    }
    assert kill._compare(run, same)
    assert not kill._compare(run, {**same, "digest": "b"})
    assert not kill._compare(run, {**same, "metrics": [{"step": 1, "d_loss": 0.6}]})
    assert "DIFFERS in metrics" in capsys.readouterr().out
