"""config.json and result.json of a run, read back and checked."""

import re
from pathlib import Path
from typing import Any

from jaxgan.checks import InputError
from jaxgan.files import read_object

_NUMBER = (int, float)


def read_config(folder: Path, *, otherwise: str) -> dict[str, Any]:
    """Returns the contents of config.json.

    Args:
        folder: folder of the run.
        otherwise: what to do if it is damaged, as a sentence.

    Raises:
        InputError: if there is none, or it is not that of a run.
    """
    path = folder / "config.json"
    record = read_object(path, otherwise=otherwise)
    if record is None:
        raise InputError(
            f"{folder} holds no run: there is no config.json. Give the folder that "
            "--workdir named."
        )
    try:
        expect(record, experiment=str, config=dict, data_fingerprint=str)
        expect(record["config"], dataset=str, seed=int, steps=int)
        expect({"flags": {}, **record}, flags=dict)
    except ValueError as error:
        raise InputError(
            f"{path} is not the config of a run: {error}. {otherwise}"
        ) from error
    return record


def read_result(folder: Path) -> dict[str, Any] | None:
    """Returns the contents of result.json; None if the run is not finished.

    Raises:
        InputError: if it is damaged.
    """
    path = folder / "result.json"
    otherwise = (
        "Remove it, and the run's command makes it again from the last checkpoint."
    )
    result = read_object(path, otherwise=otherwise)
    if result is None:
        return None
    try:
        _check_result(result)
    except ValueError as error:
        raise InputError(
            f"{path} is not the result of a run: {error}. {otherwise}"
        ) from error
    return result


def _check_result(result: dict[str, Any]) -> None:
    expect(result, steps=int, images=int, seconds=_NUMBER, evaluation=dict, digest=str)
    if not re.fullmatch(r"[0-9a-f]{64}", result["digest"]):
        raise ValueError(f"the digest {result['digest']!r} is not a SHA-256")
    for judged in result["evaluation"].values():
        expect(judged, name=str, value=_NUMBER, protocol=str)
        expect({"details": {}, **judged}, details=dict)
        if judged.get("interval") is not None:
            expect(judged["interval"], low=_NUMBER, high=_NUMBER, level=_NUMBER)
        if "p_value" in judged:
            expect(judged, p_value=_NUMBER)
    expect({"warnings": {}, **result}, warnings=dict)
    for found in result.get("warnings", {}).values():
        expect(found, from_step=int, to_step=int, recovered=bool, warning=str)
    if "best" in result:
        expect(result["best"], step=int)
        names = set(result["best"]) - {"step"}
        if len(names) != 1:
            raise ValueError(f"'best' has {len(names)} values instead of one")
        expect(result["best"], **dict.fromkeys(names, _NUMBER))


def expect(record: Any, /, **kinds: type | tuple[type, ...]) -> None:
    """Raises ValueError unless the record has these entries, of these types."""
    if not isinstance(record, dict):
        raise ValueError(f"{record!r:.80} is not a JSON object")
    for name, kind in kinds.items():
        if name not in record:
            raise ValueError(f"there is no {name!r}")
        value = record[name]
        misplaced = isinstance(value, bool) and kind is not bool
        too_large = isinstance(value, int) and abs(value) >= 2**63
        if misplaced or too_large or not isinstance(value, kind):
            raise ValueError(f"{name!r} is {value!r:.80}")
