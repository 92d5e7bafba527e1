"""The library that holds the structure of a graph: DGL, or plain torch where DGL is not installed."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

NOT_INSTALLED = "not installed"


class TorchGraph:
    """The part of `dgl.DGLGraph` that this package uses."""

    def __init__(self, source: Tensor, target: Tensor, neurons: int, edges_per_part: Sequence[int]) -> None:
        self.source, self.target, self.neurons, self.edges_per_part = source, target, neurons, edges_per_part
        self.ndata: dict[str, Tensor] = {}
        self.edata: dict[str, Tensor] = {}

    def edges(self) -> tuple[Tensor, Tensor]:
        return self.source, self.target

    def num_nodes(self) -> int:
        return self.neurons

    def num_edges(self) -> int:
        return len(self.source)

    def in_degrees(self) -> Tensor:
        return torch.bincount(self.target, minlength=self.neurons)

    def out_degrees(self) -> Tensor:
        return torch.bincount(self.source, minlength=self.neurons)

    def batch_num_edges(self) -> Tensor:
        return torch.tensor(self.edges_per_part)


class TorchGraphs:
    """The functions of `dgl` that this package uses, on plain torch."""

    @staticmethod
    def graph(data: tuple[Tensor, Tensor], num_nodes: int) -> TorchGraph:
        return TorchGraph(*data, num_nodes, [len(data[0])])

    @staticmethod
    def batch(graphs: Sequence[TorchGraph]) -> TorchGraph:
        first = [sum(graph.neurons for graph in graphs[:n]) for n in range(len(graphs) + 1)]
        source = torch.cat([graph.source + n for n, graph in zip(first, graphs, strict=False)])
        target = torch.cat([graph.target + n for n, graph in zip(first, graphs, strict=False)])
        joined = TorchGraph(source, target, first[-1], [graph.num_edges() for graph in graphs])
        joined.ndata = {name: torch.cat([graph.ndata[name] for graph in graphs]) for name in graphs[0].ndata}
        joined.edata = {name: torch.cat([graph.edata[name] for graph in graphs]) for name in graphs[0].edata}
        return joined


def dgl_version() -> str:
    """The version of DGL, which this does not import, or NOT_INSTALLED."""
    try:
        return version("dgl")
    except PackageNotFoundError:
        return NOT_INSTALLED


def load_dgl() -> Any:
    """Import DGL; where it is not installed, return plain torch in its place."""
    if find_spec("dgl") is None:
        return TorchGraphs
    # Of another program it may name a library that is missing; without it, dgl writes into the home folder.
    os.environ["DGLBACKEND"] = "pytorch"
    # DGL 2 imports graphbolt eagerly. Its compiled library loads only beside one old torch, and nothing here needs it.
    sys.modules.setdefault("dgl.graphbolt", ModuleType("dgl.graphbolt"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 and later warn of escapes in its source
        return import_module("dgl")
