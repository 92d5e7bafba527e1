"""Check the samplers and the loss of a task."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import Task
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import own_stream

Sampler: TypeAlias = Callable[[MLPSpec, int, torch.Generator], tuple[Tensor, Tensor]]
"""`sample`, `sample_early` or `sample_held_out` of a task."""
LARGE = 1e3
"""A size of outputs that occurs early in a training."""


def check_task(task: Task, batch: int = 7) -> None:
    """Check the samplers and the loss of a task on its default network."""
    _check_numbers(task)
    for sample in (task.sample_held_out, task.sample_early, task.sample):
        _check_batch(task, sample, 1)
        _check_stream(task, sample, batch)
        targets = _check_batch(task, sample, batch)
    _check_loss(task, targets)
    _check_gradient(task, targets)


def _check_numbers(task: Task) -> None:
    spec = task.default_spec
    try:
        task.check_spec(spec)
    except SpecError as error:
        raise AssertionError(f"check_spec refuses the default network: {error}") from error
    assert 0 < task.solved_loss < math.inf, f"solved_loss must be positive and finite, not {task.solved_loss}"
    contours = list(task.contours)
    assert contours == sorted(contours), f"contours must ascend, not {contours}"
    mean, deviation = task.normalisation(spec)
    assert math.isfinite(mean), f"the mean of a normalisation must be finite, not {mean}"
    assert 0 < deviation < math.inf, f"the deviation of a normalisation must be positive and finite, not {deviation}"


def _check_batch(task: Task, sample: Sampler, batch: int) -> Tensor:
    """Check the tensors of one batch; returns its targets."""
    spec = task.default_spec
    with own_stream(sample.__name__, "rng"):
        inputs, targets = sample(spec, batch, stream("check", 0))
    for name, tensor, width in (("inputs", inputs, spec.sizes[0]), ("targets", targets, spec.sizes[-1])):
        assert tensor.shape == (batch, width), f"{name} must be [{batch}, {width}], not {list(tensor.shape)}"
        assert tensor.dtype == torch.float32, f"{name} must be float32, not {tensor.dtype}"
        assert bool(torch.isfinite(tensor).all()), f"{name} must be finite"
        assert not tensor.requires_grad, f"{name} must carry no gradient"
    return targets


def _check_stream(task: Task, sample: Sampler, batch: int) -> None:
    first, other, again = (sample(task.default_spec, batch, stream("check", key)) for key in (0, 1, 0))
    for name, one, two in zip(("inputs", "targets"), first, again, strict=True):
        assert torch.equal(one, two), f"the same stream must give the same {name}, whatever was drawn before"
    assert not torch.equal(first[0], other[0]), "another stream must give other inputs"


def _check_loss(task: Task, targets: Tensor) -> None:
    outputs = torch.randn((3, *targets.shape), generator=stream("check", 2))
    for name, tensor in (("ordinary", outputs), ("large", LARGE * outputs)):
        loss = _loss_of(task, tensor, targets.expand_as(tensor).clone())
        assert loss.shape == (3,), f"loss must be one number per network, [3], not {list(loss.shape)}"
        assert bool(torch.isfinite(loss).all()), f"the loss of {name} outputs must be finite"
        alone = torch.stack([_loss_of(task, output, targets) for output in tensor])
        assert torch.allclose(loss, alone), "the loss of a network must not depend on the others beside it"


def _loss_of(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    copies = outputs.clone(), targets.clone()
    loss = task.loss(outputs, targets)
    for name, tensor, copy in zip(("outputs", "targets"), (outputs, targets), copies, strict=True):
        assert torch.equal(tensor, copy), f"loss must not change the {name} it is given"
    return loss


def _check_gradient(task: Task, targets: Tensor) -> None:
    outputs = torch.randn((3, *targets.shape), generator=stream("check", 2)).requires_grad_()
    loss = task.loss(outputs, targets.expand_as(outputs))
    assert loss.requires_grad, "the loss must depend on the outputs: it has no gradient"
    (gradient,) = torch.autograd.grad(loss.sum(), outputs, materialize_grads=True)
    assert bool(torch.isfinite(gradient).all()), "the loss must have a finite gradient"
    assert bool(gradient.any()), "the loss must depend on the outputs: its gradient is zero"
