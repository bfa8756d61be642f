"""One file an experiment: its claim, its config, its game."""
