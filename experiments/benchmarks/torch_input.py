"""PyTorch's data paths, without the training: a unit is one batch of uint8."""

# pyright: reportMissingImports=false

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

Run = Callable[[int], None]


def indexing(spec: Mapping[str, Any]) -> Run:
    """Returns a run that indexes the whole set, one tensor, with random rows."""
    table = _table(spec)

    def run(count: int) -> None:
        for _ in range(count):
            table[torch.randint(len(table), (spec["batch_size"],))]

    return run


def loader(spec: Mapping[str, Any]) -> Run:
    """Returns a run of a DataLoader with a worker for each core, as in tutorials."""
    batches = DataLoader(
        TensorDataset(_table(spec)),
        batch_size=spec["batch_size"],
        shuffle=True,
        drop_last=True,
        num_workers=spec["threads"],
        persistent_workers=True,
    )
    epoch = iter(batches)

    def run(count: int) -> None:
        nonlocal epoch
        for _ in range(count):
            if next(epoch, None) is None:
                epoch = iter(batches)
                next(epoch)

    return run


def _table(spec: Mapping[str, Any]) -> torch.Tensor:
    torch.set_num_threads(spec["threads"])
    return torch.from_numpy(np.load(spec["file"]))
