"""The computation graph holds every weight once, in order, and the slots of every neuron once, together."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from listing import Weight, list_weights
from strategies import specs

from hypergraph.errors import SpecError
from hypergraph.graph import ComputationGraph, computation_graph, structure
from hypergraph.graph.structure import TorchGraphs
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import kept_weights

MASKED = MLPSpec((2, 3, 1), skips=((0, 2),), masks=(Connection(0, 1, ("10", "00", "11")),))


def weights_of(graph: ComputationGraph) -> list[Weight]:
    columns = graph.source_layer, graph.source_index, graph.target_layer, graph.target_index
    return [Weight(*row) for row in torch.stack(columns, 1).tolist()]


def neurons_of(spec: MLPSpec) -> list[tuple[int, int]]:
    return [(layer, n) for layer, size in enumerate(spec.sizes) for n in range(size)]


def test_edges_are_row_major_over_target_and_source() -> None:
    graph = computation_graph(MLPSpec((2, 3, 1)))
    source, target = graph.edges()
    assert source.tolist() == [0, 1, 0, 1, 0, 1, 2, 3, 4]
    assert target.tolist() == [2, 2, 3, 3, 4, 4, 5, 5, 5]
    assert graph.ndata["layer"].tolist() == [0, 0, 1, 1, 1, 2]
    assert graph.ndata["index"].tolist() == [0, 1, 0, 1, 2, 0]


def test_masks_and_skips() -> None:
    graph = computation_graph(MASKED)
    source, target = graph.edges()
    assert source.tolist() == [0, 0, 1, 0, 1, 2, 3, 4]  # the skip 0->2 comes before 1->2
    assert target.tolist() == [2, 4, 4, 5, 5, 5, 5, 5]
    assert graph.edata["connection"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert kept_weights(MASKED, MASKED.connections[0]).tolist() == [[True, False], [False, False], [True, True]]
    assert kept_weights(MASKED, MASKED.connections[1]).tolist() == [[True, True]]


@given(spec=specs())
def test_weights(spec: MLPSpec) -> None:
    graph = ComputationGraph.of(spec)
    weights = list_weights(spec)
    assert graph.weights == len(weights) == spec.weight_count
    assert weights_of(graph) == weights
    assert set(graph.depth.tolist()) == {len(spec.sizes) - 1}
    assert set(graph.network.tolist()) == {0}
    neurons = neurons_of(spec)
    assert [neurons[n] for n in graph.target.tolist()] == [(w.target_layer, w.j) for w in weights]


@given(spec=specs())
def test_neurons(spec: MLPSpec) -> None:
    graph, neurons = ComputationGraph.of(spec), neurons_of(spec)
    entering = [(w.target_layer, w.j) for w in list_weights(spec)]
    assert graph.incoming.tolist() == [max(1, entering.count(neuron)) for neuron in neurons]
    assert [neurons[n] for n in graph.biased.tolist()] == [neuron for neuron in neurons if neuron[0] > 0]


@given(spec=specs())
def test_buckets_divide_the_slots(spec: MLPSpec) -> None:
    graph, weights = ComputationGraph.of(spec), list_weights(spec)
    touched = [(w.target_layer, w.j) for w in weights] + [(w.source_layer, w.i) for w in weights]
    assert sorted(graph.slots.tolist()) == list(range(2 * len(weights)))
    assert graph.slots[graph.places].tolist() == list(range(2 * len(weights)))
    assert len(graph.starts) == len(neurons_of(spec)) + 1

    seen: list[tuple[int, int]] = []
    at = 0
    for neurons, degree in graph.buckets:
        for _ in range(neurons):
            own = {touched[slot] for slot in graph.slots[at : at + degree].tolist()}
            assert len(own) == 1, "a neuron's slots lie together"
            assert at in graph.starts
            seen += own
            at += degree
    assert at == 2 * len(weights)
    assert sorted(seen) == sorted(set(touched)), "every neuron that a weight touches is in one bucket, once"
    degrees = [degree for _, degree in graph.buckets]
    assert degrees == sorted(set(degrees))
    assert graph.starts.diff().tolist() == sorted(map(touched.count, neurons_of(spec)))


@given(first=specs(4), second=specs(4))
def test_joined_networks(first: MLPSpec, second: MLPSpec) -> None:
    joined, alone = ComputationGraph.of(first, second), [ComputationGraph.of(first), ComputationGraph.of(second)]
    assert joined.specs == (first, second)
    assert weights_of(joined) == weights_of(alone[0]) + weights_of(alone[1])
    for name in ("incoming", "depth"):
        assert torch.equal(getattr(joined, name), torch.cat([getattr(one, name) for one in alone]))
    neurons = sum(first.sizes)
    assert torch.equal(joined.target, torch.cat([alone[0].target, alone[1].target + neurons]))
    assert torch.equal(joined.biased, torch.cat([alone[0].biased, alone[1].biased + neurons]))
    assert sum(n * degree for n, degree in joined.buckets) == len(joined.slots) == 2 * joined.weights


def test_masks_that_leave_nothing_are_refused() -> None:
    nothing = MLPSpec((2, 1), masks=(Connection(0, 1, ("00",)),))
    with pytest.raises(SpecError, match="leave no weight"):
        ComputationGraph.of(nothing)
    assert ComputationGraph.of(MLPSpec((2, 1)), nothing).network.tolist() == [0, 0]


def test_to_keeps_everything() -> None:
    graph = ComputationGraph.of(MASKED)
    moved = graph.to(torch.device("meta"))
    assert (moved.specs, moved.buckets) == (graph.specs, graph.buckets)
    for name, value in vars(graph).items():
        if isinstance(value, torch.Tensor):
            assert getattr(moved, name).device.type == "meta"
            assert getattr(moved, name).shape == value.shape


@given(first=specs(4), second=specs(4))
def test_dgl_in_place_of_plain_torch_gives_the_same_tensors(first: MLPSpec, second: MLPSpec) -> None:
    expected = ComputationGraph.of(first, second)
    found = ComputationGraph.of(first, second, library=structure.load_dgl())
    for field in dataclasses.fields(ComputationGraph):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(theirs, torch.Tensor):
            assert ours.dtype == theirs.dtype, field.name
            assert torch.equal(ours, theirs), field.name
        else:
            assert ours == theirs, field.name


def test_without_dgl_plain_torch_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "find_spec", lambda name: None)
    assert structure.load_dgl() is TorchGraphs
