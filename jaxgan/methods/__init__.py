"""Methods of the literature, one file each: values for the game of any players."""
