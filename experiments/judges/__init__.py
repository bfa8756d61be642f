"""Judges for what one data set alone can be asked."""
