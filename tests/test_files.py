"""Places for results, checked before the work whose results they hold."""

import pytest

from jaxgan.checks import InputError
from jaxgan.files import new_folder, writable


def test_a_file_that_can_be_written_is_given_back(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert writable("~/new.json", "--json") == tmp_path / "new.json"
    (tmp_path / "old.json").touch()
    assert writable("old.json", "--json").name == "old.json"


@pytest.mark.parametrize("path", ["folder", "missing/file", "file/file", "."])
def test_a_file_that_cannot_be_written_is_refused(path, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--json"):
        writable(tmp_path / path, "--json")


def test_folders_for_results_are_new(tmp_path):
    parent = tmp_path / "runs"
    names = [new_folder(parent, None, "result").name for _ in range(3)]
    assert names == ["result-1", "result-2", "result-3"]
    assert new_folder(parent, tmp_path / "a" / "b", "result").is_dir()
    with pytest.raises(InputError, match="exists"):
        new_folder(parent, tmp_path / "a" / "b", "result")
