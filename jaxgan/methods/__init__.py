"""Methods of the literature, one file each: games, views and losses as values."""
