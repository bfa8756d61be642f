"""Studies, each a command that makes a table, a picture and a result.json."""

from jaxgan.report import figures

figures.load()  # before the studies import matplotlib; copes with any MPLBACKEND
