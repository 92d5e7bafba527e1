"""The Pareto hyperhypernetwork: log beta -> 100 -> 10 -> (a, b); the hyperweights are a * sigmoid(b)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def hyperhypernetwork(matrices: Sequence[Tensor], biases: Sequence[Tensor], beta: float) -> Tensor:
    """Hyperweights [hyperweight] of one member, from three matrices [in, out] and biases [out].

    log beta is shifted and rescaled so that beta from 1e-12 to 1 becomes -1 to 1.
    """
    log_beta = torch.tensor([math.log10(beta) / 6 + 1], dtype=torch.float64)
    h = swish(log_beta @ matrices[0] + biases[0])
    h = swish(h @ matrices[1] + biases[1])
    outputs = h @ matrices[2] + biases[2]
    a, b = outputs[: len(outputs) // 2], outputs[len(outputs) // 2 :]
    return a * torch.sigmoid(b)
