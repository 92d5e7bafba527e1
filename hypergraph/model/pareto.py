"""The Pareto hyperhypernetwork (B.2.2): the complexity price beta -> hyperweights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (100, 10)
LOG10_BETA_RANGE = (-12.0, 0.0)


class ParetoHyperhypernetwork(nn.Module):
    """log beta -> 100 -> 10 -> (a, b) with swish between; hyperweights = a * sigmoid(b). One network per member."""

    def __init__(self, initial: Tensor, scales: Tensor, dependence: float, rngs: list[torch.Generator]) -> None:
        super().__init__()
        members, count = initial.shape
        shapes = [(1, WIDTHS[0]), WIDTHS, (WIDTHS[1], 2 * count)]
        hidden = [
            torch.stack([torch.randn(shape, generator=rng) / shape[0] ** 0.5 for rng in rngs]) for shape in shapes
        ]
        amplitude, _ = hidden[2].split(count, 2)
        amplitude *= 2 * dependence * scales
        self.weight1 = nn.Parameter(hidden[0] * 2)
        self.bias1 = nn.Parameter(torch.stack([torch.randn(1, WIDTHS[0], generator=rng) for rng in rngs]))
        self.weight2 = nn.Parameter(hidden[1])
        self.bias2 = nn.Parameter(torch.zeros(members, 1, WIDTHS[1]))
        self.weight3 = nn.Parameter(hidden[2])
        self.bias3 = nn.Parameter(torch.cat([2 * initial, torch.zeros(members, count)], 1).unsqueeze(1))

    def forward(self, beta: Tensor) -> Tensor:
        """beta [member] -> hyperweights [member, hyperweight]."""
        low, high = LOG10_BETA_RANGE
        scaled = (2 * beta.log10() - low - high) / (high - low)
        h = F.silu(torch.baddbmm(self.bias1, scaled[:, None, None].to(self.weight1.dtype), self.weight1))
        h = F.silu(torch.baddbmm(self.bias2, h, self.weight2))
        a, b = torch.baddbmm(self.bias3, h, self.weight3).squeeze(1).chunk(2, 1)
        return a * torch.sigmoid(b)
