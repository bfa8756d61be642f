"""`--expected-skips=FILE`: a skip that the file does not name fails the run.

With the equals sign: else pytest, which has not read this yet, takes the file for a
test, and looks for its plugins there.

A line of the file is the node id of a test, or the start of one: a file, a class, a
test with parameters. What follows a # is a comment. A test that is named there may run
nevertheless.
"""

from pathlib import Path

import pytest


def add_option(parser) -> None:
    parser.addoption(
        "--expected-skips",
        type=Path,
        metavar="FILE",
        help="list the skips, and fail where one is not named in this file",
    )


def configure(config) -> None:
    path = config.getoption("--expected-skips")
    # With xdist all reports come to the controller, which has no workerinput.
    if path and not hasattr(config, "workerinput"):
        lines = path.read_text().splitlines()
        lines = [line.partition("#")[0].strip() for line in lines]
        config.pluginmanager.register(Skips([line for line in lines if line]))


class Skips:
    """Notes what is skipped, of tests and of whole files; says so, and judges it."""

    def __init__(self, expected: list[str]):
        self.expected = expected
        self.reasons: dict[str, str] = {}

    def _note(self, report) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr
            self.reasons[report.nodeid] = (
                reason[2] if isinstance(reason, tuple) else str(reason)
            )

    def pytest_runtest_logreport(self, report) -> None:
        self._note(report)

    def pytest_collectreport(self, report) -> None:
        self._note(report)

    def _unexpected(self) -> list[str]:
        named = lambda node, line: (
            node == line or node.startswith((f"{line}::", f"{line}["))
        )
        return [
            node
            for node in self.reasons
            if not any(named(node, line) for line in self.expected)
        ]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session) -> None:
        if self._unexpected() and session.exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        unexpected = self._unexpected()
        terminalreporter.section(
            f"{len(self.reasons)} skipped, {len(unexpected)} of them not expected"
        )
        for node, reason in sorted(self.reasons.items()):
            mark = "NOT EXPECTED" if node in unexpected else "expected"
            terminalreporter.line(f"{mark}: {node}: {reason}")
