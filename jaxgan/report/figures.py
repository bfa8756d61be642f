"""matplotlib figures that are drawn to files and never shown on a screen."""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(**options: Any) -> "Figure":
    """Returns a new figure with an Agg canvas.

    Args:
        options: options of ``matplotlib.figure.Figure``.
    """
    # matplotlib takes half a second to import and is needed only here.
    load()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(**options)
    FigureCanvasAgg(made)
    return made


def load() -> None:
    """Imports matplotlib regardless of MPLBACKEND, which names a window or a notebook.

    A command may inherit a notebook's value, which may name a package that is not
    installed there and make the import itself fail. If the backend is available, it is
    set afterwards as usual, for the process's own figures.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with contextlib.suppress(ValueError):  # as if it were not set
            matplotlib.rcParams["backend"] = backend
