"""A self-attention head at every neuron (Appendix B.2): over all its incident weights, incoming and outgoing together.

Every weight feeds one set of key, query and value to the neuron in front and another to the neuron behind, and gets
one result back from each.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from hypergraph.graph import ComputationGraph
from hypergraph.model.blocks import ENDS, HEAD


def attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """Attend at every neuron, in one dense batch per degree.

    Args:
        projections: [member, ATTENTION_IN, side, weight], ordered [key, query, value][front, behind][HEAD].
        graph: whose neurons attend.

    Returns:
        [member, ATTENTION_OUT, side, weight], ordered [front, behind][HEAD].
    """
    members, _, sides, weights = projections.shape
    by_slot = projections.unflatten(1, (3, ENDS, HEAD)).permute(0, 1, 4, 2, 5, 3).flatten(3, 4)
    by_neuron = by_slot.index_select(3, graph.slots)
    sizes = [neurons * degree for neurons, degree in graph.buckets]
    results = []
    for (neurons, degree), bucket in zip(graph.buckets, by_neuron.split(sizes, 3), strict=True):
        # five axes: torch's fused kernels, which take four, hide NaN
        keys, queries, values = bucket.unflatten(3, (neurons, degree)).unbind(1)
        results.append(F.scaled_dot_product_attention(queries, keys, values).flatten(2, 3))
    slots = torch.cat(results, 2).index_select(2, torch.argsort(graph.slots))
    return slots.view(members, sides, ENDS, weights, HEAD).permute(0, 2, 4, 1, 3).flatten(1, 2)
