"""One contestant in a process of its own: python -m benchmarks.contestant KIND WORK LAYERS MEMBERS THREADS.

It reads a number from each line of standard input, does its work that many times, and answers with a JSON object: the
seconds of one time, those of processors, and the most memory that the process has held so far, in bytes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import oracle
import torch
from torch import Tensor

from benchmarks.eager import Eager, EagerTrainer
from benchmarks.race import PRODUCT
from hypergraph.model import hypernetwork
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.training.objective import objective
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph_l1norm.task import L1Norm

RECIPE = Recipe(steps=1_000_000)


class Mean(L1Norm):
    """The mean of the inputs, at every output: a task for any number of either."""

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(batch, spec.sizes[0], generator=rng, device=rng.device)
        return inputs, inputs.mean(1, keepdim=True).expand(-1, spec.sizes[-1])


class OracleTrainer:
    """A training step of one member by the oracle, message by message."""

    def __init__(self, spec: MLPSpec) -> None:
        self.spec, self.rng = spec, torch.Generator()
        state = Generator.initial([spec], [self.rng]).pareto.state_dict()
        self.parameters = {name: tensor[0].double().requires_grad_() for name, tensor in state.items()}
        self.optimizer = torch.optim.Adam(self.parameters.values())

    def step(self) -> None:
        p = self.parameters
        biases = [p["bias1"][0], p["bias2"][0], p["bias3"][0]]
        hyperweights = oracle.hyperhypernetwork([p["weight1"], p["weight2"], p["weight3"]], biases, 1e-6)
        draws = torch.randn(HYPERDEPTH, DRAWS, self.spec.weight_count, generator=self.rng, dtype=torch.float64)
        generated = oracle.hypernetwork(self.spec, hyperweights, draws, encoder=True)
        inputs, targets = Mean().sample(self.spec, RECIPE.batch, self.rng)
        sizes, hidden = self.spec.sizes, len(self.spec.sizes) - 2
        counts = [a * b for a, b in pairwise(sizes)]
        matrices = {
            (n, n + 1): part.view(sizes[n + 1], sizes[n]) for n, part in enumerate(generated.weights.split(counts))
        }
        outputs = oracle.run_mlp(
            self.spec, matrices, generated.biases.split(sizes[1:]), [torch.nn.functional.silu] * hidden, inputs.double()
        )
        self.optimizer.zero_grad()
        objective((outputs - targets).square().mean(), generated.kl.sum(), torch.tensor(1e-6)).backward()
        self.optimizer.step()


def training_step(kind: str, spec: MLPSpec, members: int) -> Callable[[], object]:
    """One training step; the oracle's is of one member."""
    if kind == "oracle":
        return OracleTrainer(spec).step
    if kind == "jax":
        from benchmarks import peer

        return peer.training_step(spec, Generator.initial([spec], [stream(0, member) for member in range(members)]))
    if kind == "eager":
        return EagerTrainer(Mean(), spec, RECIPE, 0, range(members)).step
    trainer = Trainer(Mean(), [spec], RECIPE, 0, range(members), torch.device("cpu"))
    if kind == "rest":
        leave_attention_out(trainer)
    return trainer.step


def leave_attention_out(trainer: Trainer) -> None:
    """Let the compiled hypernetwork attend at no neuron: what is left takes its time, and its numbers mean nothing."""
    generator = trainer.generator
    generator.draw(trainer.rngs)  # makes the plan
    for key, (graph, encodings) in generator._plans.items():
        generator._plans[key] = replace(graph, starts=graph.starts[:1]), encodings
    setattr(trainer._recovery, "recover", lambda *_: None)  # noqa: B010 - a method


def generation(kind: str, spec: MLPSpec, members: int) -> Callable[[], object]:
    """One generation of networks without the encoder."""
    rngs = [stream(0, member) for member in range(members)]
    beta = torch.full((members,), 1e-6)
    small = Generator.initial([MLPSpec((1, 1))], rngs)  # the decoder's hyperweights do not depend on the network
    if kind != "eager":
        return torch.no_grad()(lambda: small(beta, small.draw(rngs, [spec]), [spec], encoder=False))
    model = Eager(spec, rngs)
    return torch.no_grad()(lambda: model(beta, small.draw(rngs, [spec]), encoder=False))


def matrix_product(kind: str, spec: MLPSpec, members: int) -> Callable[[], object]:
    """A large float32 product of PRODUCT³ multiplications and additions."""
    a, b, out = torch.randn(3, PRODUCT, PRODUCT).unbind()
    return lambda: torch.mm(a, b, out=out)


WORK = {
    "training": training_step,
    "generation": generation,
    "product": matrix_product,
}


def main(kind: str, work: str, layers: str, members: str, threads: str) -> None:
    """Get ready, then answer every line of standard input."""
    torch.set_num_threads(int(threads))
    if kind == "jax":  # it has no other bound
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    if kind in ("operators", "torch.compile"):
        setattr(hypernetwork, "available", lambda *_: False)  # noqa: B010 - a name that it does not export
    if kind == "torch.compile":
        hypernetwork.torch_hypernetwork = torch.compile(hypernetwork.torch_hypernetwork)
    run = WORK[work](kind, MLPSpec(tuple(map(int, layers.split(",")))), int(members))
    for line in sys.stdin:
        started, spent = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            run()
        seconds, cpu = (time.perf_counter() - started) / int(line), (time.process_time() - spent) / int(line)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
