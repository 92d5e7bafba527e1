"""The rows of a table as tensors: some to train on and some held out, standardised by the former alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypergraph_tabular.columns import Numbers

DOUBT = 0.01
"""The probability that a class is wrong; without this doubt, a loss would fall forever as the outputs grow."""
MIN_ROWS = 10


@dataclass(frozen=True)
class Rows:
    """Rows with their targets.

    Attributes:
        inputs: [row, input].
        targets: [row, output].
    """

    inputs: Tensor
    targets: Tensor

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The rows of these numbers, on their device."""
        rows = index.to(self.inputs.device)
        return self.inputs[rows].to(index.device), self.targets[rows].to(index.device)


@dataclass(frozen=True)
class Split:
    """A table, split.

    Attributes:
        training: the rows to train on.
        held_out: the rows on which losses are measured.
        names: the names of the inputs.
        classes: the names of the outputs; none where the target is a number.
        mean: of the target in the training rows; 0 where it is a class.
        deviation: of the target in the training rows; 1 where it is a class.
    """

    training: Rows
    held_out: Rows
    names: tuple[str, ...]
    classes: tuple[str, ...]
    mean: float
    deviation: float


def split(numbers: Numbers, share: float, seed: int) -> Split:
    """Hold out this share of the rows, drawn by this seed. Raises ValueError where too few are left."""
    count = len(numbers.features)
    held_out = round(share * count)
    if count < MIN_ROWS or not 0 < held_out < count:
        raise ValueError(
            f"{held_out} of {count} rows would be held out: it takes {MIN_ROWS} rows, some of them held out"
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).numpy()
    train = order[held_out:]
    inputs, _, _ = _standardised(numbers.features, train)
    targets, mean, deviation = numbers.target, np.zeros(1), np.ones(1)
    if numbers.classes:
        targets = targets * (1 - DOUBT) + (1 - targets) * DOUBT / (len(numbers.classes) - 1)
    else:
        targets, mean, deviation = _standardised(targets, train)
        if not targets[train].any():
            raise ValueError("the target has the same value in all training rows: there is nothing to learn")
    parts = [
        Rows(*(torch.tensor(part[rows], dtype=torch.float32) for part in (inputs, targets)))
        for rows in (train, order[:held_out])
    ]
    return Split(parts[0], parts[1], numbers.names, numbers.classes, float(mean[0]), float(deviation[0]))


def _standardised(
    numbers: NDArray[np.float64], train: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Columns with mean 0 and variance 1 in the training rows, and their means and deviations.

    A column that is constant there keeps its scale.
    """
    mean, deviation = numbers[train].mean(0), numbers[train].std(0)
    constant = np.ptp(numbers[train], 0) == 0
    mean, deviation = np.where(constant, numbers[train][0], mean), np.where(constant, 1, deviation)
    return (numbers - mean) / deviation, mean, deviation
