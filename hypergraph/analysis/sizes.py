"""Networks of sizes that a generator was not trained for (section 2.4), made with the encoder ignored."""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.analysis.measure import TEST_INPUTS, generate
from hypergraph.interfaces import Task
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

NORMALISATIONS = {
    "own": "target normalised at each size",
    "training": "target normalised as at the training size",
    "fitted": "best affine read-out, 1 - R²",
}
"""Ways to compare an output with a target whose scale depends on the size; the paper does not say which it plots."""

SAMPLES = 4
"""Networks generated per size; losses are means over them."""


@torch.no_grad()
def losses_at_size(
    generator: Generator, beta: float, task: Task, spec: MLPSpec, trained: MLPSpec, *, seed: int, member: int
) -> dict[str, float]:
    """The mean loss of networks of `spec` under each of NORMALISATIONS.

    Args:
        generator: of one member, trained for `trained`; its encoder is ignored.
        beta: the price that it is asked for.
        task: what the networks should compute.
        spec: the network to generate.
        trained: the network whose targets the generator knows.
        seed: of the run; samples have the seeds after it, since a member is chosen by the networks of its own.
        member: the member's number in its run.

    Raises:
        SpecError: where the task cannot be computed by such a network.
    """
    task.check_spec(spec)
    samples = [
        generate(generator, beta, seed=seed + 1 + n, members=[member], spec=spec, encoder=False).networks[0]
        for n in range(SAMPLES)
    ]
    inputs, targets = task.sample(spec, TEST_INPUTS, stream(seed, "test"))
    outputs = MLPWeights.stack(samples)(inputs)
    (mean, deviation), (own_mean, own_deviation) = task.normalisation(trained), task.normalisation(spec)
    known = (own_mean + own_deviation * targets - mean) / deviation
    return {
        "own": float(task.loss(outputs, targets.expand_as(outputs)).mean()),
        "training": float(task.loss(outputs, known.expand_as(outputs)).mean()),
        "fitted": float(unexplained(outputs, targets).mean()),
    }


def unexplained(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 - R² of each output's best affine read-out, averaged: [..., batch, output] and [batch, output] -> [...]."""
    x, y = outputs - outputs.mean(-2, keepdim=True), targets - targets.mean(-2, keepdim=True)
    shared = (x * y).sum(-2).square()
    sizes = x.square().sum(-2) * y.square().sum(-2)
    return (1 - shared / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).mean(-1)
