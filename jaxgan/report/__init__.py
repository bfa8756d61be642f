"""Pictures, plots, and the HTML report."""

from jaxgan.report.html import write

__all__ = ["write"]
