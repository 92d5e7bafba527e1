"""MLPSpec -> DGL computation graph -> index tensors for the hypernetwork.

Neurons are nodes and weights are edges (Appendix A, the GNN interpretation). Training holds the structure in DGL. What
only generates networks takes the same tensors from plain torch, because importing DGL takes most of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.graph.structure import TorchGraph, TorchGraphs, load_dgl
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import kept_weights

if TYPE_CHECKING:
    import dgl


def computation_graph(spec: MLPSpec) -> dgl.DGLGraph:
    """The network as a DGL graph, or as a `TorchGraph` where DGL is not installed.

    Nodes are neurons, layer by layer, with `layer` and `index` (within the layer). Edges are weights, connection by
    connection, each row-major over [target, source], with `connection` (index in `spec.connections`), `source` and
    `target` (neuron layers).
    """
    return _build(spec, load_dgl())


def _build(spec: MLPSpec, library: Any) -> Any:
    """The network as a graph of DGL, or of TorchGraphs."""
    first = [sum(spec.sizes[:layer]) for layer in range(len(spec.sizes))]
    parts = [_edges(spec, c, first[c.source], first[c.target]) for c in spec.connections]
    source, target = (torch.cat(side) for side in zip(*parts, strict=True))
    graph = library.graph((source, target), num_nodes=sum(spec.sizes))
    graph.ndata["layer"] = _per_part(range(len(spec.sizes)), spec.sizes)
    graph.ndata["index"] = torch.cat([torch.arange(size) for size in spec.sizes])
    counts = [len(part[0]) for part in parts]
    graph.edata["connection"] = _per_part(range(len(parts)), counts)
    graph.edata["source"] = _per_part([c.source for c in spec.connections], counts)
    graph.edata["target"] = _per_part([c.target for c in spec.connections], counts)
    return graph


def _per_part(values: Sequence[int], counts: Sequence[int]) -> Tensor:
    return torch.tensor(list(values)).repeat_interleave(torch.tensor(counts))


def _edges(spec: MLPSpec, connection: Connection, first_source: int, first_target: int) -> tuple[Tensor, Tensor]:
    kept = kept_weights(spec, connection).nonzero()
    return kept[:, 1] + first_source, kept[:, 0] + first_target


@dataclass(frozen=True)
class ComputationGraph:
    """The index tensors of one network, or of several side by side.

    Each weight has two slots, one at the neuron in front (its target) and one at the neuron behind (its source): slot
    `e` is weight e at its front, slot `weights + e` is weight e at its back. Every neuron attends over its slots.

    Attributes:
        specs: the networks, in the order of the edges.
        source_layer, target_layer: neuron layers that each weight connects, int64 [weights].
        depth: number of layers of weights in the network of each weight, int64 [weights].
        source_index, target_index: index of each weight's neurons within their layers, int64 [weights].
        network: index in `specs` of each weight's network, int64 [weights].
        target: neuron (over all networks) in front of each weight, int64 [weights].
        incoming: number of weights that enter each neuron, at least 1 to divide by, int64 [neurons].
        log_odds: log of the number of front slots per back slot at the neuron in front of each weight and at the one
            behind; infinite where a neuron has slots of one kind only, float64 [2, weights].
        biased: neurons after the input layer, in order, int64 [biases].
        slots: all slots, neuron by neuron, sorted by the neurons' degrees, int64 [2 * weights].
        places: where each slot is in `slots`, int64 [2 * weights].
        starts: where each neuron's slots start in `slots`, and the end of the last, int64 [neurons + 1].
        buckets: pairs (neurons, degree) that split `slots` into dense batches, without neurons of degree 0.
    """

    specs: tuple[MLPSpec, ...]
    source_layer: Tensor
    target_layer: Tensor
    depth: Tensor
    source_index: Tensor
    target_index: Tensor
    network: Tensor
    target: Tensor
    incoming: Tensor
    log_odds: Tensor
    biased: Tensor
    slots: Tensor
    places: Tensor
    starts: Tensor
    buckets: tuple[tuple[int, int], ...]

    @property
    def weights(self) -> int:
        """Number of weights over all networks."""
        return len(self.target)

    @property
    def pairs(self) -> int:
        """Number of ordered pairs of slots at the same neuron, to which the cost of attention is proportional."""
        return sum(neurons * degree**2 for neurons, degree in self.buckets)

    @classmethod
    def of(cls, *specs: MLPSpec, library: Any = TorchGraphs) -> ComputationGraph:
        """The computation graph of one or several networks, made by DGL or by TorchGraphs: the tensors are the same.

        Raises SpecError where the networks have no weights.
        """
        graph = library.batch([_build(spec, library) for spec in specs])
        if graph.num_edges() == 0:
            raise SpecError("the masks leave no weight to generate")
        source, target = graph.edges()
        depths = torch.tensor([len(spec.sizes) - 1 for spec in specs])
        network = torch.arange(len(specs)).repeat_interleave(graph.batch_num_edges())
        slots, starts, buckets = _slots(graph)
        return cls(
            specs=specs,
            source_layer=graph.edata["source"],
            target_layer=graph.edata["target"],
            depth=depths[network],
            source_index=graph.ndata["index"][source],
            target_index=graph.ndata["index"][target],
            network=network,
            target=target,
            incoming=graph.in_degrees().clamp(min=1),
            log_odds=(graph.in_degrees() / graph.out_degrees().double()).log()[torch.stack([target, source])],
            biased=(graph.ndata["layer"] > 0).nonzero().squeeze(1),
            slots=slots,
            places=torch.argsort(slots),
            starts=starts,
            buckets=buckets,
        )

    def to(self, device: torch.device) -> ComputationGraph:
        """The same graph with its tensors on `device`."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items()})


def _slots(graph: TorchGraph) -> tuple[Tensor, Tensor, tuple[tuple[int, int], ...]]:
    """Sort slots by the degree of their neuron, then by neuron, then by slot; returns slots, starts and buckets."""
    source, target = graph.edges()
    neuron = torch.cat([target, source])
    degrees = graph.in_degrees() + graph.out_degrees()
    by_degree = torch.argsort(degrees, stable=True)
    rank = torch.argsort(by_degree)
    slots = torch.argsort(rank[neuron], stable=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), degrees[by_degree].cumsum(0)])
    degree, neurons = torch.unique_consecutive(degrees[by_degree], return_counts=True)
    buckets = tuple((n, d) for n, d in zip(neurons.tolist(), degree.tolist(), strict=True) if d)
    return slots, starts, buckets
