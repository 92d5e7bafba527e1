"""MLPSpec -> DGL computation graph -> the index tensors that the arithmetic needs.

Neurons are nodes and weights are edges (Appendix A, the GNN interpretation). This is the only module that imports dgl:
DGL holds the structure, on the CPU, and torch does the arithmetic on any device.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

os.environ.setdefault("DGLBACKEND", "pytorch")  # dgl otherwise writes a file into the home folder at import

import dgl
import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.spec import Connection, MLPSpec
from hypergraph.weights import kept_weights


def computation_graph(spec: MLPSpec) -> dgl.DGLGraph:
    """The network as a DGL graph.

    Nodes are neurons, layer by layer, with `layer` and `index` (within the layer). Edges are weights, connection by
    connection, each row-major over [target, source], with `connection` (its place in `spec.connections`), `source`
    and `target` (neuron layers).
    """
    first = [sum(spec.sizes[:layer]) for layer in range(len(spec.sizes))]
    parts = [_edges(spec, c, first[c.source], first[c.target]) for c in spec.connections]
    source, target = (torch.cat(side) for side in zip(*parts, strict=True))
    graph = dgl.graph((source, target), num_nodes=sum(spec.sizes))
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
    """What the hypernetwork needs to know of one network, or of several joined by `dgl.batch`, as index tensors.

    A weight is seen from two ends: from the neuron in front (its target) and from the neuron behind (its source).
    Slot `e` is weight e seen from the front, slot `weights + e` is weight e seen from behind; every neuron attends
    over the slots that touch it.

    Attributes:
        specs: the networks, in the order of the edges.
        source_layer, target_layer: neuron layers that each weight joins, int64 [weights].
        depth: number of layers of weights of the network that each weight belongs to, int64 [weights].
        source_index, target_index: neuron within its layer, int64 [weights].
        network: which of `specs`, int64 [weights].
        target: neuron (over all networks) in front of each weight, int64 [weights].
        incoming: weights that enter each neuron, at least 1 so that it can divide, int64 [neurons].
        log_odds: logarithm of how many slots from the front there are to one from behind, at the neuron in front of and
            at the one behind each weight; infinite where all are of one kind, float64 [2, weights].
        biased: neurons past the input layer, in order, int64 [biases].
        slots: all slots, neuron by neuron, neurons of one degree together, int64 [2 * weights].
        starts: where each neuron's slots begin in `slots`, and the end, int64 [neurons + 1].
        buckets: pairs (neurons, degree) that divide `slots` into dense batches, neurons without weights left out.
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
    starts: Tensor
    buckets: tuple[tuple[int, int], ...]

    @property
    def weights(self) -> int:
        """Number of weights over all networks."""
        return len(self.target)

    @property
    def pairs(self) -> int:
        """Number of ordered pairs of slots that meet at a neuron: what attention costs."""
        return sum(neurons * degree**2 for neurons, degree in self.buckets)

    @classmethod
    def of(cls, *specs: MLPSpec) -> ComputationGraph:
        """The computation graph of one or several networks. Raises SpecError where nothing is left to generate."""
        graph = dgl.batch([computation_graph(spec) for spec in specs])
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
            starts=starts,
            buckets=buckets,
        )

    def to(self, device: torch.device) -> ComputationGraph:
        """The same graph with its tensors on `device`."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items()})


def _slots(graph: dgl.DGLGraph) -> tuple[Tensor, Tensor, tuple[tuple[int, int], ...]]:
    """Slots sorted by the degree of their neuron, then by neuron, then by slot."""
    source, target = graph.edges()
    neuron = torch.cat([target, source])
    degrees = graph.in_degrees() + graph.out_degrees()
    by_degree = torch.argsort(degrees, stable=True)
    place = torch.empty_like(by_degree)
    place[by_degree] = torch.arange(len(by_degree))
    slots = torch.argsort(place[neuron], stable=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), degrees[by_degree].cumsum(0)])
    degree, neurons = torch.unique_consecutive(degrees[by_degree], return_counts=True)
    buckets = tuple((n, d) for n, d in zip(neurons.tolist(), degree.tolist(), strict=True) if d)
    return slots, starts, buckets
