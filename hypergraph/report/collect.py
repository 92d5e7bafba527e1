"""A run's records, as plain values for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from matplotlib.colors import is_color_like, to_hex

from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import HypergraphError, MissingDataError
from hypergraph.figures import NAMES
from hypergraph.report.blobs import Blobs
from hypergraph.report.drawings import Drawings
from hypergraph.runs.records import NetworkRecord, to_fields

GREY = "#8e8e93"
"""The colour of a label that has none."""


def collect(run: FinishedRun, blobs: Blobs) -> dict[str, Any]:
    """Everything that the page shows of a run. Raises FileError, PluginError."""
    config, result = run.config, run.result
    betas = sorted({network.beta for network in result.networks})
    labels = list(dict.fromkeys([*result.algorithms, *(n.algorithm for n in result.networks if n.algorithm)]))
    drawings = Drawings(run, betas, blobs)
    collected = {
        "title": f"{config.task} {config.spec}, seed {config.seed}",
        "config": config.to_fields(),
        "spec": {**to_fields(config.spec), "connections": [[c.source, c.target] for c in config.spec.connections]},
        "betas": betas,
        "labels": [{"name": name, "colour": _hexadecimal(result.algorithms.get(name))} for name in labels],
        "solved_loss": result.solved_loss,
        "networks": [_network(network, betas, labels) for network in result.networks],
        "failures": list(map(str, result.failures)),
        "drawings": drawings.members(),
        **_classified(run),
        "phases": _phases(run, betas, labels, drawings),
        "families": _families(run, drawings.notes),
    }
    missing = {name for name in NAMES if name not in {PurePath(figure).stem for figure in result.figures}}
    reasons = [f"figure {name}: {result.not_drawn.get(name, 'not drawn')}" for name in NAMES if name in missing]
    sample = [f"all of this page is of {config.sample_note}"] if config.is_large else []
    notes = dict.fromkeys(note.replace(str(run.path), "the run") for note in (*sample, *drawings.notes, *reasons))
    return {**collected, "notes": list(notes)}


def _network(network: NetworkRecord, betas: Sequence[float], labels: Sequence[str]) -> dict[str, Any]:
    """A record with the numbers of its price and of its label in their place."""
    fields: dict[str, Any] = to_fields(network)
    label = labels.index(network.algorithm) if network.algorithm else None
    return {**fields, "beta": betas.index(network.beta), "label": label}


def _classified(run: FinishedRun) -> dict[str, Any]:
    """The planes of the order parameters and the values where labels change; nothing where there is no classifier."""
    try:
        classifier = run.classifier
    except MissingDataError:
        return {"planes": [], "boundaries": {}}
    return {"planes": list(map(list, classifier.planes)), "boundaries": dict(classifier.boundaries)}


def _phases(run: FinishedRun, betas: Sequence[float], labels: list[str], drawings: Drawings) -> dict[str, Any] | None:
    """By member, step and price: label, loss and KL before the end of the training."""
    steps, known = drawings.steps, {label: index for index, label in enumerate(labels)}
    try:
        records = run.phases
    except HypergraphError as missing:
        drawings.notes.append(f"no phase diagrams through training: {missing}")
        return None
    cells: dict[int, dict[str, list[Any]]] = {}
    count = len(steps) * len(betas)
    for record in records:
        if record.step in steps and record.beta in betas:
            one = cells.setdefault(record.member, {name: [None] * count for name in ("label", "loss", "kl")})
            place = steps.index(record.step) * len(betas) + betas.index(record.beta)
            one["label"][place], one["loss"][place] = known.get(record.algorithm), record.loss
            one["kl"][place] = record.kl
    return {"steps": steps, "members": [{"member": member, **one} for member, one in sorted(cells.items())]}


def _families(run: FinishedRun, notes: list[str]) -> dict[str, Any] | None:
    """The tree of the families, and the networks and the exemplar of each, as numbers of networks."""
    try:
        classifier = run.families
        if len(classifier.families.spread) != len(run.networks):
            raise MissingDataError("the families are those of other networks")
    except HypergraphError as missing:
        notes.append(f"no families: {missing}")
        return None
    found = classifier.families
    order = {(network.member, network.beta): index for index, network in enumerate(run.result.networks)}
    numbers = [order[network.member, network.beta] for network in run.networks]
    groups = {
        name: [number for number, label in zip(numbers, found.labels, strict=True) if label == name]
        for name in dict.fromkeys(found.labels)
    }
    exemplars = {core.name: numbers[found.exemplar(core.name)] for core in found.cores if core.name in groups}
    programs = {record.family: to_fields(record) for record in run.result.programs}
    rows = [
        {
            "name": name,
            "colour": _hexadecimal(classifier.colours.get(name)),
            "networks": groups[name],
            "exemplar": exemplars.get(name),
            "program": programs.get(name),
        }
        for name in sorted(groups, key=lambda name: (name not in exemplars, -len(groups[name])))
    ]
    return {"tree": found.branches, "rows": rows}


def _hexadecimal(colour: str | None) -> str:
    return str(to_hex(colour)) if colour and is_color_like(colour) else GREY
