"""Published methods, one file each: games, views and losses as values."""
