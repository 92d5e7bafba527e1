"""The generated network itself, run by message passing on its computation graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import dgl.function as fn
import torch
from listing import list_neurons, list_weights
from torch import Tensor

from hypergraph.spec import MLPSpec
from oracle.graphs import computation_graph


def run_mlp(
    spec: MLPSpec,
    matrices: Mapping[tuple[int, int], Tensor],
    biases: Sequence[Tensor],
    sigmas: Sequence[Callable[[Tensor], Tensor]],
    inputs: Tensor,
) -> Tensor:
    """Outputs [batch, output] of one network for inputs [batch, input].

    Args:
        spec: the network.
        matrices: (source layer, target layer) -> weights [target, source].
        biases: one [neuron] per layer past the input, or none.
        sigmas: what the neurons of each hidden layer apply to their sums.
        inputs: [batch, input].
    """
    graph = computation_graph(spec)
    layers = [[n for n, (at, _) in enumerate(list_neurons(spec)) if at == layer] for layer in range(len(spec.sizes))]
    zeros = [torch.zeros(size, dtype=inputs.dtype) for size in spec.sizes]
    weights = [matrices[w.source_layer, w.target_layer][w.j, w.i] for w in list_weights(spec)]
    graph.edata["weight"] = torch.stack(weights).unsqueeze(1)
    graph.ndata["bias"] = torch.cat([zeros[0], *(biases or zeros[1:])]).unsqueeze(1)
    graph.ndata["sum"] = graph.ndata["a"] = torch.cat([inputs.T, inputs.new_zeros(sum(spec.sizes[1:]), len(inputs))])

    for layer, sigma in zip(layers[1:], [*sigmas, torch.clone], strict=True):
        graph.pull(layer, fn.u_mul_e("a", "weight", "message"), fn.sum("message", "sum"))
        graph.ndata["sum"] = graph.ndata["sum"] + graph.ndata["bias"]
        graph.ndata["a"] = graph.ndata["a"].index_copy(0, torch.tensor(layer), sigma(graph.ndata["sum"][layer]))
    outputs: Tensor = graph.ndata["a"][layers[-1]]
    return outputs.T
