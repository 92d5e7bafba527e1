"""The attentional KL hypernetwork: hyperactivations are features of the edges, one set per side of the KL axis."""

from __future__ import annotations

import math
from typing import NamedTuple

import dgl
import dgl.function as fn
import torch
import torch.nn.functional as F
from dgl.nn.functional import edge_softmax
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from hypergraph.spec import MLPSpec
from oracle.encodings import positional_encodings
from oracle.graphs import computation_graph, graph_of_ends

HYPERDEPTH = 4
ACTIVATION, HEAD, LATENT, NOISE, LEARNED, POSITIONS = 20, 5, 4, 5, 5, 30
FED = [ACTIVATION, 2 * HEAD, 2 * HEAD, 2 * HEAD, LATENT, LATENT]
"""What a linear operation feeds to the blocks: activation; keys, queries, values of both ends; mu, sigma."""
RETURNED = ACTIVATION + 2 * HEAD + LATENT + NOISE + LEARNED + POSITIONS
"""What the blocks return, in this order."""


class Generated(NamedTuple):
    """The weights [edge], the biases [neuron past the input layer], and the accumulated KL [edge] in nats."""

    weights: Tensor
    biases: Tensor
    kl: Tensor


class Linear(NamedTuple):
    """A linear operation in the hyperfeature axis."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


def hypernetwork(spec: MLPSpec, hyperweights: Tensor, draws: Tensor, encoder: bool) -> Generated:
    """Generate one network from hyperweights [hyperweight] and draws [HYPERDEPTH, 14, edge]."""
    graph = computation_graph(spec)
    ends = graph_of_ends(graph)
    encodings = positional_encodings(spec)
    hyperlayers, read_out, learned_variables = unpack(hyperweights, graph.num_edges())
    sides = ("encoder", "decoder") if encoder else ("decoder",)
    for side in sides:
        graph.edata[side] = torch.zeros(graph.num_edges(), 0, dtype=torch.float64)
    total_kl = torch.zeros(graph.num_edges(), dtype=torch.float64)

    for depth, linear in enumerate(hyperlayers):
        fed = {side: linear(graph.edata[side]).split(FED, 1) for side in sides}
        noise, epsilon = read_draws(draws[depth])
        distributions = {side: normal(*fed[side][4:]) for side in sides}
        samples, kl = channel(distributions, epsilon)
        total_kl = total_kl + kl
        learned = {"encoder": learned_variables[depth], "decoder": torch.zeros_like(learned_variables[depth])}
        for side in sides:
            activation, keys, queries, values, _, _ = fed[side]
            attended = attention(ends, keys, queries, values)
            blocks = [F.silu(activation), attended, samples, noise[side], learned[side], encodings]
            graph.edata[side] = torch.cat(blocks, 1)

    graph.edata["weight"], graph.edata["bias"] = read_out(graph.edata["decoder"]).split(1, 1)
    graph.update_all(fn.copy_e("bias", "message"), fn.mean("message", "bias"))
    return Generated(graph.edata["weight"].squeeze(1), graph.ndata["bias"][spec.sizes[0] :].squeeze(1), total_kl)


def attention(ends: dgl.DGLGraph, keys: Tensor, queries: Tensor, values: Tensor) -> Tensor:
    """Self-attention at every neuron: [edge, front and behind] each, and the results from both, concatenated."""
    with ends.local_scope():
        for name, feature in {"key": keys, "query": queries, "value": values}.items():
            ends.ndata[name] = feature.reshape(-1, HEAD)
        ends.apply_edges(fn.u_dot_v("key", "query", "score"))
        ends.edata["share"] = edge_softmax(ends, ends.edata["score"] / math.sqrt(HEAD))
        ends.update_all(fn.u_mul_e("value", "share", "message"), fn.sum("message", "result"))
        result: Tensor = ends.ndata["result"]
        return result.reshape(-1, 2 * HEAD)


def normal(mean: Tensor, raw: Tensor) -> Normal:
    """log sigma is kept between -5 and 5."""
    return Normal(mean, torch.exp(5 * torch.tanh(raw / 5)))


def channel(distributions: dict[str, Normal], epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Samples [edge, LATENT] for both sides, from q with the encoder, else from p; and the KL they cost [edge]."""
    prior = distributions["decoder"]
    if "encoder" not in distributions:
        return prior.loc + prior.scale * epsilon, torch.zeros(len(epsilon), dtype=torch.float64)
    posterior = distributions["encoder"]
    return posterior.loc + posterior.scale * epsilon, kl_divergence(posterior, prior).sum(1)


def read_draws(draws: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Noise of each side [edge, NOISE], encoder and decoder alternating, and the channel's draws [edge, LATENT]."""
    noise, epsilon = draws[: 2 * NOISE].T, draws[2 * NOISE :].T
    return {"encoder": noise[:, 0::2], "decoder": noise[:, 1::2]}, epsilon


def unpack(hyperweights: Tensor, edges: int) -> tuple[list[Linear], Linear, list[Tensor]]:
    """The hyperlayers, of which the first reads nothing; the read-out; per hyperlayer, learned variables [edge, 5].

    Without learned variables behind the rest, they are zero.
    """
    at = 0

    def take(*shape: int) -> Tensor:
        nonlocal at
        at += math.prod(shape)
        return hyperweights[at - math.prod(shape) : at].reshape(shape)

    hyperlayers = [Linear(take(sum(FED), read), take(sum(FED))) for read in (0, RETURNED, RETURNED, RETURNED)]
    read_out = Linear(take(2, RETURNED), take(2))
    if at == len(hyperweights):
        return hyperlayers, read_out, [torch.zeros(edges, LEARNED, dtype=torch.float64)] * HYPERDEPTH
    return hyperlayers, read_out, [take(LEARNED, edges).T for _ in range(HYPERDEPTH)]
