"""The traffic between a program's chips and the reasons for it, read from HLO text.

XLA merges all-reduces that do not wait for one another, also across both players'
updates. Each part of a merged one keeps the name of the operation that asked for it,
which includes the scopes of `jaxgan.update` and `jaxgan.means` and Flax's layers.
"""

import dataclasses
import math
import re
from collections.abc import Iterator

D_UPDATE, G_UPDATE = "D-update", "G-update"

_UPDATES = {"d_step": D_UPDATE, "g_step": G_UPDATE}
_MEAN = "mean_over_devices"

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*\{$")
_CALLED = re.compile(r"\b(?:calls|to_apply|body|condition)=%?([\w.-]+)")
_BODY = re.compile(r" while\(.*\bbody=%?([\w.-]+)")
_COLLECTIVE = re.compile(
    r"^\s*(?:ROOT )?%?([\w.-]+) = ([^=]+?) "
    r"(all-reduce|all-gather|reduce-scatter|all-to-all|ragged-all-to-all"
    r"|collective-permute|collective-broadcast)(?:-start)?\("
)
_DONE = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = .* all-reduce-done\(%?([\w.-]+)\)")
_PART = re.compile(r" get-tuple-element\(%?([\w.-]+)\), index=\d+")
_OP_NAME = re.compile(r'\bop_name="([^"]*)"')
_NETWORK = re.compile(r"(transpose\()?jvp\((\w+)\)")
_COMMENT = re.compile(r"/\*.*?\*/")
_ARRAY = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllReduces:
    """All-reduces that have the same reasons.

    Attributes:
        reasons: each as from `reason`; several where XLA merged all-reduces.
        calls: how many.
        payload: bytes of all of them together.
    """

    reasons: tuple[str, ...]
    calls: int
    payload: int

    def of(self, update: str) -> bool:
        """Returns whether `D_UPDATE`, or `G_UPDATE`, is among the reasons."""
        return any(reason.startswith(update) for reason in self.reasons)

    def times(self, count: int) -> "AllReduces":
        """Returns those of ``count`` such programs."""
        calls, payload = count * self.calls, count * self.payload
        return AllReduces(reasons=self.reasons, calls=calls, payload=payload)


def all_reduces(hlo: str, *, trips: int = 1) -> list[AllReduces]:
    """Returns the all-reduces in an HLO module's text, in order, by their reasons.

    Args:
        hlo: the optimised module.
        trips: how often each loop's body runs, which the text does not say.

    Raises:
        ValueError: if the program has other collectives, which data parallelism does
            not need and the cost model does not price.

    Example:
        >>> text = "%x = (f32[2,3]{1,0}, bf16[]) all-reduce(%a, %b), channel_id=1"
        >>> all_reduces(text)
        [AllReduces(reasons=('unknown',), calls=1, payload=26)]
    """
    computations = _computations(hlo)
    repeated = set(_in_loops(computations))
    found: dict[tuple[str, ...], AllReduces] = {}
    for computation, lines in computations.items():
        times = trips if computation in repeated else 1
        parts = _names_of_parts(lines)
        for line in lines:
            match = _COLLECTIVE.match(line)
            if match is None:
                continue
            name, arrays, collective = match.groups()
            if collective != "all-reduce":
                raise ValueError(
                    f"The cost model has no price for the collective {collective}."
                )
            names = parts.get(name) or _OP_NAME.findall(line)
            reasons = tuple(sorted(set(map(reason, names)))) or ("unknown",)
            before = found.get(reasons)
            payload = sum(_bytes(*array) for array in _ARRAY.findall(arrays))
            found[reasons] = AllReduces(
                reasons=reasons,
                calls=times + (before.calls if before else 0),
                payload=times * payload + (before.payload if before else 0),
            )
    return list(found.values())


def reason(op_name: str) -> str:
    """Returns why an all-reduce was asked for, given the name of the operation.

    Example:
        >>> reason("jit(step)/d_step/transpose(jvp(Generator))/BatchNorm_0/psum")
        'D-update: BatchNorm of Generator, backward'
        >>> reason("jit(step)/g_step/mean_over_devices/psum")
        'G-update: gradients, running statistics, metrics'
    """
    *path, _ = op_name.split("/")
    update = next((f"{_UPDATES[scope]}: " for scope in path if scope in _UPDATES), "")
    if _MEAN in path:
        return f"{update}gradients, running statistics, metrics"
    network = _NETWORK.search(op_name)
    if network is None:
        return f"{update}{op_name}"
    layer = "" if "jvp(" in path[-1] else f"{re.sub(r'_[0-9]+$', '', path[-1])} of "
    direction = "backward" if network[1] else "forward"
    return f"{update}{layer}{network[2]}, {direction}"


def loops(hlo: str) -> int:
    """Returns the number of loops in an HLO module's text."""
    return len(_bodies(_computations(hlo)))


def _computations(hlo: str) -> dict[str, list[str]]:
    """Returns the lines of each computation, by its name."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in _COMMENT.sub("", hlo).splitlines():
        if header := _COMPUTATION.match(line):
            name = header[1]
            found[name] = []
        else:
            found[name].append(line)
    return found


def _bodies(computations: dict[str, list[str]]) -> list[str]:
    lines = (line for lines in computations.values() for line in lines)
    return [match[1] for line in lines if (match := _BODY.search(line))]


def _in_loops(computations: dict[str, list[str]]) -> Iterator[str]:
    """Yields the computations that are a loop's body or called by one."""
    waiting, seen = _bodies(computations), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in computations:
            continue
        seen.add(name)
        yield name
        waiting += _CALLED.findall("\n".join(computations[name]))


def _names_of_parts(lines: list[str]) -> dict[str, list[str]]:
    """Returns the names of the operations in each all-reduce, by its own name."""
    starts = {match[1]: match[2] for line in lines if (match := _DONE.match(line))}
    found: dict[str, list[str]] = {}
    for line in lines:
        part, name = _PART.search(line), _OP_NAME.search(line)
        if part and name:
            whole = starts.get(part[1], part[1])
            found.setdefault(whole, []).append(name[1])
    return found


def _bytes(dtype: str, bits: str, shape: str) -> int:
    size = math.prod(int(n) for n in shape.split(",") if n)
    return size * (1 if dtype == "pred" else max(1, int(bits) // 8))
