"""Find the families of the networks of finished runs, or of a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct

from hypergraph.analysis.classify import classify
from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import measure_loss, or_nan
from hypergraph.discovery.agreement import adjusted_rand, homogeneity, named_once, stability
from hypergraph.discovery.classifier import FamilyClassifier
from hypergraph.errors import FileError, UsageError
from hypergraph.extensions.options import recorded_options
from hypergraph.extensions.registry import TASKS, classifier_for
from hypergraph.foreign import load_any_network
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Observer, ignore
from hypergraph.runs.records import to_fields
from hypergraph.storage.atomic import finite
from hypergraph.weights import MLPWeights


class Network(Struct, frozen=True):
    """A network to be grouped.

    Attributes:
        file: its path.
        run: the folder of its run, or that it lies in.
        member: its member in the run, None where it is not known, as are `beta` and `algorithm`.
        loss: the task's loss on new inputs.
        algorithm: the classifier's label.
    """

    file: str
    run: str
    member: int | None
    beta: float | None
    loss: float
    algorithm: str | None


class Family(Struct, frozen=True):
    """A family: how many networks it has, their share, its members, its medoid's file, and its mean loss."""

    name: str
    size: int
    share: float
    members: int
    exemplar: str
    loss: float


@dataclass(frozen=True)
class Discovery:
    """The families of some networks.

    Attributes:
        networks: in the order of `classifier.families`.
        classifier: labels further networks.
        run: whose networks they are, if they are of one run.
        samples: what is said of the runs of whose members these networks are a sample.
    """

    networks: Sequence[Network]
    classifier: FamilyClassifier
    run: FinishedRun | None = None
    samples: Sequence[str] = ()

    @property
    def labels(self) -> list[str]:
        """The family of each network, "constant", or "border"."""
        return self.classifier.families.labels

    @cached_property
    def families(self) -> list[Family]:
        """The families, the largest core first."""
        return [self._family(core.name) for core in self.classifier.families.cores if core.name in self.labels]

    def _family(self, name: str) -> Family:
        found = [network for network, label in zip(self.networks, self.labels, strict=True) if label == name]
        exemplar = self.networks[self.classifier.families.exemplar(name)].file
        members, loss = len(set(map(_owner, found))), sum(network.loss for network in found) / len(found)
        return Family(name, len(found), len(found) / len(self.networks), members, exemplar, loss)

    @cached_property
    def stability(self) -> float:
        """The agreement with the families found without a third of the members."""
        return stability(self.classifier.families, list(map(_owner, self.networks)))

    @property
    def ari_member(self) -> float | None:
        """The agreement of the families with the members: 0 where they are independent. None without members."""
        if any(network.member is None for network in self.networks):
            return None
        return adjusted_rand(self.labels, list(map(_owner, self.networks)))

    @property
    def agreement(self) -> dict[str, float] | None:
        """The agreement with the classifier, in both directions; None where networks have no label of one.

        `ari` compares labels and families as they are, `named_once` after each family is named by its most frequent
        label. `one_label` is 1 where each family has one label, `one_family` where each label has one family.
        """
        algorithms = [network.algorithm for network in self.networks]
        if None in algorithms:
            return None
        return {
            "ari": adjusted_rand(algorithms, self.labels),
            "named_once": adjusted_rand(algorithms, named_once(self.labels, algorithms)),
            "one_label": homogeneity(algorithms, self.labels),
            "one_family": homogeneity(self.labels, algorithms),
        }

    def to_fields(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = {family.name for family in self.families}
        networks = [
            {"file": network.file, "member": network.member, "beta": network.beta}
            | {"family": label if label in names else None, "label": label, "algorithm": network.algorithm}
            for network, label in zip(self.networks, self.labels, strict=True)
        ]
        agreement = self.agreement
        fields = {
            "families": to_fields(self.families),
            "networks": networks,
            "stability": self.stability,
            "ari_member": self.ari_member,
            "ari_classifier": agreement["ari"] if agreement else None,
            "agreement": agreement,
            "leaves": self.classifier.families.leaves.tolist(),
            "tree": self.classifier.families.tree.tolist(),
        }
        return {name: finite(value) for name, value in fields.items()}


def discover(
    paths: Sequence[Path], task: str | None = None, activation: str | None = None, observe: Observer = ignore
) -> Discovery:
    """Find the families of the networks of runs, or of folders of networks, all together.

    `task` and `activation` are those of networks whose files name none.

    Raises:
        UsageError: the networks are of several tasks, or there are none.
        SpecError: they cannot be compared.
        FileError: a run is not finished, or a file holds no network.
    """
    sources = [
        _run(path, observe) if (path / "config.json").is_file() else _folder(path, task, activation) for path in paths
    ]
    if len({(source.task, str(source.options)) for source in sources}) > 1:
        raise UsageError(f"{', '.join(map(str, paths))} are of several tasks: discover each by itself")
    networks = [network for source in sources for network in source.networks]
    first = sources[0]
    runs = [source.run for source in sources if source.run and source.run.config.is_large]
    samples = [f"{run.config.sample_note} of {run.path}" for run in runs]
    if first.run and len(sources) == 1:
        with first.run.directory.lock():
            return Discovery(networks, first.run.families, first.run, samples)
    loaded = [load_any_network(network.file, activation)[0] for network in networks]
    task_plugin = TASKS.load(first.task, first.options)
    return Discovery(networks, FamilyClassifier.find(first.task, task_plugin, loaded, observe), samples=samples)


@dataclass(frozen=True)
class _Source:
    """The networks of a run, or of a folder."""

    task: str
    options: dict[str, Any]
    networks: list[Network]
    run: FinishedRun | None = None


def _run(path: Path, observe: Observer) -> _Source:
    run = FinishedRun(RunDirectory.open(path), observe)
    labelled = not run.directory.families.is_file()  # otherwise the labels are those of the families
    networks = [
        Network(str(path / n.file), str(path), n.member, n.beta, or_nan(n.loss), n.algorithm if labelled else None)
        for n in run.networks
    ]
    return _Source(run.config.task, dict(run.config.options), networks, run)


def _folder(path: Path, task: str | None, activation: str | None) -> _Source:
    if not path.exists():
        raise FileError(f"there is no {path}")
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise UsageError(f"{path} is neither a run nor a folder of networks: it has no config.json and no .safetensors")
    loaded = [load_any_network(file, activation) for file in files]
    name, options = _task_of_all(path, [metadata for _, metadata in loaded], task)
    plugin, classifier = TASKS.load(name, options), classifier_for(name)
    networks = []
    for file, (network, metadata) in zip(files, loaded, strict=True):
        (verdict,) = classify(classifier, MLPWeights.stack([network]))
        loss = float(measure_loss(plugin, network, seed=0))
        networks.append(Network(str(file), str(path), *_origin(metadata), loss, verdict.algorithm))
    return _Source(name, options, networks)


def _task_of_all(path: Path, networks: Sequence[Mapping[str, str]], task: str | None) -> tuple[str, dict[str, Any]]:
    """The task that the metadata of all networks name, and its options. Raises UsageError."""
    (name, options), *others = [(metadata.get("task", task), recorded_options(metadata)) for metadata in networks]
    if name is None:
        raise UsageError(f"the networks of {path} do not say their task: name it")
    if any(other != (name, options) for other in others):
        raise UsageError(f"the networks of {path} are of several tasks: discover each by itself")
    return name, options


def _origin(metadata: Mapping[str, str]) -> tuple[int | None, float | None]:
    """The member and the price that a network's file names."""
    with contextlib.suppress(KeyError, ValueError):
        return int(metadata["member"]), float(metadata["beta"])
    return None, None


def _owner(network: Network) -> tuple[str, int | str]:
    """What generated a network: a member of a run, or where that is not known, something of its own."""
    return network.run, network.file if network.member is None else network.member
