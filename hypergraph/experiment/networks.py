"""Classify and draw single networks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from hypergraph.analysis.classify import Verdict, classify_strict
from hypergraph.errors import UsageError
from hypergraph.extensions.registry import TASKS, classifier_for, working_visualizers
from hypergraph.foreign import load_any_network
from hypergraph.interfaces import Classifier, Visualizer
from hypergraph.runs.config import Seed
from hypergraph.runs.directory import RunDirectory
from hypergraph.storage.atomic import make_folder
from hypergraph.storage.schema import as_path, as_record
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights

if TYPE_CHECKING:
    from hypergraph.programs.explain import Explanation


@usual_torch()
def classify(
    network: MLPWeights | nn.Module | Path | str, task: str | None = None, *, like: Path | str | None = None
) -> Verdict:
    """The algorithm that a network, a module, or the network in a file runs; the nearest family of the run `like`.

    Raises:
        UsageError: neither `task` nor the file names the task, or the task has no classifier.
        SpecError: the classifier refuses such networks, or the module is none.
        FileError: the file holds no network.
    """
    network, metadata = load_any_network(network)
    if network.lead:
        raise UsageError(f"a verdict is of one network; these have the axes {tuple(network.lead)}: select one first")
    task = metadata.get("task") if task is None else as_record(task, str, "task")
    classifier = _classifier(task) if like is None else _families(as_path(like, "like"))
    (verdict,) = classify_strict(classifier, MLPWeights.stack([network]))
    return verdict


def _families(run: Path) -> Classifier:
    from hypergraph.analysis.finished import FinishedRun  # its analyses import scipy, which nothing else here needs

    return FinishedRun(RunDirectory.open(run)).families


def _classifier(task: str | None) -> Classifier:
    if task is None:
        raise UsageError("the network does not say its task: name it")
    classifier = classifier_for(task)
    if classifier is None:
        TASKS.find(task)
        raise UsageError(f"no classifier is installed for task {task!r}")
    return classifier


@usual_torch()
def draw(
    network: MLPWeights | nn.Module | Path | str, *paths: Path | str, layout: str | None = None, seed: int = 0
) -> None:
    """Draw a network, a module, the network in a file, or networks side by side.

    The suffixes of `paths` (.svg, .png, .pdf) name the formats.

    Raises:
        SpecError: the module is no network.
        UsageError: no installed visualizer has the layout or the format.
        PluginError: every visualizer is broken.
        FileError: a file cannot be read or written.
    """
    (visualizer, name), (network, _), seed = _layout(layout), load_any_network(network), as_record(seed, Seed, "seed")
    stacked = MLPWeights.stack([network]).map(lambda tensor: tensor.flatten(0, len(network.lead)))
    for path in [as_path(path, "path") for path in paths]:
        make_folder(path.parent)
        visualizer.draw(stacked, [path], layout=name, seed=seed)


@usual_torch()
def draw_roles(network: MLPWeights, found: Explanation, path: Path) -> None:
    """Draw a network with its neurons in the colours of their roles in its program. Raises as `draw` does."""
    visualizer, name = _layout(None)
    make_folder(path.parent)
    visualizer.draw_groups(MLPWeights.stack([network]), path, found.groups, layout=name, title=found.text)


def _layout(layout: str | None) -> tuple[Visualizer, str]:
    """The visualizer of a layout, and its name; the first of all where None is named. Raises UsageError."""
    pairs = [(visualizer, name) for visualizer in working_visualizers() for name in visualizer.layouts]
    match = next((pair for pair in pairs if layout in (None, pair[1])), None)
    if match is None:
        names = ", ".join(name for _, name in pairs)
        refusal = f"no visualizer draws layout {layout!r}; there are {names}" if pairs else "no visualizer is installed"
        raise UsageError(refusal)
    return match


def picture(network: MLPWeights) -> bytes:
    """The drawing of a network as PNG. Raises as `draw` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.png"
        draw(network, path)
        return path.read_bytes()
