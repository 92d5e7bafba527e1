"""A self-attention head at every neuron (Appendix B.2): over all its incident weights, incoming and outgoing together.

Every weight feeds one set of key, query and value to the neuron in front and another to the neuron behind, and gets
one result back from each.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import ENDS, HEAD

SCORES = 2**26
"""Scores of pairs of slots held at once, unless one neuron has more."""


def attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """Attend at every neuron, in dense batches of neurons of one degree.

    Where a degree has more than SCORES scores, neurons are taken a chunk at a time and their scores computed again on
    the way back.

    Args:
        projections: [member, ATTENTION_IN, side, weight], ordered [key, query, value][front, behind][HEAD].
        graph: whose neurons attend.

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
        chunks = dense.split(max(1, SCORES // (members * sides * degree**2)), 3)  # some of the neurons each
        results += [_attend(chunk) if len(chunks) == 1 else _attend_lightly(chunk) for chunk in chunks]
    slots = torch.cat(results, 2).index_select(2, torch.argsort(graph.slots))  # [member, side, slot, HEAD]
    ends = slots.view(members, sides, ENDS, weights, HEAD).permute(0, 2, 4, 1, 3)  # [member, end, HEAD, side, weight]
    return ends.flatten(1, 2)


def _attend(projections: Tensor) -> Tensor:
    """[member, (key, query, value), side, neuron, slot, HEAD] -> [member, side, all slots, HEAD]."""
    keys, queries, values = projections.unbind(1)  # five axes: torch's fused kernels, which take four, hide NaN
    return F.scaled_dot_product_attention(queries, keys, values).flatten(2, 3)


_attend_lightly = partial(checkpoint, _attend, use_reentrant=False, preserve_rng_state=False)


def uniform_attention(projections: Tensor, graph: ComputationGraph) -> Tensor:
    """:func:`attention` where all weights have the same projections: a neuron knows its slots by their end only.

    Args:
        projections: [member, ATTENTION_IN, 1].
        graph: whose neurons attend.

    Returns:
        [member, ATTENTION_OUT, weight].
    """
    keys, queries, values = projections.view(-1, 3, ENDS, HEAD).unbind(1)  # [member, end, HEAD] each
    fronts, backs = (queries @ keys.mT / HEAD**0.5).unbind(2)  # scores of every end's query: [member, end] each
    front_share = torch.sigmoid((fronts - backs).unsqueeze(2) + graph.log_odds.to(keys))  # [member, end, weight]
    front, back = values[:, :, None, :, None].unbind(1)  # [member, 1, HEAD, 1] each
    return (back + front_share.unsqueeze(2) * (front - back)).flatten(1, 2)
