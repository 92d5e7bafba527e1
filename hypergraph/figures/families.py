"""The tree of the families, and where in the run each is found."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.cluster.hierarchy import leaves_list

from hypergraph.analysis.finished import FinishedRun
from hypergraph.discovery.classifier import FamilyClassifier
from hypergraph.figures.output import FigureOutput, columns, edges, legend_columns, plotted
from hypergraph.runs.records import NetworkRecord

WIDTH = 9.0
"""Of the figure, in inches."""
MIXED = "#b0b0b5"
"""The colour of branches with networks of several labels."""


def families(run: FinishedRun) -> FigureOutput:
    """The dendrogram of all networks, and a map of members by beta, both coloured by family."""
    classifier, networks = run.families, run.networks
    labels = classifier.families.labels
    names = "member", "beta", "loss", "algorithm", "file"
    rows = [{"family": label, **columns(network, *names)} for network, label in zip(networks, labels, strict=True)]
    members = len({network.member for network in networks})

    def plot(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        _dendrogram(left, classifier)
        _map(right, networks, labels, classifier)
        seen = {name: colour for name, colour in classifier.colours.items() if name in labels}
        handles = [Patch(color=colour, label=f"{name} ({labels.count(name)})") for name, colour in seen.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=legend_columns(handles, WIDTH))

    return plotted(rows, (WIDTH, max(3.4, 1.6 + 0.22 * members)), plot)


def _dendrogram(axes: Axes, classifier: FamilyClassifier) -> None:
    """Merges as brackets: a branch with one label has its colour."""
    found = classifier.families
    leaves = [found.labels[index] for index in found.leaves.tolist()]
    places = np.zeros(len(leaves))
    if len(leaves) > 1:
        places[leaves_list(found.tree)] = range(len(leaves))
    nodes = [(float(place), 0.0, label) for place, label in zip(places, leaves, strict=True)]
    lines, colours = [], []
    for first, second, height, _ in found.tree:
        (x, low, label), (other_x, other_low, other) = nodes[int(first)], nodes[int(second)]
        shared = label if label == other else ""
        nodes.append(((x + other_x) / 2, float(height), shared))
        lines.append([(x, low), (x, height), (other_x, height), (other_x, other_low)])
        colours.append(classifier.colours.get(shared, MIXED))
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=0.8))
    axes.set(xlim=(-1, len(leaves)), ylim=(0, None), xticks=[], xlabel="networks", ylabel="distance")
    axes.autoscale(axis="y")
    axes.set_ylim(0)


def _map(axes: Axes, networks: list[NetworkRecord], labels: list[str], classifier: FamilyClassifier) -> None:
    members, betas = (sorted({getattr(network, name) for network in networks}) for name in ("member", "beta"))
    names = list(classifier.colours)
    cells = np.full((len(betas), len(members)), np.nan)
    for network, label in zip(networks, labels, strict=True):
        cells[betas.index(network.beta), members.index(network.member)] = names.index(label)
    shown, norm = ListedColormap(list(classifier.colours.values())), BoundaryNorm(range(len(names) + 1), len(names))
    heights = edges([math.log10(beta) for beta in betas])
    axes.pcolormesh(edges(range(len(members))), heights, cells, cmap=shown, norm=norm)
    axes.set_xticks(range(len(members)), [str(member) for member in members], fontsize=7)
    axes.set(xlabel="member", ylabel="log10 beta")
