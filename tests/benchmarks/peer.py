"""A training step in JAX: one jit, members by vmap, and a layout for two layers of weights, which suits XLA best.

Its networks are those of the fast implementation: tests/model/test_peer.py. It draws its own random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import ACTIVATION, DRAWS, HEAD, HYPERDEPTH, LATENT, LEARNED, NOISE
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import LINEAR_SHAPES, SHARED_HYPERWEIGHTS
from hypergraph.spec import MLPSpec
from hypergraph.training.optimizer import BETAS, CLIP, EPSILON

Array = Any
SPLITS = [
    ACTIVATION,
    ACTIVATION + 2 * HEAD,
    ACTIVATION + 4 * HEAD,
    ACTIVATION + 6 * HEAD,
    ACTIVATION + 6 * HEAD + LATENT,
]
"""Where activation, keys, queries, values, means and raw scales end in what a linear map gives."""


def parameters_of(generator: Generator) -> dict[str, Array]:
    """The parameters of a generator, [member, ...]."""
    return {name: jnp.asarray(tensor.numpy()) for name, tensor in generator.pareto.state_dict().items()}


def encodings_of(spec: MLPSpec) -> Array:
    """[weight, 30]."""
    return jnp.asarray(positional_encodings(ComputationGraph.of(spec)).T.float().numpy())


def by_neuron(spec: MLPSpec, ends: Array) -> list[Array]:
    """[weight, front and behind of HEAD] -> for inputs, hidden neurons and outputs [neuron, slot, HEAD]."""
    inputs, hidden, outputs = spec.sizes
    front, back = jnp.split(ends, 2, 1)
    cut = inputs * hidden
    first, second = (part[:cut].reshape(hidden, inputs, HEAD) for part in (front, back))
    third, fourth = (part[cut:].reshape(outputs, hidden, HEAD) for part in (front, back))
    return [second.transpose(1, 0, 2), jnp.concatenate([first, fourth.transpose(1, 0, 2)], 1), third]


def by_weight(spec: MLPSpec, groups: list[Array]) -> Array:
    """The inverse of `by_neuron`."""
    inputs, _, _ = spec.sizes
    of_inputs, of_hidden, of_outputs = groups
    first = [of_hidden[:, :inputs].reshape(-1, HEAD), of_inputs.transpose(1, 0, 2).reshape(-1, HEAD)]
    second = [of_outputs.reshape(-1, HEAD), of_hidden[:, inputs:].transpose(1, 0, 2).reshape(-1, HEAD)]
    return jnp.concatenate([jnp.concatenate(first, 1), jnp.concatenate(second, 1)], 0)


def attention(spec: MLPSpec, keys: Array, queries: Array, values: Array) -> Array:
    """Each [weight, front and behind of HEAD]."""
    groups = zip(*(by_neuron(spec, ends) for ends in (keys, queries, values)), strict=True)
    attended = [jax.nn.softmax(q @ k.transpose(0, 2, 1) / HEAD**0.5) @ v for k, q, v in groups]
    return by_weight(spec, attended)


def unflatten(hyperweights: Array, weights: int) -> tuple[list[tuple[Array, Array]], Array]:
    """The linear maps, and the learned variables [HYPERDEPTH, weight, LEARNED]."""
    maps, at = [], 0
    for out, width in LINEAR_SHAPES:
        matrix = hyperweights[at : at + out * width].reshape(out, width)
        maps.append((matrix, hyperweights[at + out * width : at + out * width + out]))
        at += out * (width + 1)
    learned = hyperweights[SHARED_HYPERWEIGHTS:].reshape(HYPERDEPTH, LEARNED, weights)
    return maps, learned.transpose(0, 2, 1)


def generate(
    spec: MLPSpec, encodings: Array, parameters: dict[str, Array], beta: Array, draws: Array
) -> tuple[list[Array], list[Array], Array]:
    """Weights [target, source] and biases [target] of both layers, and the KL, of one member."""
    p = parameters
    hidden = jax.nn.silu((jnp.log10(beta) / 6 + 1) * p["weight1"] + p["bias1"])
    hidden = jax.nn.silu(hidden @ p["weight2"] + p["bias2"])
    a, b = jnp.split((hidden @ p["weight3"] + p["bias3"])[0], 2)
    maps, learned = unflatten(a * jax.nn.sigmoid(b), len(encodings))
    sides = {"encoder": jnp.zeros((len(encodings), 0)), "decoder": jnp.zeros((len(encodings), 0))}
    kl = jnp.zeros(())
    for depth, (matrix, bias) in enumerate(maps[:-1]):
        given = {side: jnp.split(x @ matrix.T + bias, SPLITS, 1) for side, x in sides.items()}
        q, prior = ((part[4], 5 * jnp.tanh(part[5] / 5)) for part in (given["encoder"], given["decoder"]))
        drawn = draws[depth].T
        latents = q[0] + jnp.exp(q[1]) * drawn[:, 2 * NOISE :]
        square = (jnp.exp(2 * q[1]) + (q[0] - prior[0]) ** 2) / (2 * jnp.exp(2 * prior[1]))
        kl += jnp.sum(prior[1] - q[1] + square - 0.5)
        variables = {"encoder": learned[depth], "decoder": jnp.zeros_like(learned[depth])}
        for n, (side, (activated, keys, queries, values, _, _)) in enumerate(given.items()):
            blocks = [
                jax.nn.silu(activated),
                attention(spec, keys, queries, values),
                latents,
                drawn[:, n : 2 * NOISE : 2],
            ]
            sides[side] = jnp.concatenate([*blocks, variables[side], encodings], 1)
    matrix, bias = maps[-1]
    out = sides["decoder"] @ matrix.T + bias
    cut = spec.sizes[0] * spec.sizes[1]
    weights, parts = (
        [column[:cut].reshape(spec.sizes[1], spec.sizes[0]), column[cut:].reshape(spec.sizes[2], spec.sizes[1])]
        for column in out.T
    )
    return weights, [part.mean(1) for part in parts], kl


def objective(spec: MLPSpec, encodings: Array, parameters: dict[str, Array], beta: Array, key: Array) -> Array:
    """log(L + beta * KL) of one member on 256 inputs whose mean is to be found."""
    of_draws, of_inputs = jax.random.split(key)
    draws = jax.random.normal(of_draws, (HYPERDEPTH, DRAWS, len(encodings)))
    inputs = jax.random.normal(of_inputs, (256, spec.sizes[0]))
    (first, second), (bias1, bias2), kl = generate(spec, encodings, parameters, beta, draws)
    outputs = jax.nn.silu(inputs @ first.T + bias1) @ second.T + bias2
    return jnp.log(jnp.mean((outputs - inputs.mean(1, keepdims=True)) ** 2) + beta * kl)


def training_step(spec: MLPSpec, generator: Generator) -> Callable[[], None]:
    """One step of Adam, clipped per member, on all members of a generator."""
    state = [parameters_of(generator)]
    state += [jax.tree.map(jnp.zeros_like, state[0]) for _ in range(2)]
    gradient = jax.vmap(jax.grad(partial(objective, spec, encodings_of(spec))))
    count, steps = generator.members, 0

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(values: Array, means: Array, squares: Array, n: Array) -> Any:
        keys = jax.random.split(jax.random.fold_in(jax.random.key(0), n), count)
        grads = gradient(values, jnp.full((count,), 1e-6), keys)
        norm = jnp.sqrt(sum(jnp.sum(g**2, (1, 2)) for g in grads.values()))
        scale = jnp.minimum(CLIP / (norm + 1e-6), 1)[:, None, None]
        grads = {name: g * scale for name, g in grads.items()}
        means = {name: BETAS[0] * means[name] + (1 - BETAS[0]) * g for name, g in grads.items()}
        squares = {name: BETAS[1] * squares[name] + (1 - BETAS[1]) * g**2 for name, g in grads.items()}
        first, second = 1 - BETAS[0] ** n, 1 - BETAS[1] ** n
        moved = {
            name: value - 1e-3 * (means[name] / first) / (jnp.sqrt(squares[name] / second) + EPSILON)
            for name, value in values.items()
        }
        return moved, means, squares

    def run() -> None:
        nonlocal steps
        steps += 1
        state[:] = step(*state, float(steps))
        state[0]["bias1"].block_until_ready()

    return run
