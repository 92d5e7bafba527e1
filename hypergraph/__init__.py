"""Generate interpretable networks with attentional KL hypernetworks, and classify the algorithm that each one runs.

    import hypergraph as hg

    run = hg.train("TASK", seed=0)

Each name is imported at its first use: importing this package imports neither torch nor dgl.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypergraph.analysis.classify import Verdict
    from hypergraph.analysis.finished import FinishedRun
    from hypergraph.engines.base import Engine
    from hypergraph.errors import HypergraphError
    from hypergraph.experiment.api import load_network, open_run, resume, train
    from hypergraph.experiment.generation import generate
    from hypergraph.experiment.networks import classify, draw
    from hypergraph.interfaces import Classifier, Task, Visualizer
    from hypergraph.model.generator import Generator
    from hypergraph.programs.explain import Explanation, explain
    from hypergraph.spec import MLPSpec
    from hypergraph.weights import MLPWeights

__all__ = [
    "Classifier",
    "Engine",
    "Explanation",
    "FinishedRun",
    "Generator",
    "HypergraphError",
    "MLPSpec",
    "MLPWeights",
    "Task",
    "Verdict",
    "Visualizer",
    "classify",
    "draw",
    "explain",
    "generate",
    "load_network",
    "open_run",
    "resume",
    "train",
]

_HOMES = {
    "Verdict": "analysis.classify",
    "FinishedRun": "analysis.finished",
    "Engine": "engines.base",
    "HypergraphError": "errors",
    **dict.fromkeys(("Classifier", "Task", "Visualizer"), "interfaces"),
    **dict.fromkeys(("classify", "draw"), "experiment.networks"),
    "generate": "experiment.generation",
    "Generator": "model.generator",
    **dict.fromkeys(("Explanation", "explain"), "programs.explain"),
    "MLPSpec": "spec",
    "MLPWeights": "weights",
}
"""The module of each name; experiment.api for the others."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hypergraph' has no attribute {name!r}")
    return getattr(import_module(f"hypergraph.{_HOMES.get(name, 'experiment.api')}"), name)


def __dir__() -> list[str]:
    return __all__


def _draw_networks_in_notebooks() -> None:
    """Let IPython, where it runs, show a network as its drawing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        png = shell.display_formatter.formatters["image/png"]
        png.for_type_by_name("hypergraph.weights", "MLPWeights", _picture)


def _picture(network: MLPWeights) -> bytes:
    picture: bytes = import_module("hypergraph.experiment.networks").picture(network)
    return picture


_draw_networks_in_notebooks()
