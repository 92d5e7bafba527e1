"""The Adam baseline of section 2.5."""

import pytest
import torch

from hypergraph.analysis.measure import measure_loss
from hypergraph.spec import Connection, MLPSpec
from hypergraph.training.baseline import train_directly
from hypergraph_l1norm.task import L1Norm


@pytest.mark.slow
def test_adam_alone_computes_the_norm() -> None:
    network = train_directly(L1Norm(), MLPSpec((4, 12, 1)), seed=0, steps=1500)
    assert float(measure_loss(L1Norm(), network, seed=1)) < 0.02


def test_masked_weights_stay_zero() -> None:
    mask = Connection(0, 1, ("1010", "0101", "1111"))
    network = train_directly(L1Norm(), MLPSpec((4, 3, 1), masks=(mask,)), seed=0, steps=20)
    assert torch.equal(network.weights[0] != 0, torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]]).bool())
