"""The baseline (section 2.5): the same network, whose weights Adam trains directly."""

from __future__ import annotations

import torch

from hypergraph.interfaces import Task
from hypergraph.rng import restart, stream
from hypergraph.spec import MLPSpec
from hypergraph.training.adam import Adam
from hypergraph.training.schedule import cosine
from hypergraph.weights import MLPWeights, kept_weights


def train_directly(
    task: Task, spec: MLPSpec, *, seed: int, steps: int, batch: int = 256, rate: float = 1e-2
) -> MLPWeights:
    """Train one network with Adam on the task's loss alone, with a cosine learning rate."""
    rng = stream(seed, "baseline")
    network = _initial(spec, rng)
    tensors = [*network.weights, *network.biases]
    keep = [(tensor != 0).to(tensor) for tensor in network.weights] + [torch.ones(())] * len(network.biases)
    optimizer = Adam(tensor.requires_grad_() for tensor in tensors)
    for step in range(steps):
        inputs, targets = task.sample(spec, batch, restart(rng, seed, "baseline", step))
        task.loss(network(inputs), targets).backward()
        for tensor, mask in zip(tensors, keep, strict=True):
            if tensor.grad is not None:
                tensor.grad.mul_(mask)
        optimizer.step(rate * cosine(step / steps))
    return network.map(torch.Tensor.detach)


def _initial(spec: MLPSpec, rng: torch.Generator) -> MLPWeights:
    """Normal weights of variance 1 / fan-in where the masks keep them, and zero biases."""
    masks = [kept_weights(spec, connection) for connection in spec.connections]
    stds = [kept.sum(1, keepdim=True).clamp(min=1) ** -0.5 for kept in masks]
    weights = [torch.randn(kept.shape, generator=rng) * std * kept for kept, std in zip(masks, stds, strict=True)]
    biases = tuple(torch.zeros(size) for size in spec.sizes[1:]) if spec.bias else ()
    return MLPWeights(spec, tuple(weights), biases)
