"""Adam is torch's to the last bit, and training imports no compiler."""

from __future__ import annotations

import pytest
import torch
from processes import python

from hypergraph.training.adam import Adam


def test_it_is_torchs_adam_to_the_last_bit() -> None:
    """Also where a parameter has a gradient in some of the steps only."""
    rng = torch.Generator().manual_seed(0)
    ours, theirs = ([torch.linspace(-1, 1, n).requires_grad_() for n in (3, 40)] for _ in range(2))
    adam, reference = Adam(ours, (0.9, 0.99)), torch.optim.Adam(theirs, betas=(0.9, 0.99), fused=True)
    for step in range(20):
        reference.param_groups[0]["lr"] = rate = 0.1 / (step + 1)
        for a, b in list(zip(ours, theirs, strict=True))[step % 3 == 0 :]:
            a.grad = torch.randn(a.shape, generator=rng)
            b.grad = a.grad.clone()
        adam.step(rate)
        reference.step()
        reference.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert all(parameter.grad is None for parameter in ours)


@pytest.mark.slow
def test_training_imports_no_compiler() -> None:
    code = """
import sys, torch
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm
Trainer(L1Norm(), [MLPSpec((2, 3, 1))], Recipe(steps=2), 0, [0], torch.device("cpu")).step()
assert "torch._dynamo" not in sys.modules
"""
    assert python(code) == ""
