"""The common parts of the experiments with captions: an encoder and a sheet."""
