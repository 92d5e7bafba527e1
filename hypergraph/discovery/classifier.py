"""The families of some networks as a classifier, which a file keeps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hypergraph.discovery.families import BORDER, CONSTANT, CONSTANT_SPREAD, Families, confidence, find_families
from hypergraph.discovery.features import Array, Probe, describe, feature_count
from hypergraph.errors import FileError, SpecError
from hypergraph.interfaces import UNKNOWN, Classifier, Task
from hypergraph.runs.events import Observer, ignore, tracked
from hypergraph.spec import MLPSpec
from hypergraph.storage.tensors import check_format, read_tensors, write_tensors
from hypergraph.weights import MLPWeights

STAGE = "finding families"
"""The name that observers see of describing networks."""
FORMAT, FORMAT_VERSION = "hypergraph-families", "2"
# fmt: off
PALETTE = (
    "#2f6bd8", "#2e9e48", "#d6303f", "#e08a1e", "#7570b3", "#17a2b8", "#a6761d", "#e7298a", "#66a61e", "#1b5e7a",
)
# fmt: on
GREYS = {CONSTANT: "#c7c7cc", BORDER: "#5c5c61", UNKNOWN: "#8e8e93"}


class FamilyClassifier(Classifier):
    """Labels a network with the nearest family; border: none is near; constant: the output hardly depends on inputs.

    The order parameters are the distance to each family, relative to its reach, the spread of the output, relative to
    the targets', and two coordinates: the principal components of the features.
    """

    def __init__(self, task: str, probe: Probe, families: Families) -> None:
        self._task, self.probe, self.families = task, probe, families

    @classmethod
    def find(
        cls, name: str, task: Task, networks: Sequence[MLPWeights], observe: Observer = ignore
    ) -> FamilyClassifier:
        """Find the families of finite networks of one number of layers. Raises SpecError for other networks."""
        probe = shared_probe(task, [network.spec for network in networks])
        features, spread = describe_all(tracked(networks, STAGE, observe), probe)
        return cls(name, probe, find_families(features, spread))

    @property
    def task(self) -> str:
        return self._task

    @property
    def colours(self) -> Mapping[str, str]:
        names = [core.name for core in self.families.cores]
        return dict(zip(names, itertools.cycle(PALETTE), strict=False)) | GREYS

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        width = self.families.features.shape[1]
        _check(weights.spec, self.probe, width)
        flat = weights.map(lambda tensor: tensor.reshape(-1, *tensor.shape[len(weights.lead) :]))
        features, spread = np.full((flat.lead[0], width), np.nan), np.full(flat.lead[0], np.nan)
        for index in range(flat.lead[0]):
            description = describe(flat[index], self.probe)
            features[index], spread[index] = description.vector, description.spread
        parameters = self.parameters(features, spread)
        return {name: tensor.reshape(weights.lead) for name, tensor in parameters.items()}

    def parameters(self, features: Array, spread: Array) -> dict[str, Tensor]:
        """The order parameters of networks with the given features."""
        middle, axes = self._axes
        values = dict(zip(("first_axis", "second_axis"), axes @ (features - middle).T, strict=True))
        values["spread"] = spread
        distances = self.families.relative_distances(features)
        values |= dict(zip(self._distances, distances.T, strict=True))
        return {name: torch.from_numpy(value.copy()) for name, value in values.items()}

    @property
    def _distances(self) -> list[str]:
        """The names of the order parameters that `classify` compares, in the order of the families."""
        return [f"to_{core.name.replace(' ', '_')}" for core in self.families.cores]

    @cached_property
    def _axes(self) -> tuple[Array, Array]:
        """The mean of the features, and their first two principal components, each with its largest entry positive."""
        features = self.families.features[self.families.leaves]
        width = self.families.features.shape[1]
        if not len(features):
            return np.zeros(width), np.zeros((2, width))
        middle = features.mean(0)
        rows = np.concatenate([features - middle, np.zeros((2, width))])  # two axes even of one network
        axes = np.linalg.svd(rows, full_matrices=False)[2][:2]
        largest = axes[np.arange(2), np.abs(axes).argmax(1)]
        return middle, axes * np.sign(largest)[:, None]

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return self.families.classify(*self._compared(order_parameters))

    def confidence(self, order_parameters: Mapping[str, Tensor]) -> list[float]:
        """0 where another label is as near, 1 where the nearest is infinitely nearer; it is no probability."""
        return [confidence(*network) for network in zip(*self._compared(order_parameters), strict=True)]

    def _compared(self, order_parameters: Mapping[str, Tensor]) -> tuple[Array, Array]:
        """The distances to the families [network, family], and the spread."""
        spread = order_parameters["spread"].flatten().numpy()
        columns = [order_parameters[name].flatten().numpy() for name in self._distances]
        return np.stack(columns, 1) if columns else np.zeros((len(spread), 0)), spread

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("first_axis", "second_axis"),)

    @property
    def boundaries(self) -> Mapping[str, float]:
        return {"spread": CONSTANT_SPREAD, **dict.fromkeys(self._distances, 1.0)}

    def save(self, path: Path) -> None:
        """Write what `load` reads. Raises FileError."""
        arrays = {"features": self.families.features, "spread": self.families.spread}
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        tensors |= {"inputs": self.probe.inputs, "shuffled": self.probe.shuffled, "targets": self.probe.spread}
        write_tensors(path, tensors, {"format": FORMAT, "format_version": FORMAT_VERSION, "task": self.task})

    @classmethod
    def load(cls, path: Path) -> FamilyClassifier:
        """Read the families of a file. Raises FileError."""
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, FORMAT_VERSION)
        shapes = {"features": 2, "spread": 1, "inputs": 2, "shuffled": 2, "targets": 0}
        for name, axes in shapes.items():
            if name not in tensors or tensors[name].dtype != torch.float64 or tensors[name].ndim != axes:
                raise FileError(f"{path} has no families: expected float64 {name} with {axes} axes")
        features, spread = tensors["features"], tensors["spread"]
        if len(features) != len(spread):
            raise FileError(
                f"{path} has no families: it has features of {len(features)} networks, spreads of {len(spread)}"
            )
        probe = Probe(tensors["inputs"], tensors["shuffled"], tensors["targets"])
        return cls(metadata.get("task", ""), probe, find_families(features.numpy(), spread.numpy()))


def shared_probe(task: Task, specs: Iterable[MLPSpec]) -> Probe:
    """The probe of networks that can be compared. Raises SpecError for others."""
    kinds = list(dict.fromkeys(specs))
    for spec in kinds:
        task.check_spec(spec)
    probe = Probe.draw(task, kinds[0])
    for spec in kinds:
        _check(spec, probe, feature_count(kinds[0]))
    return probe


def describe_all(networks: Iterable[MLPWeights], probe: Probe) -> tuple[Array, Array]:
    """The features of networks, [network, feature], and the spread of their outputs, [network]."""
    described = [describe(network, probe) for network in networks]
    features = np.stack([description.vector for description in described])
    return features, np.array([description.spread for description in described])


def _check(spec: MLPSpec, probe: Probe, features: int) -> None:
    """Raise SpecError for networks that cannot be compared with those of a probe and a number of features."""
    if spec.sizes[0] != probe.inputs.shape[1] or feature_count(spec) != features:
        raise SpecError(
            f"families compare networks with {probe.inputs.shape[1]} inputs and the same number of layers, not {spec}"
        )
