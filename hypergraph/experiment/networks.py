"""Single networks: generated, classified and drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hypergraph.analysis.classify import Verdict, classify_strict
from hypergraph.analysis.measure import check_beta, generate
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.extensions.registry import TASKS, classifier_for, working_visualizers
from hypergraph.interfaces import Classifier, Visualizer
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


def generate_network(
    source: Path | str,
    beta: float,
    *,
    spec: MLPSpec | None = None,
    seed: int = 0,
    member: int = 0,
    encoder: bool = True,
) -> GeneratedNetwork:
    """One network from a run, from a generator's file, or from a shipped generator, TASK/NAME.

    Args:
        source: the run's folder, the file, or the name.
        beta: the price per nat, from 1e-12 (free) to 1 (dear).
        spec: the network; what the generator was trained for if None.
        seed: of the sample.
        member: which of the generator's members.
        encoder: whether to use the encoder, where there is one; without it, no information is memorised.

    Raises:
        UsageError: naming the argument that cannot be.
        FileError: there is no generator.
        HypergraphError: the generator diverged in training.
    """
    check_beta(beta)
    generator, metadata = Generator.load(generator_file(Path(source)))
    if not 0 <= member < generator.members:
        raise UsageError(f"{source} has members 0 to {generator.members - 1}, not {member}")
    chosen = spec or MLPSpec.middle(generator.specs)
    check_memory(chosen, 1, GENERATION)
    one = generator.member(member)
    used = one.has_encoder and encoder
    sample = generate(one, beta, seed=seed, members=[member], spec=chosen, encoder=used)
    network, kl = sample.networks[0], float(sample.kl[0])
    if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
        raise HypergraphError(f"what {source} generates at beta {beta} is not finite: it diverged in training")
    facts = {"beta": beta, "seed": seed, "member": member, "encoder": int(used), "kl": kl}
    task = {"task": metadata["task"]} if "task" in metadata else {}
    return GeneratedNetwork(network, kl, {**task, **{name: str(value) for name, value in facts.items()}})


def classify_network(network: MLPWeights, task: str) -> Verdict:
    """Which algorithm a network runs, by the classifier of a task.

    Raises:
        UsageError: no classifier is installed for the task, or there is no such task.
        SpecError: the classifier does not know such networks.
    """
    (verdict,) = classify_strict(classifier_of(task), MLPWeights.stack([network]))
    return verdict


def classifier_of(task: str) -> Classifier:
    """The classifier of a task. Raises UsageError where there is none."""
    classifier = classifier_for(task)
    if classifier is None:
        TASKS.find(task)
        raise UsageError(f"no classifier is installed for task {task!r}")
    return classifier


def draw_network(network: MLPWeights, paths: Sequence[Path], *, layout: str | None = None, seed: int = 0) -> None:
    """Draw a network, or several side by side, into files whose suffixes (.svg, .png, .pdf) say the format.

    Raises:
        UsageError: no installed visualizer knows the layout or the format.
        FileError: a file cannot be written.
    """
    visualizer, name = _visualizer(layout)
    networks = network.map(lambda tensor: tensor.flatten(0, len(network.lead) - 1)) if network.lead else None
    for path in paths:
        make_folder(path.parent)
        visualizer.draw(networks or MLPWeights.stack([network]), [path], layout=name, seed=seed)


def _visualizer(layout: str | None) -> tuple[Visualizer, str]:
    """The first visualizer that knows a layout, and the layout; its default where none is named."""
    visualizers = working_visualizers()
    for visualizer in visualizers:
        if layout is None or layout in visualizer.layouts:
            return visualizer, layout or visualizer.layouts[0]
    layouts = [name for visualizer in visualizers for name in visualizer.layouts]
    raise UsageError(f"no visualizer draws layout {layout!r}; there are {', '.join(layouts) or 'none installed'}")


def picture(network: MLPWeights) -> bytes:
    """The drawing of a network as PNG. Raises as :func:`draw_network` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.png"
        draw_network(network, [path])
        return path.read_bytes()
