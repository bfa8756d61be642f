"""Studies: each one command that ends in a table, a picture and a result.json."""

from jaxgan.report import figures

figures.load()  # before the studies import it, whatever MPLBACKEND says
