"""The results as text: a record on one screen, and the README's table.

::

    python -m experiments.benchmarks.accelerator.table    # the README's, of all cards
"""

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.benchmarks.accelerator.right import BOUNDS
from experiments.benchmarks.race import NO_TIME
from experiments.tables import text_table

RESULTS = Path(__file__).parents[1] / "results"
HEADER = ["card", "right", "repeats", "fastest loop"]
HEADER += ["against PyTorch's best", "of the roofline"]
NOTHING = "Nothing has been measured on an accelerator yet."
_WIDTH = 100

Part = Mapping[str, Any]


def screen(record: Mapping[str, Any]) -> str:
    """Returns all of a record on one screen."""
    facts = record["machine"]
    versions = facts["versions"]
    lines = [
        f"{facts['card']} ({facts['platform']}), driver {facts['driver']}, jax "
        f"{versions['jax']}, PyTorch {facts['torch']}"
        + (", quick: sizes that show no speed" if record["quick"] else "")
    ]
    of = revisions(record)
    if len(of) > 1:
        told = "; ".join(f"{short}: {', '.join(of[short])}" for short in of)
        lines.append(f"measured at different revisions: {told}")
    for name, check in record["checks"].items():
        lines += of_check(name, check)
    lines += [_target(target) for target in record["targets"]]
    return "\n".join(part for line in lines for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    deeper = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, _WIDTH, subsequent_indent=deeper)


def revisions(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the checks, or parts of them, measured at each short revision.

    Example:
        >>> parts = {"ring": {"revision": "abcdef012"}, "mlp": {"revision": None}}
        >>> revisions({"checks": {"race": {"parts": parts}, "exact": {"parts": {}}}})
        {'abcdef0': ['race ring'], 'unknown': ['race mlp']}
    """
    found: dict[str, list[str]] = {}
    for check, result in record["checks"].items():
        of = {name: _short(part) for name, part in result["parts"].items()}
        for short in dict.fromkeys(of.values()):
            names = [f"{check} {name}" for name in of if of[name] == short]
            all_of_it = len(names) == len(of)
            found.setdefault(short, []).extend([check] if all_of_it else names)
    return found


def _short(part: Part) -> str:
    """Returns a part's revision, with "+" if the code had been changed since."""
    revision = part.get("revision") or "unknown"
    return revision[:7] + "+" * revision.endswith("+")


def of_check(name: str, check: Mapping[str, Any]) -> list[str]:
    """Returns a check's lines: its status, then its figures."""
    verdict = {True: ", all holds", False: ", FAILS", None: ""}[check["holds"]]
    head = f"{name:<10} {check['status']}{verdict}, {check['seconds']:.0f} s"
    figures = _LINES[name](check["parts"])
    why = (check["why"] or "").splitlines()
    return [head, *("  " + line for line in [*figures, *why])]


def _right(parts: Mapping[str, Part]) -> list[str]:
    """Returns the largest error of each precision, and what is out of bounds."""
    cells = []
    for mode in BOUNDS:
        found = {n: p for n, p in parts.items() if n.endswith(f", {mode}")}
        if found:
            worst = max(found, key=lambda name: found[name]["error"])
            figures = found[worst]
            cells.append(f"{mode} {figures['error']:.0e} of {figures['bound']:.0e}")
    if "losses" in parts:
        cells.insert(0, f"losses {parts['losses']['error']:.0e}")
    lines = [f"{len(parts)} comparisons, worst " + ", ".join(cells)]
    for name, figures in parts.items():
        if not figures["holds"]:
            lines.append(f"FAILS: {name}: {figures['error']:.1e} at {figures['worst']}")
    return lines if parts else []


def _exact(parts: Mapping[str, Part]) -> list[str]:
    said = {True: "yes", False: "NO"}
    lines = []
    for name, part in parts.items():
        if "failure" in part:
            lines.append(f"{name}: {part['failure']}")
        elif "times_as_long" in part:
            lines.append(f"{name}: a step takes {_spread(part['times_as_long'])} times")
        elif "shards" in part:
            lines.append(
                f"{name}: {part['shards']} on 1 and {part['devices']} devices end "
                f"alike {said[part['holds']]} ({part['work']})"
            )
        else:
            lines.append(
                f"{name}: {part['steps']} steps repeat {said[part['repeats']]}, "
                f"continued {said[part['continues']]} ({part['work']})"
            )
    return lines


def _ceilings(parts: Mapping[str, Part]) -> list[str]:
    cells = [f"{n} {p['high']:.3g} {p['unit']}" for n, p in parts.items()]
    return [", ".join(cells)] if cells else []


def _loop(parts: Mapping[str, Part]) -> list[str]:
    lines = []
    for name, part in parts.items():
        cells = [f"{form} {_rate(line)}" for form, line in part["forms"].items()]
        lines.append(f"{name} steps/s: " + "; ".join(cells))
    return lines


def _rate(line: Part) -> str:
    if line.get("steps_per_second") is None:
        return "no time" if line.get("failure") == NO_TIME else "failed"
    return f"{line['steps_per_second']['median']:.4g}"


def _race(parts: Mapping[str, Part]) -> list[str]:
    header = ["work", "jaxgan/s", "x PyTorch's best", "x Flax", "roofline", "MiB"]
    header.append("first step")
    rows = [_raced(name, part) for name, part in parts.items() if "contestants" in part]
    lines = text_table(header, rows).splitlines() if rows else []
    if parts.get("PyTorch", {}).get("present") is False:
        lines.append("PyTorch is not installed here: it takes no part.")
    return lines


def _raced(name: str, part: Part) -> list[str]:
    best = part.get("best")
    if best is None:
        why = part["contestants"].get("jaxgan", {}).get("failure")
        return [name, str(why)[:40], *[""] * 5]
    line = part["contestants"][best]
    share = line["of_roofline"]
    return [
        name,
        f"{line['steps_per_second']['median']:.4g} {_kind(best)}".strip(),
        f"{_spread(part.get('against_torch'))} {_kind(part.get('best_torch'))}".strip(),
        _spread(part.get("against_flax")),
        "" if share is None else f"{share:.0%}",
        f"{line['peak_mib']:.0f}",
        f"{line['first_step_seconds']:.0f} s",
    ]


def _kind(label: str | None) -> str:
    """Returns what sets a contestant apart, such as "compile bf16"."""
    return " ".join((label or "").split("_")[1:])


def _population(parts: Mapping[str, Part]) -> list[str]:
    lines = []
    for game in ("ring", "mlp"):
        cells = []
        for name, part in parts.items():
            if name.startswith(f"{game} x "):
                cost = part.get("cost_of_a_member")
                size = name.removeprefix(f"{game} x ")
                cells.append(f"{size}: " + (f"{cost['median']:.3g}" if cost else "-"))
        if cells:
            lines.append(f"{game}, a member's cost, alone = 1: " + ", ".join(cells))
        vmap = parts.get(f"{game}, vmap", {"measured": ()})
        if max(vmap["measured"], default=1) > 1:
            most = vmap["pays_up_to"]
            lines[-1] += f"; vmap pays up to {most}" if most else "; vmap pays at none"
    return lines + _race({n: p for n, p in parts.items() if "contestants" in p})


def _input(parts: Mapping[str, Part]) -> list[str]:
    cells = [f"{n} {p['share_of_a_step']['median']:.1%}" for n, p in parts.items()]
    return ["share of an MLP step: " + ", ".join(cells)] if cells else []


_LINES: dict[str, Callable[[Mapping[str, Part]], list[str]]] = {
    "right": _right,
    "exact": _exact,
    "ceilings": _ceilings,
    "loop": _loop,
    "race": _race,
    "population": _population,
    "input": _input,
}


def _spread(value: Part | None) -> str:
    if value is None:
        return "-"
    return f"{value['median']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"


def _target(target: Mapping[str, Any]) -> str:
    goal = f"{target['text']} >= {target['goal']:g}"
    if target["value"] is None:
        return f"target not measured: {goal}"
    verdict = "met" if target["holds"] else "MISSED"
    return f"target {verdict}: {goal}, found {target['value']:.2f}"


def readme(results: Path = RESULTS) -> str:
    """Returns the README's table of all measured accelerators; a sentence if none.

    Args:
        results: a folder of accelerator-CARD.json files.
    """
    files = sorted(results.glob("accelerator-*.json"))
    records = [json.loads(file.read_text()) for file in files]
    accelerators = lambda r: r["machine"]["platform"] != "cpu" and not r["quick"]
    records = list(filter(accelerators, records))
    if not records:
        return NOTHING
    rows = [HEADER, ["---"] * len(HEADER), *(_card(record) for record in records)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _card(record: Mapping[str, Any]) -> list[str]:
    checks = record["checks"]
    parts = lambda name: checks.get(name, {}).get("parts", {})
    held = {True: "yes", False: "no", None: "not run"}
    exact = {n: p for n, p in parts("exact").items() if "holds" in p}
    raced = {n: p for n, p in parts("race").items() if p.get("best")}
    share = lambda p: p["contestants"][p["best"]]["of_roofline"]
    of = list(revisions(record))
    apart = f", revisions {', '.join(of)}" if len(of) > 1 else ""
    return [
        f"{record['machine']['card']}, jax {record['machine']['versions']['jax']}"
        + apart,
        held[checks.get("right", {}).get("holds")],
        _cells(exact, lambda p: held[p["holds"]]),
        _cells(parts("loop"), _best_form),
        _cells(raced, lambda p: _spread(p.get("against_torch"))),
        _cells(raced, lambda p: "" if share(p) is None else f"{share(p):.0%}"),
    ]


def _best_form(part: Part) -> str:
    rates = {
        form: line["steps_per_second"]["median"]
        for form, line in part["forms"].items()
        if line.get("steps_per_second")
    }
    if not rates:
        return "failed"
    best = max(rates, key=lambda form: rates[form])
    ratio = part["forms"][best].get("ratio_to_traced")
    # The first form is the traced one: its ratio to itself is 1.
    tied = ratio is not None and best != next(iter(rates)) and ratio["low"] <= 1
    return "no clear difference" if tied else best


def _cells(parts: Mapping[str, Part], of: Callable[[Part], str]) -> str:
    told = {name: of(part) for name, part in parts.items()}
    return "; ".join(f"`{name}` {text}" for name, text in told.items() if text)


if __name__ == "__main__":
    print(readme())
