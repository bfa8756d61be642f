"""TensorBoard's events are written, and PyTorch is left alone."""

import os
import subprocess
import sys

from tensorboardX.proto import event_pb2

PROGRAM = """
import sys
from pathlib import Path
from jaxgan.hooks import tensorboard
events = tensorboard.writer(Path(sys.argv[1]), purge_step=1)
events.add_scalar("d_loss", 0.25, 3)
events.close()
assert "torch" not in sys.modules
import torch
"""


def records(path):
    """A TFRecord file's records: length, its checksum, the bytes, their checksum."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 8], "little")
        yield content[at + 12 : at + 12 + size]
        at += 16 + size


def test_torch_is_not_imported_and_can_be_later(tmp_path):
    (tmp_path / "torch.py").write_text("print('torch was imported')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "events")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "torch was imported\n"
    (file,) = (tmp_path / "events").iterdir()
    events = [event_pb2.Event.FromString(record) for record in records(file)]
    values = [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value]
    assert values == [(3, "d_loss", 0.25)]
