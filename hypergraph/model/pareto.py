"""The Pareto hyperhypernetwork (B.2.2): the complexity price beta -> hyperweights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (100, 10)
LOG10_BETA_RANGE = (-12.0, 0.0)
"""log10 of the lowest and the highest price in training."""
DEPENDENCE = 0.3
"""Initial variation of the hyperweights with beta, relative to their own scale."""


class ParetoHyperhypernetwork(nn.Module):
    """log beta -> 100 -> 10 -> (a, b), swish between; hyperweights = a * sigmoid(b). One network per member.

    Args:
        weight1, bias1: [member, 1, 100].
        weight2, bias2: [member, 100, 10] and [member, 1, 10].
        weight3, bias3: [member, 10, 2 * hyperweight] and [member, 1, 2 * hyperweight].
    """

    def __init__(
        self, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, weight3: Tensor, bias3: Tensor
    ) -> None:
        super().__init__()
        self.weight1, self.bias1 = nn.Parameter(weight1), nn.Parameter(bias1)
        self.weight2, self.bias2 = nn.Parameter(weight2), nn.Parameter(bias2)
        self.weight3, self.bias3 = nn.Parameter(weight3), nn.Parameter(bias3)

    @classmethod
    def initial(cls, hyperweights: Tensor, scales: Tensor, rngs: Sequence[torch.Generator]) -> ParetoHyperhypernetwork:
        """Start near `hyperweights`, and vary with beta by DEPENDENCE times `scales`; both [member, hyperweight]."""
        members, count = hyperweights.shape

        def normal(*shape: int) -> Tensor:
            return torch.stack([torch.randn(shape, generator=rng) for rng in rngs])

        head = normal(WIDTHS[1], 2 * count) / WIDTHS[1] ** 0.5
        head[:, :, :count] *= 2 * DEPENDENCE * scales.unsqueeze(1)
        halved = torch.cat([2 * hyperweights, torch.zeros_like(hyperweights)], 1)  # sigmoid(0) = 1/2
        return cls(
            2 * normal(1, WIDTHS[0]),
            normal(1, WIDTHS[0]),
            normal(*WIDTHS) / WIDTHS[0] ** 0.5,
            torch.zeros(members, 1, WIDTHS[1]),
            head,
            halved.unsqueeze(1),
        )

    @property
    def hyperweights(self) -> int:
        """The number of hyperweights of one hypernetwork."""
        return self.weight3.shape[2] // 2

    @classmethod
    def checked(cls, tensors: Mapping[str, Tensor], count: int) -> ParetoHyperhypernetwork:
        """Build from untrusted tensors. Raises ValueError unless they give `count` hyperweights."""
        members = len(tensors["weight1"]) if "weight1" in tensors and tensors["weight1"].dim() else 0
        shapes = {
            "weight1": (members, 1, WIDTHS[0]),
            "bias1": (members, 1, WIDTHS[0]),
            "weight2": (members, *WIDTHS),
            "bias2": (members, 1, WIDTHS[1]),
            "weight3": (members, WIDTHS[1], 2 * count),
            "bias3": (members, 1, 2 * count),
        }
        if set(tensors) != set(shapes):
            raise ValueError(f"holds {', '.join(sorted(tensors))}; a generator has {', '.join(shapes)}")
        for name, shape in shapes.items():
            tensor = tensors[name]
            if tuple(tensor.shape) != shape or not members:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}; its specs need {shape}")
            if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
                raise ValueError(f"{name} must be finite float32 numbers")
        return cls(**tensors)

    def reordered(self, order: Tensor) -> ParetoHyperhypernetwork:
        """A hyperhypernetwork whose hyperweight n is hyperweight order[n] of this one; int64 [hyperweight]."""
        columns = torch.cat([order, order + len(order)])  # of a and of b
        state = self.state_dict()
        heads = {name: state[name][:, :, columns] for name in ("weight3", "bias3")}
        return ParetoHyperhypernetwork(**{**state, **heads})

    def features(self, beta: Tensor) -> Tensor:
        """What the last matrix is multiplied by: beta [member] -> [member, 1, 10]."""
        low, high = LOG10_BETA_RANGE
        scaled = ((2 * beta.log10() - low - high) / (high - low)).to(self.weight1.dtype)
        hidden = F.silu(torch.baddbmm(self.bias1, scaled[:, None, None], self.weight1))
        return F.silu(torch.baddbmm(self.bias2, hidden, self.weight2))

    def forward(self, beta: Tensor, count: int | None = None) -> Tensor:
        """beta [member] -> the first `count` hyperweights, or all: [member, hyperweight]."""
        a, b = torch.baddbmm(self.bias3, self.features(beta), self.weight3).squeeze(1).chunk(2, 1)
        return (a * torch.sigmoid(b))[:, :count]
