"""A self-attention head at every neuron (Appendix B.2), over all its incoming and outgoing weights.

Every weight has one key, query and value for the neuron in front and another for the neuron behind, and receives one
result from each.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import ENDS, HEAD

MAX_SCORES = 2**26
"""Most scores of pairs of slots in memory at once, unless one neuron has more."""


def attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """Attend at every neuron, in dense batches of neurons of the same degree.

    Batches of more than MAX_SCORES scores are split, and their scores are recomputed for the gradients.

    Args:
        projections: [member, ATTENTION_IN, side, weight], ordered [key, query, value][front, behind][HEAD].
        graph: the computation graph of the target networks.

    Returns:
        [member, ATTENTION_OUT, side, weight], ordered [front, behind][HEAD].
    """
    members, _, sides, weights = projections.shape
    by_end = projections.unflatten(1, (3, ENDS, HEAD))  # [member, 3, end, HEAD, side, weight]
    by_slot = by_end.permute(0, 1, 4, 2, 5, 3).flatten(3, 4)  # [member, 3, side, slot, HEAD]
    by_neuron = by_slot.index_select(3, graph.slots)  # the same, slots neuron by neuron
    sizes = [neurons * degree for neurons, degree in graph.buckets]
    results = []
    for (neurons, degree), bucket in zip(graph.buckets, by_neuron.split(sizes, 3), strict=True):
        dense = bucket.unflatten(3, (neurons, degree))  # [member, 3, side, neuron, slot of it, HEAD]
        chunks = dense.split(max(1, MAX_SCORES // (members * sides * degree**2)), 3)  # over the neurons
        results += [_attend(chunk) if len(chunks) == 1 else _attend_recomputed(chunk) for chunk in chunks]
    slots = torch.cat(results, 2).index_select(2, graph.places)  # [member, side, slot, HEAD]
    ends = slots.view(members, sides, ENDS, weights, HEAD).permute(0, 2, 4, 1, 3)  # [member, end, HEAD, side, weight]
    return ends.flatten(1, 2)


def _attend(projections: Tensor) -> Tensor:
    """[member, (key, query, value), side, neuron, slot, HEAD] -> [member, side, all slots, HEAD]."""
    keys, queries, values = projections.unbind(1)  # with five axes, torch avoids its fused kernels, which hide NaN
    return F.scaled_dot_product_attention(queries, keys, values).flatten(2, 3)


_attend_recomputed = partial(checkpoint, _attend, use_reentrant=False, preserve_rng_state=False)


def uniform_attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """`attention` where all weights have the same projections, so that slots differ only by their end.

    Args:
        projections: [member, ATTENTION_IN, 1].
        graph: the computation graph of the target networks.

    Returns:
        [member, ATTENTION_OUT, weight].
    """
    keys, queries, values = projections.view(-1, 3, ENDS, HEAD).unbind(1)  # [member, end, HEAD] each
    fronts, backs = (queries @ keys.mT / HEAD**0.5).unbind(2)  # scores of the queries of both ends: [member, end] each
    front_share = torch.sigmoid((fronts - backs).unsqueeze(2) + graph.log_odds.to(keys))  # [member, end, weight]
    front, back = values[:, :, None, :, None].unbind(1)  # [member, 1, HEAD, 1] each
    return (back + front_share.unsqueeze(2) * (front - back)).flatten(1, 2)
