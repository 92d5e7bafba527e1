"""Valid inputs of each target, small ones, from which all others are mutated."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.spec import Connection, MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph.training.step import Trainer
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 2, 1))
MASK = Connection(0, 1, ("101", "010", "111", "000"))
RICH = MLPSpec((3, 4, 2, 1), ("tanh", "square"), skips=((0, 2), (0, 3)), masks=(MASK,))
CONFIG = RunConfig(
    "l1norm", (SPEC,), 2, 7, "cpu", Recipe(steps=10, batch=8), chunk_count=2, versions={"python": "3.10"}
)
MARKUP = [
    b"</script><script>alert(1)</script>",
    b"</title><img src=x>",
    b"<!-- @scripts@",
    b"&lt;\"'>",
    "\u2028β".encode(),
]
REPORTED: dict[str, Any] = {
    "title": "title",
    "config": {"task": "task", "options": {"a": "b"}, "members": 1, "seed": 0, "recipe": {}, "versions": {"a": "1"}},
    "spec": {"sizes": [2, 1], "activation": "silu"},
    "betas": [1e-3],
    "labels": [{"name": "label", "colour": "#000000"}],
    "solved_loss": 0.1,
    "networks": [{"label": 0, "loss": 0.5}],
    "notes": ["note"],
}
"""What the page of a report reads itself; the rest is for its scripts."""
TEXTS = [b"16,48,1", b"8-16:4,x3,1", b"4, 8 ,1", b"1-3,1-3,x2"]
TOML = b"""sizes = [3, 4, 2, 1]  # inputs first
activation = ["tanh", "identity"]
bias = false
skips = [[0, 2], [0, 3]]
[[masks]]
source = 0
target = 1
rows = ["101", "010", "111", "000"]
"""


def network(spec: MLPSpec, dtype: torch.dtype = torch.float32) -> MLPWeights:
    """A network of ones, zero where masks say so."""
    shapes = [(spec.sizes[c.target], spec.sizes[c.source]) for c in spec.connections]
    rows = [c.rows or ("1" * shape[1],) * shape[0] for c, shape in zip(spec.connections, shapes, strict=True)]
    weights = tuple(torch.tensor([[float(mark) for mark in row] for row in mask], dtype=dtype) for mask in rows)
    return MLPWeights(spec, weights, tuple(torch.ones(size, dtype=dtype) for size in spec.sizes[1:]))


@cache
def networks() -> list[bytes]:
    return [
        _bytes(lambda path: network(SPEC).save(path, {"task": "l1norm", "beta": "1e-6"})),
        _bytes(lambda path: network(RICH, torch.float16).save(path)),
        save({f"net.{name}": tensor for name, tensor in network(MLPSpec((3, 2, 2, 1))).state_dict().items()}),
    ]


def generator(members: int = 2, specs: tuple[MLPSpec, ...] = (SPEC,)) -> Generator:
    return Generator.initial(specs, [stream(n) for n in range(members)], encoder=len(specs) == 1)


@cache
def generators() -> list[bytes]:
    return [_bytes(lambda path: generator(1).save(path, {"task": "l1norm"})), _bytes(generator(1, (SPEC, RICH)).save)]


def trainer() -> Trainer:
    return Trainer(L1Norm(), [SPEC], Recipe(steps=10, batch=8), 0, [0], torch.device("cpu"))


@cache
def states() -> list[bytes]:
    return [_bytes(trainer().save)]


def configs() -> list[bytes]:
    several = {**CONFIG.to_fields(), "specs": [json.loads(RICH.to_json()), {"sizes": [2, 1]}], "recipe": None}
    several["options"] = {"size": 3, "name": "a", "share": 0.5, "on": True}
    return [json.dumps(fields).encode() for fields in (CONFIG.to_fields(), several)]


def specs() -> list[bytes]:
    return [SPEC.to_json().encode(), RICH.to_json().encode(), b'{"sizes": [2, 1]}']


def run(path: Path) -> RunDirectory:
    """A finished run: two members, each trained alone, with two checkpoints."""
    made = RunDirectory.create(path, CONFIG)
    made.networks.mkdir()
    generator().save(made.generator)
    for chunk in made.chunks:
        chunk.checkpoints.mkdir(parents=True)
        for step in (5, 10):
            generator(1).save(chunk.checkpoint(step))
    network(SPEC).save(made.networks / "a.safetensors")
    return made


def layouts() -> list[bytes]:
    """The files of a run by their names, as JSON: texts, links to what a list holds, pipes for null, else folders."""
    rows = [_row(member, beta) for member in (0, 1) for beta in (1e-12, 1.0)]
    failure = {"member": 0, "step": 5, "back_to": 4, "loss": 0.5, "kl": None, "retired": False}
    result = {
        **CONFIG.to_fields(),
        "failures": [failure],
        "networks": rows,
        "solved_loss": 0.05,
        "algorithms": {"a": "#ff0000"},
        "figures": [],
    }
    texts = {
        "config.json": json.dumps(CONFIG.to_fields()),
        "result.json": json.dumps(result),
        "training/0-0/metrics.jsonl": '{"step": 5, "loss": [[0.5]]}\n{"step": 10, "loss": [[0.25]]}\n',
        "training/0-0/failures.json": json.dumps([failure]),
        "training/1-1/checkpoints/0000020.safetensors": ["../../../generator.safetensors"],
        "networks/b.safetensors": ["a.safetensors"],
    }
    return [json.dumps(texts).encode()]


def _row(member: int, beta: float) -> dict[str, Any]:
    numbers = {
        "loss": 0.5,
        "kl": 2.0,
        "decoder_loss": 0.75,
        "confidence": 0.25,
        "order_parameters": {"assignment": 1.0},
    }
    return {"member": member, "beta": beta, **numbers, "algorithm": "pudding", "file": "networks/a.safetensors"}


def _bytes(save: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()
