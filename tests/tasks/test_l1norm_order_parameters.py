"""Order parameters: against the paper's equations written out, and what must not change them."""

import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hypergraph.order_parameters import seed_dependence
from hypergraph_l1norm.order_parameters import (
    assignment,
    double_sidedness,
    one_signedness,
    strongest_connection,
    two_sided_assignment,
)

OF_ONE_MATRIX = [double_sidedness, strongest_connection, assignment, two_sided_assignment]
SCALE_FREE = [double_sidedness, assignment, two_sided_assignment]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def matrices(draw: st.DrawFn) -> Tensor:
    hidden, inputs = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    return normal(hidden, inputs, seed=draw(st.integers(0, 2**32)))


def dominance(row: list[float], i: int) -> float:
    others = [value**2 for k, value in enumerate(row) if k != i]
    return abs(row[i]) / math.sqrt(sum(others) / len(others))


@settings(max_examples=40, deadline=None)
@given(weight=matrices())
def test_equations_5_and_6(weight: Tensor) -> None:
    columns = weight.T.tolist()
    sizes = [abs(value) for column in columns for value in column]
    weaker = min(min(-min(column), max(column)) for column in columns)
    assert double_sidedness(weight).item() == pytest.approx(weaker / statistics.median(sizes))
    assert strongest_connection(weight).item() == max(sizes)


@settings(max_examples=40, deadline=None)
@given(weight=matrices(), seed=st.integers(0, 2**32))
def test_equation_7(weight: Tensor, seed: int) -> None:
    sibling = normal(*weight.shape, seed=seed)
    squares = weight.norm() ** 2 + sibling.norm() ** 2
    torch.testing.assert_close(seed_dependence(weight, sibling), (weight - sibling).norm() ** 2 / squares)


def test_seed_dependence_of_equal_unrelated_and_opposite_matrices() -> None:
    weight = normal(48, 16)
    assert seed_dependence(weight, weight) == 0
    assert seed_dependence(weight, normal(48, 16, seed=1)).item() == pytest.approx(1, abs=0.15)
    assert seed_dependence(weight, -weight).item() == pytest.approx(2)


@settings(max_examples=40, deadline=None)
@given(weight=matrices())
def test_assignments_are_their_definitions(weight: Tensor) -> None:
    if weight.shape[1] == 1:
        return
    rows = weight.tolist()
    best = {sign: [0.0] * weight.shape[1] for sign in (1, -1)}
    for row in rows:
        for i, value in enumerate(row):
            sign = 1 if value > 0 else -1
            best[sign][i] = max(best[sign][i], dominance(row, i))
    either = [max(pair) for pair in zip(best[1], best[-1], strict=True)]
    assert assignment(weight).item() == pytest.approx(statistics.median_low(either))
    if len(rows) > 1 and all(min(pair) > 0 for pair in zip(best[1], best[-1], strict=True)):
        both = [min(pair) for pair in zip(best[1], best[-1], strict=True)]
        assert two_sided_assignment(weight).item() == pytest.approx(statistics.median_low(both))


@settings(max_examples=30, deadline=None)
@given(weight=matrices(), seed=st.integers(0, 2**32))
def test_the_order_of_neurons_does_not_matter(weight: Tensor, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    hidden, inputs = (torch.randperm(size, generator=rng) for size in weight.shape)
    second = torch.randn(1, weight.shape[0], generator=rng, dtype=torch.float64)
    permuted = weight[hidden][:, inputs]
    for parameter in OF_ONE_MATRIX:
        torch.testing.assert_close(parameter(permuted), parameter(weight))
    torch.testing.assert_close(one_signedness(permuted, second[:, hidden]), one_signedness(weight, second))


@settings(max_examples=30, deadline=None)
@given(weight=matrices(), scale=st.floats(1e-3, 1e3))
def test_scale_matters_to_the_strongest_connection_alone(weight: Tensor, scale: float) -> None:
    for parameter in SCALE_FREE:
        torch.testing.assert_close(parameter(scale * weight), parameter(weight))
    torch.testing.assert_close(strongest_connection(scale * weight), scale * strongest_connection(weight))


@settings(max_examples=20, deadline=None)
@given(lead=st.lists(st.integers(1, 3), max_size=3), seed=st.integers(0, 2**32))
def test_leading_axes_agree_with_one_at_a_time(lead: list[int], seed: int) -> None:
    weight, sibling, second = normal(*lead, 9, 4, seed=seed), normal(*lead, 9, 4, seed=seed + 1), normal(*lead, 1, 9)
    for parameter in OF_ONE_MATRIX:
        assert parameter(weight).shape == tuple(lead)
        one_by_one = torch.stack([parameter(w) for w in weight.reshape(-1, 9, 4)])
        torch.testing.assert_close(parameter(weight).flatten(), one_by_one)
    pairs = zip(weight.reshape(-1, 9, 4), sibling.reshape(-1, 9, 4), strict=True)
    dependence = torch.stack([seed_dependence(w, v) for w, v in pairs])
    torch.testing.assert_close(seed_dependence(weight, sibling).flatten(), dependence)
    pairs = zip(weight.reshape(-1, 9, 4), second.reshape(-1, 1, 9), strict=True)
    signs = torch.stack([one_signedness(w, v) for w, v in pairs])
    torch.testing.assert_close(one_signedness(weight, second).flatten(), signs)


def test_one_signedness_of_equal_opposite_and_unused_neurons() -> None:
    first, second = torch.ones(4, 3), torch.tensor([[2.0, 2.0, -2.0, -2.0]])
    assert one_signedness(first, second) == 0
    assert one_signedness(first, second.abs()) == 1
    assert one_signedness(first, -second.abs()) == 1
    first[2:] = 0
    assert one_signedness(first, second) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 5), (6, 4)])
def test_zeros_are_zero_in_every_parameter(shape: tuple[int, int], dtype: torch.dtype) -> None:
    zeros = torch.zeros(shape, dtype=dtype)
    values = [parameter(zeros) for parameter in OF_ONE_MATRIX]
    values += [seed_dependence(zeros, zeros), one_signedness(zeros, torch.ones(1, shape[0], dtype=dtype))]
    assert values == [0] * 6


def test_a_median_of_zero_leaves_double_sidedness_large_and_finite() -> None:
    own = torch.eye(4)
    weight = torch.cat([own, -own, torch.zeros(8, 4)])
    assert 1e6 < double_sidedness(weight) < math.inf
    assert 1e3 < two_sided_assignment(weight) < math.inf
    assert two_sided_assignment(torch.cat([own, torch.zeros(8, 4)])) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_shows(bad: float) -> None:
    weight = normal(6, 4)
    weight[2, 1] = bad
    assert not math.isfinite(assignment(weight) + two_sided_assignment(weight))
    assert not math.isfinite(strongest_connection(weight))
    assert not math.isfinite(seed_dependence(weight, normal(6, 4)))
