"""A command's streams and files: readers that leave, none at all, no permission."""

import errno
import os
import subprocess
import sys

import pytest

from jaxgan.cli import command

_WORK = """
import sys
from pathlib import Path
from jaxgan.cli import command

def action():
    for stream in (sys.stdout, sys.stderr):
        assert not stream.isatty()
        for _ in range(1_000):
            print("a line of output" * 10, file=stream, flush=True)
        print("the end", file=stream)
    Path(sys.argv[1]).write_text("done")

command.guarded(action)
"""


def _work(folder, **streams):
    program = [sys.executable, "-c", _WORK, str(folder / "result")]
    return subprocess.run(program, **streams)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_work_goes_on_when_the_reader_of_a_pipe_leaves(tmp_path, name, unbuffered):
    other = {"stdout": "stderr", "stderr": "stdout"}[name]
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    streams = {name: writer, other: subprocess.PIPE}
    done = _work(tmp_path, env=environment, **streams)
    os.close(writer)
    assert done.returncode == 0
    assert (tmp_path / "result").read_text() == "done"
    lines = getattr(done, other).decode().splitlines()
    assert (len(lines), lines[-1]) == (1_001, "the end")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_work_goes_on_without_streams(tmp_path, closed):
    program = [sys.executable, "-c", _WORK, str(tmp_path / "result")]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *program]
    done = subprocess.run(shell, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.returncode == 0
    assert (tmp_path / "result").read_text() == "done"


def _ends(action, capsys):
    with pytest.raises(SystemExit) as end:
        command.guarded(action)
    return end.value.code, capsys.readouterr().err


def test_file_in_the_place_of_a_folder_is_named(tmp_path, capsys):
    path = tmp_path / "samples"
    path.touch()
    for action in (path.mkdir, (path / "a.png").touch, lambda: list(path.iterdir())):
        code, text = _ends(action, capsys)
        assert code == 4
        assert str(path) in text
        assert "room" not in text
    code, text = _ends(tmp_path.read_bytes, capsys)
    assert (code, f"{tmp_path} " in text) == (4, True)


@pytest.mark.parametrize(
    "number",
    [errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENAMETOOLONG, errno.EROFS],
    ids=errno.errorcode.get,
)
def test_file_that_cannot_be_used_is_named(capsys, number):
    def fails():
        raise OSError(number, os.strerror(number), "run/events")

    code, text = _ends(fails, capsys)
    assert code == 4
    assert "run/events could not be" in text
    assert os.strerror(number) in text
    assert "room" not in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_room_is_asked_for_where_there_is_none(capsys, number):
    def fails():
        raise OSError(number, os.strerror(number))

    code, text = _ends(fails, capsys)
    assert (code, "make room" in text) == (4, True)


def test_error_of_no_file_is_not_hidden():
    def fails():
        raise OSError(errno.ECONNREFUSED, "refused")

    with pytest.raises(OSError, match="refused"):
        command.guarded(fails)
