"""Adam without the gradient of the last matrix equals torch's Adam on all gradients, clipped per member."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hypergraph.model.generator import Generator
from hypergraph.model.kernel import binding
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training import optimizer as optimizer_module
from hypergraph.training.optimizer import BETAS, CLIP, ParetoAdam, corrected

STEEP = torch.tensor([1e-3, 30.0, 1.0])
"""Factors of three members' objectives: the first gradient is not clipped, the second is by far."""


def start() -> ParetoHyperhypernetwork:
    return Generator.initial([MLPSpec((3, 4, 1))], [stream(n) for n in range(3)]).pareto.double()


def objectives(pareto: ParetoHyperhypernetwork, beta: Tensor) -> Tensor:
    hyperweights: Tensor = pareto(beta)
    return (hyperweights.square().mean(1) + hyperweights[:, :7].sin().sum(1)) * STEEP


def expected_step(
    pareto: ParetoHyperhypernetwork, optimizers: list[torch.optim.Adam], beta: Tensor, rate: float
) -> Tensor:
    """Each member by itself with torch's clipping and optimiser; returns the norms."""
    objectives(pareto, beta).sum().backward()
    norms = []
    for member, optimizer in enumerate(optimizers):
        parts = optimizer.param_groups[0]["params"]
        for part, parameter in zip(parts, pareto.parameters(), strict=True):
            assert parameter.grad is not None
            part.grad = parameter.grad[member].clone()
        norms.append(nn.utils.clip_grad_norm_(parts, CLIP))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        with torch.no_grad():
            for part, parameter in zip(parts, pareto.parameters(), strict=True):
                parameter[member] = part
    pareto.zero_grad()
    return torch.stack(norms)


@pytest.mark.parametrize("compiled", [True, False])
def test_it_equals_torch_on_every_member(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(optimizer_module, "adam_available", lambda tensor: False)
    elif binding._library is None:
        pytest.skip("nothing was compiled")
    ours, theirs = start(), start()
    own = ParetoAdam(ours)
    members = [[nn.Parameter(parameter[m].detach().clone()) for parameter in theirs.parameters()] for m in range(3)]
    optimizers = [torch.optim.Adam(parts, betas=BETAS) for parts in members]
    for n in range(5):
        beta, rate = torch.tensor([1e-9, 1e-5, 1e-2]).double() * 2**n, 1e-3 / (n + 1)
        objectives(ours, beta).sum().backward()
        assert ours.weight3.grad is None
        norms = own.step(beta, *corrected(rate, n + 1))
        torch.testing.assert_close(norms, expected_step(theirs, optimizers, beta, rate), rtol=1e-12, atol=0)
        for actual, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)
            assert actual.grad is None
    assert norms[0] < CLIP < norms[1]


@pytest.mark.skipif(binding._library is None, reason="nothing was compiled")
def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "NUMBERS_PER_THREAD", 1)
    ends = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        pareto = start()
        optimizer, beta = ParetoAdam(pareto), torch.full((3,), 1e-4).double()
        objectives(pareto, beta).sum().backward()
        optimizer.step(beta, *corrected(1e-3, 1))
        ends.append(pareto.state_dict())
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
