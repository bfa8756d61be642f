"""Judges that are specific to one data set."""
