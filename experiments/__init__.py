"""One file per experiment: its claim, its config, its game."""
