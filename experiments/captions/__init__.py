"""What the experiments with captions share: an encoder, a judge, a sheet."""
