"""What a checkpoint's record says of networks, versions and formats."""

import re
import shutil

import pytest

import jaxgan
from jaxgan.checkpoint import CheckpointWarning, record
from tests.checkpoint.runs import (
    assert_is,
    files_of,
    flip_a_bit,
    restore,
    rewrite_record,
    zeros,
)


def test_another_network_is_refused_and_what_differs_is_named(run, like):
    flip_a_bit(run / "checkpoints" / "2" / "record" / "metadata")
    before = files_of(run)
    with pytest.raises(jaxgan.InputError) as error:
        restore(run, zeros(latent_dim=5))
    kernel = "params['Dense_0']['kernel']: float32[4,16] there, float32[5,16]"
    assert f".players['generator'].{kernel} here" in str(error.value)
    assert "; and 1 more" in str(
        error.value
    )  # four differ, with Adam's and the average
    assert files_of(run) == before


def test_a_missing_leaf_is_named(run, like):
    with pytest.raises(
        jaxgan.InputError, match=r"'Dense_0'.*'bias'.* there, nothing h"
    ):
        restore(run, like.replace(averages={}))


def test_other_versions_and_devices_are_named(run, like, monkeypatch):
    here = {**record.versions(), "jax": "0.99", "jaxgan": "7.0"}
    there, devices = record.versions(), record.devices(None)
    monkeypatch.setattr(record, "versions", lambda: here)
    monkeypatch.setattr(record, "devices", lambda shards: "1 x TPU v7")
    with pytest.warns(CheckpointWarning) as caught:
        assert_is(restore(run, like), 2, like)
    [message] = [str(warning.message) for warning in caught]
    assert (
        f"(devices: {devices} -> 1 x TPU v7; "
        f"jax: {there['jax']} -> 0.99; jaxgan: {there['jaxgan']} -> 7.0)"
    ) in message
    assert "bits" in message


def test_arrays_that_cannot_be_read_name_other_versions(run, like):
    for step in (1, 2):
        rewrite_record(
            run, step, versions={**record.versions(), "orbax-checkpoint": "99"}
        )
        shutil.rmtree(run / "checkpoints" / str(step) / "state")
    with pytest.raises(jaxgan.InputError, match=r"orbax-checkpoint: 99 -> \d"):
        restore(run, like)


def test_a_newer_format_is_refused_and_both_versions_are_named(run, like):
    versions = {**record.versions(), "jaxgan": "7.0"}
    rewrite_record(
        run, 2, format=record.FORMAT + 1, versions=versions, leaves="unheard of"
    )
    before = files_of(run)
    here = record.versions()["jaxgan"]
    with pytest.raises(jaxgan.InputError, match=rf"jaxgan 7\.0; here is jaxgan {here}"):
        restore(run, like)
    assert files_of(run) == before


def test_an_older_format_is_refused_and_both_versions_are_named(run, like):
    """Version 0.1.0 had two players only, and wrote format 1."""
    versions = {**record.versions(), "jaxgan": "0.1.0"}
    for step in (1, 2):
        rewrite_record(run, step, format=1, versions=versions)
    before = files_of(run)
    here = re.escape(record.versions()["jaxgan"])
    with pytest.raises(jaxgan.InputError, match=rf"0\.1\.0.*here is jaxgan {here}"):
        restore(run, like)
    assert files_of(run) == before


def test_a_flipped_format_is_damage_and_not_a_newer_one(run, like):
    path = run / "checkpoints" / "2" / "record" / "metadata"
    path.write_text(
        path.read_text().replace(f'"format": {record.FORMAT}', '"format": 9')
    )
    with pytest.warns(CheckpointWarning, match="its record has changed"):
        assert_is(restore(run, like), 1, like)
