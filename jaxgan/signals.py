"""SIGTERM and SIGINT during training: finish the steps in flight, save, stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(RuntimeError):
    """The run was asked to stop, after its steps in flight.

    Attributes:
        signal: the signal that asked for it.
        step: the number of finished steps.
        state: the state after them.
    """

    def __init__(self, number: int, step: int, state: Any, *, saved: bool):
        self.signal = signal.Signals(number)
        self.step = step
        self.state = state
        then = (
            ", of which there is a checkpoint. The same command continues from there."
            if saved
            else ". No hook saves checkpoints; the exception holds the state."
        )
        super().__init__(f"{self.signal.name} stopped the run after step {step}{then}")


@contextmanager
def noted() -> Iterator[Callable[[], int]]:
    """Returns a context that notes the first signal; a second has its usual effect.

    Yields:
        A function that returns the number of the signal, 0 for none. Outside the main
        thread, where Python gets no signals, it always returns 0.
    """
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number, frame):
        seen.append(number)
        restore()

    def restore():
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        restore()
