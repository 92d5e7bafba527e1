"""Single networks: generated, classified and drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from hypergraph.analysis.classify import Verdict, classify_strict
from hypergraph.analysis.measure import check_beta
from hypergraph.analysis.measure import generate as sample_networks
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for, working_visualizers
from hypergraph.interfaces import Visualizer
from hypergraph.model.generator import Generator
from hypergraph.runs.pretrained import generator_file
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import make_folder
from hypergraph.training.memory import GENERATION, check_memory
from hypergraph.weights import MLPWeights


class GeneratedNetwork(NamedTuple):
    """A network from a trained generator, its information in nats, and what its file tells of it."""

    network: MLPWeights
    kl: float
    metadata: dict[str, str]


def generate(
    source: Path | str,
    beta: float,
    *,
    layers: MLPSpec | str | None = None,
    seed: int = 0,
    member: int = 0,
    encoder: bool = True,
) -> MLPWeights:
    """One network from a run, from a generator's file, or from a shipped generator, TASK/NAME.

    Args:
        source: the run's folder, the file, or the name.
        beta: the price per nat, from 1e-12 (free) to 1 (dear).
        layers: the network; what the generator was trained for if None.
        seed: of the sample.
        member: which of the generator's members.
        encoder: whether to use the encoder, where there is one; without it, no information is memorised.

    Raises:
        UsageError: naming the argument that cannot be.
        FileError: there is no generator.
        HypergraphError: the generator diverged in training.
    """
    spec = MLPSpec.parse(layers) if isinstance(layers, str) else layers
    return generate_network(Path(source), beta, spec, seed, member, encoder).network


def generate_network(
    source: Path, beta: float, spec: MLPSpec | None, seed: int, member: int, encoder: bool
) -> GeneratedNetwork:
    """As :func:`generate`, with what is known of the network."""
    check_beta(beta)
    generator, metadata = Generator.load(generator_file(source))
    if not 0 <= member < generator.members:
        raise UsageError(f"{source} has members 0 to {generator.members - 1}, not {member}")
    chosen = spec or MLPSpec.middle(generator.specs)
    check_memory(chosen, 1, GENERATION)
    one = generator.member(member)
    used = one.has_encoder and encoder
    sample = sample_networks(one, beta, seed=seed, members=[member], spec=chosen, encoder=used)
    network, kl = sample.networks[0], float(sample.kl[0])
    if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
        raise HypergraphError(f"what {source} generates at beta {beta} is not finite: it diverged in training")
    facts = {"beta": beta, "seed": seed, "member": member, "encoder": int(used), "kl": kl}
    task = {"task": metadata["task"]} if "task" in metadata else {}
    return GeneratedNetwork(network, kl, {**task, **{name: str(value) for name, value in facts.items()}})


def classify(network: MLPWeights | Path | str, task: str | None = None) -> Verdict:
    """Which algorithm a network, or the one in a file, runs.

    Raises:
        UsageError: the task is not named, neither here nor in the file, or has no classifier.
        SpecError: the classifier does not know such networks.
        FileError: the file holds no network.
    """
    if not isinstance(network, MLPWeights):
        network, metadata = MLPWeights.load(Path(network))
        task = task or metadata.get("task")
    if task is None:
        raise UsageError("the network does not say its task: name it")
    classifier = classifier_for(task)
    if classifier is None:
        TASKS.find(task)
        raise UsageError(f"no classifier is installed for task {task!r}")
    (verdict,) = classify_strict(classifier, MLPWeights.stack([network]))
    return verdict


def draw(network: MLPWeights, *paths: Path | str, layout: str | None = None, seed: int = 0) -> None:
    """Draw a network, or several side by side, into files whose suffixes (.svg, .png, .pdf) say the format.

    Raises:
        UsageError: no installed visualizer knows the layout or the format.
        FileError: a file cannot be written.
    """
    visualizer, name = _visualizer(layout)
    together = MLPWeights.stack([network]).map(lambda tensor: tensor.flatten(0, len(network.lead)))
    for path in map(Path, paths):
        make_folder(path.parent)
        visualizer.draw(together, [path], layout=name, seed=seed)


def _visualizer(layout: str | None) -> tuple[Visualizer, str]:
    """The first visualizer that knows a layout, and the layout; its default where none is named."""
    visualizers = working_visualizers()
    for visualizer in visualizers:
        if layout is None or layout in visualizer.layouts:
            return visualizer, layout or visualizer.layouts[0]
    layouts = [name for visualizer in visualizers for name in visualizer.layouts]
    raise UsageError(f"no visualizer draws layout {layout!r}; there are {', '.join(layouts) or 'none installed'}")


def picture(network: MLPWeights) -> bytes:
    """The drawing of a network as PNG. Raises as :func:`draw` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.png"
        draw(network, path)
        return path.read_bytes()
