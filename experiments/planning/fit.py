"""The largest batch that fits, found by compiling."""

from collections.abc import Callable

from experiments.planning.ahead import Compiled, OutOfMemory


def compile_what_fits(
    compiles: Callable[[int], Compiled], asked: int
) -> tuple[int, Compiled | None, OutOfMemory | None]:
    """Compiles for a batch, or for the largest round one below it that fits.

    Memory grows about in proportion to the batch, so each failure tells what to try.

    Args:
        compiles: compiles for a number of examples per chip (or of groups of examples,
            with microbatches); raises `OutOfMemory`.
        asked: the number asked for.

    Returns:
        (number, what it compiled to, why it is not the number asked for). If not even
        one example fits, (0, None, why).
    """
    count, first = asked, None
    while count:
        try:
            return count, compiles(count), first
        except OutOfMemory as error:
            first = first or error
            # Somewhat above the proportional guess, so that what fits is the largest.
            guess = 1.25 * count * error.available / error.needed
            count = round_down(min(guess, count - 1))
    return 0, None, first


def round_down(count: float) -> int:
    """Returns the largest round number that is at most ``count``.

    Round numbers are 1, 2 and 3, and 4, 5, 6 and 7 times a power of two; a TPU pads
    others, so that an odd batch may need more memory than a larger round one.

    Example:
        >>> [round_down(count) for count in (0.5, 3, 9, 71_983)]
        [0, 3, 8, 65536]
    """
    unit = 2 ** max(0, int(count).bit_length() - 3)
    return int(count) // unit * unit
