"""Sparse features through fewer dimensions, and back: the toy model of superposition of Elhage et al. (2022)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.spec import MLPSpec

MARGIN = 0.95
"""Solved is what loses less than this share of what dedicated dimensions lose."""
LOWEST_SOLVED = 0.01
"""Solved where every feature can have a dimension of its own, so that no loss is needed."""


class Superposition(Task):
    """x -> x: every feature is uniform in [0, 1] with a probability of 1 - sparsity, else 0.

    The last layer of a network has no activation, so the loss takes the positive part of the outputs: x̂ = relu(W₂W₁x +
    b). It is the squared error of the features by importance, relative to that of the answer 0. Solved is what loses
    clearly less than features that have a dimension each and do not interfere: superposition.
    """

    @dataclass(frozen=True)
    class Options:
        """The options of the task.

        Attributes:
            features: their number.
            dimensions: the hidden neurons of the default network.
            sparsity: the probability that a feature is 0.
            decay: the importance of each feature relative to the one before it.
        """

        features: int = 5
        dimensions: int = 2
        sparsity: float = 0.9
        decay: float = 0.9

        def __post_init__(self) -> None:
            if self.features < 2 or self.dimensions < 1:
                raise ValueError("expected two features or more, and a dimension")
            if not 0 <= self.sparsity < 1:
                raise ValueError(f"sparsity is {self.sparsity}: expected a number from 0 to below 1")
            if not 1e-3 <= self.decay <= 1e3:
                raise ValueError(f"decay is {self.decay}: expected a number from 0.001 to 1000")

    @property
    def default_spec(self) -> MLPSpec:
        features = self.options.features
        return MLPSpec((features, self.options.dimensions, features), "identity")

    @property
    def solved_loss(self) -> float:
        importance, _ = self.importance(torch.empty(())).sort(descending=True)
        missing = float(importance[self.options.dimensions :].sum() / importance.sum())
        return max(round(MARGIN * missing * self.constant_loss, 3), LOWEST_SOLVED)

    @property
    def constant_loss(self) -> float:
        """What a feature loses whose answer is always its mean, relative to the answer 0."""
        sparsity: float = self.options.sparsity
        return 1 - 0.75 * (1 - sparsity)

    def importance(self, like: Tensor) -> Tensor:
        """The importance of every feature: [feature], of the dtype and device of `like`."""
        number = torch.arange(self.options.features, dtype=like.dtype, device=like.device)
        return torch.pow(self.options.decay, number)

    def check_spec(self, spec: MLPSpec) -> None:
        features = self.options.features
        if (spec.sizes[0], spec.sizes[-1]) != (features, features):
            right = ",".join(map(str, (features, *spec.sizes[1:-1], features)))
            raise SpecError(f"{spec} does not give back {features} features: try {right}, or set features")

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Every feature is active in its share of the batch, up to one input, which keeps losses of few ones steady."""
        values, order = torch.rand(2, batch, spec.sizes[0], generator=rng, device=rng.device)
        expected = batch * (1 - self.options.sparsity)
        counts = (expected + torch.rand(spec.sizes[0], generator=rng, device=rng.device)).floor()
        features = values * (order.argsort(0) < counts)
        return features, features

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        importance = self.importance(outputs)
        errors = (outputs.relu() - targets).square().mean(-2) @ importance
        nothing: Tensor = importance.sum() * (1 - self.options.sparsity) / 3
        return errors / nothing
