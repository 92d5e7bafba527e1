"""The attentional KL hypernetwork as one would first write it in torch: what the benchmarks compare against.

Hyperfeatures are the last axis. Attention gathers the ends of the weights that meet at each neuron, padded to the
highest degree, masks, and takes a softmax; a hyperlayer ends in a `cat`. It knows plain networks only (no skips, no
masks). Its numbers are those of the fast implementation: tests/model/test_eager.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypergraph.graph import ComputationGraph
from hypergraph.interfaces import Task
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.generator import Generator
from hypergraph.rng import restart, stream
from hypergraph.spec import MLPSpec
from hypergraph.training.objective import objective
from hypergraph.training.recipe import Recipe
from hypergraph.training.schedule import draw_beta, is_early, learning_rate, window_top

HYPERDEPTH, ACTIVATION, HEAD, LATENT, NOISE, LEARNED, POSITIONS = 4, 20, 5, 4, 5, 5, 30
FED = [ACTIVATION, 2 * HEAD, 2 * HEAD, 2 * HEAD, LATENT, LATENT]
READ = ACTIVATION + 2 * HEAD + LATENT + NOISE + LEARNED + POSITIONS


class Neighbours:
    """Which ends of weights (e in front, weights + e behind) meet at each neuron: [neuron, highest degree], padded."""

    def __init__(self, graph: ComputationGraph) -> None:
        slots = [graph.slots[a:b] for a, b in zip(graph.starts[:-1], graph.starts[1:], strict=True)]
        self.index = nn.utils.rnn.pad_sequence(slots, batch_first=True)
        self.missing = torch.arange(self.index.shape[1]) >= graph.starts.diff()[:, None]
        self.present = (~self.missing).flatten().nonzero().squeeze(1)
        self.back = torch.argsort(self.index.flatten()[self.present])


def attention(keys: Tensor, queries: Tensor, values: Tensor, neighbours: Neighbours) -> Tensor:
    """Each [member, weight, front and behind] -> [member, weight, front and behind]."""
    members, weights, _ = keys.shape

    def gather(x: Tensor) -> Tensor:
        ends = x.reshape(members, weights, 2, HEAD).transpose(1, 2).flatten(1, 2)
        return ends[:, neighbours.index]

    keys, queries, values = gather(keys), gather(queries), gather(values)
    scores = queries @ keys.transpose(-1, -2) / HEAD**0.5
    shares = scores.masked_fill(neighbours.missing[:, None], float("-inf")).softmax(-1)
    results = (shares @ values).flatten(1, 2)[:, neighbours.present][:, neighbours.back]
    blocks: Tensor = results.view(members, 2, weights, HEAD).transpose(1, 2).flatten(2)
    return blocks


class Eager(nn.Module):
    """A generator of one plain network, with the parameters of a `Generator`."""

    def __init__(self, spec: MLPSpec, rngs: Sequence[torch.Generator]) -> None:
        super().__init__()
        generator = Generator.initial([spec], rngs)
        self.spec, self.pareto = spec, nn.ParameterDict(generator.pareto.state_dict())
        graph = ComputationGraph.of(spec)
        self.neighbours, self.positions = Neighbours(graph), positional_encodings(graph).T.float()

    def hyperweights(self, beta: Tensor) -> Tensor:
        """[member] -> [member, hyperweight]."""
        p = self.pareto
        hidden = F.silu((beta.log10() / 6 + 1).float()[:, None, None] @ p["weight1"] + p["bias1"])
        hidden = F.silu(hidden @ p["weight2"] + p["bias2"])
        a, b = (hidden @ p["weight3"] + p["bias3"]).squeeze(1).chunk(2, 1)
        hyperweights: Tensor = a * torch.sigmoid(b)
        return hyperweights

    def forward(self, beta: Tensor, draws: Tensor, encoder: bool = True) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Weights [member, target, source] and biases [member, target] of each layer, and the KL [member]."""
        hyperweights, at = self.hyperweights(beta), 0
        members, weights = len(draws), draws.shape[-1]

        def take(*shape: int) -> Tensor:
            nonlocal at
            at += torch.Size(shape).numel()
            return hyperweights[:, at - torch.Size(shape).numel() : at].reshape(members, *shape)

        linears = [(take(sum(FED), read), take(1, sum(FED))) for read in (0, READ, READ, READ)]
        read_out = take(2, READ), take(1, 2)
        learned = take(HYPERDEPTH, LEARNED, weights).transpose(2, 3)
        sides = ["encoder", "decoder"] if encoder else ["decoder"]
        x = {side: draws.new_zeros(members, weights, 0) for side in sides}
        kl = draws.new_zeros(members)
        for depth, (matrix, bias) in enumerate(linears):
            fed = {side: (x[side] @ matrix.transpose(1, 2) + bias).split(FED, 2) for side in sides}
            drawn = draws[:, depth].transpose(1, 2)
            noise = {"encoder": drawn[..., 0 : 2 * NOISE : 2], "decoder": drawn[..., 1 : 2 * NOISE : 2]}
            means = {side: fed[side][4] for side in sides}
            log_scales = {side: 5 * torch.tanh(fed[side][5] / 5) for side in sides}
            latents = means[sides[0]] + log_scales[sides[0]].exp() * drawn[..., 2 * NOISE :]
            if encoder:
                q, p = log_scales["encoder"], log_scales["decoder"]
                apart = means["encoder"] - means["decoder"]
                kl = kl + (p - q + ((2 * q).exp() + apart**2) / (2 * (2 * p).exp()) - 0.5).sum((1, 2))
            variables = {"encoder": learned[:, depth], "decoder": torch.zeros_like(learned[:, depth])}
            for side in sides:
                activation, keys, queries, values, _, _ = fed[side]
                attended = attention(keys, queries, values, self.neighbours)
                blocks = [F.silu(activation), attended, latents, noise[side], variables[side]]
                x[side] = torch.cat([*blocks, self.positions.expand(members, -1, -1)], 2)
        matrix, bias = read_out
        weight, bias_part = (x["decoder"] @ matrix.transpose(1, 2) + bias).unbind(2)
        return self.by_layer(weight), [part.mean(2) for part in self.by_layer(bias_part)], kl

    def by_layer(self, values: Tensor) -> list[Tensor]:
        """[member, weight] -> [member, target, source] of each layer."""
        counts = [a * b for a, b in pairwise(self.spec.sizes)]
        parts = zip(values.split(counts, 1), pairwise(self.spec.sizes), strict=True)
        return [part.view(-1, target, source) for part, (source, target) in parts]


def clip_per_member(gradients: list[Tensor], max_norm: float) -> Tensor:
    """Clip each member's gradient, over all tensors [member, ...], to `max_norm`. Returns the old norms, [member]."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    norm: Tensor = torch.linalg.vector_norm(norms, dim=0)
    scale = (max_norm / (norm + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    return norm


class EagerTrainer:
    """What `Trainer` does, from the same start with the same random numbers."""

    def __init__(self, task: Task, spec: MLPSpec, recipe: Recipe, seed: int, members: Sequence[int]) -> None:
        self.task, self.spec, self.recipe, self.seed, self.members = task, spec, recipe, seed, members
        self.model = Eager(spec, [stream(seed, member, "initial") for member in members])
        self.optimizer = torch.optim.Adam(self.model.parameters(), betas=(0.9, 0.99))
        self.steps_done = 0

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One optimiser step. Returns the beta, loss and KL of this step, each [member]."""
        rngs = [restart(torch.Generator(), self.seed, member, self.steps_done) for member in self.members]
        top = window_top(self.steps_done, self.recipe.beta_warmup_steps)
        beta = torch.stack([draw_beta(rng, top) for rng in rngs])
        sample = self.task.sample_early if is_early(self.steps_done, self.recipe.steps) else self.task.sample
        samples = [sample(self.spec, self.recipe.batch, rng) for rng in rngs]
        x, targets = (torch.stack(part) for part in zip(*samples, strict=True))
        shape = HYPERDEPTH, 2 * NOISE + LATENT, self.spec.weight_count
        matrices, biases, kl = self.model(beta, torch.stack([torch.randn(shape, generator=rng) for rng in rngs]))
        for n, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
            x = (F.silu(x) if n else x) @ matrix.transpose(1, 2) + bias.unsqueeze(1)
        loss = self.task.loss(x, targets)
        self.optimizer.zero_grad()
        objective(loss, kl, beta).sum().backward()
        clip_per_member([p.grad for p in self.model.parameters() if p.grad is not None], 1.0)
        self.optimizer.param_groups[0]["lr"] = learning_rate(
            self.steps_done, self.recipe.steps, self.recipe.learning_rate
        )
        self.optimizer.step()
        self.steps_done += 1
        return beta, loss.detach(), kl.detach()
