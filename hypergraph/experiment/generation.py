"""Generate single networks: from a run, a generator's file, or a shipped generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from hypergraph.analysis.measure import check_beta
from hypergraph.analysis.measure import generate as sample_networks
from hypergraph.analysis.population import generate_again
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.extensions.options import task_metadata
from hypergraph.model.generator import Generator
from hypergraph.runs.config import Seed
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.pretrained import generator_file
from hypergraph.spec import Layers, MLPSpec, read_layers
from hypergraph.storage.schema import as_member, as_path, as_record
from hypergraph.torch_state import usual_torch
from hypergraph.training.memory import GENERATION, check_memory
from hypergraph.weights import MLPWeights


def generate(
    source: Path | str,
    beta: float,
    *,
    layers: Layers | None = None,
    seed: int | None = None,
    member: int = 0,
    encoder: bool = True,
    step: int | None = None,
) -> MLPWeights:
    """One network from a trained generator.

    Args:
        source: a run's folder, a generator's file, or a shipped generator, TASK/NAME.
        beta: the price per nat, from 1e-12 (free) to 1 (dear).
        layers: the network; one that the generator was trained for if None.
        seed: of the sample; if None, that of the run, and 0 where the source is none.
        member: which of the generator's members.
        encoder: whether to use the encoder, if there is one; without it, the network holds no memorised information.
        step: of a run, the training step after which the generator was kept; the end of the training if None.

    Raises:
        UsageError: naming the wrong argument.
        FileError: there is no generator.
        HypergraphError: the generator diverged in training.
    """
    return generate_with_metadata(as_path(source, "source"), beta, layers, seed, member, encoder, step)[0]


@usual_torch()
def generate_with_metadata(
    source: Path,
    beta: float,
    layers: Layers | None,
    seed: int | None,
    member: int,
    encoder: bool,
    step: int | None = None,
) -> tuple[MLPWeights, dict[str, str]]:
    """As `generate`, with the metadata of its file, in which `kl` is the information in nats."""
    specs = [] if layers is None else read_layers(layers)
    if len(specs) > 1:
        raise UsageError(f"layers stand for {len(specs)} networks: one is generated at a time")
    run = RunDirectory.open(source) if (source / "config.json").is_file() else None
    wanted = _Wanted(
        source,
        check_beta(beta),
        specs[0] if specs else None,
        (run.config.seed if run else 0) if seed is None else as_record(seed, Seed, "seed"),
        as_record(member, int, "member"),
        as_record(encoder, bool, "encoder"),
    )
    if run and run.config.is_large and step is None:
        network, facts = _from_large_run(run, wanted)
    elif step is None:
        network, facts = _from_file(generator_file(source), wanted)
    else:
        file, members = _checkpoint(run or RunDirectory.open(source), wanted.member, step)
        network, facts = _from_file(file, wanted, members)
    if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
        raise HypergraphError(f"what {source} generates at beta {beta} is not finite: it diverged in training")
    return network, facts


@dataclass(frozen=True)
class _Wanted:
    """The network that is wanted from `source`; a generator's own if `spec` is None."""

    source: Path
    beta: float
    spec: MLPSpec | None
    seed: int
    member: int
    encoder: bool

    def facts(self, encoder: bool, kl: Tensor) -> dict[str, str]:
        """The metadata of the network's file."""
        facts = {"beta": self.beta, "seed": self.seed, "member": self.member, "encoder": int(encoder), "kl": float(kl)}
        return {name: str(value) for name, value in facts.items()}


def _from_large_run(run: RunDirectory, wanted: _Wanted) -> tuple[MLPWeights, dict[str, str]]:
    """From the generator of the member's chunk. Raises UsageError, FileError."""
    config = run.config
    if not run.is_trained:
        raise UsageError(f"{run.path} holds no trained generator: resume it to its end")
    as_member(wanted.member, config.members, wanted.source)
    check_memory(wanted.spec or config.spec, len(run.chunk_of(wanted.member).members), GENERATION)
    encoder = wanted.encoder and len(config.specs) == 1
    network, kl = generate_again(run, wanted.member, wanted.beta, seed=wanted.seed, spec=wanted.spec, encoder=encoder)
    return network, task_metadata(config.task, config.options) | wanted.facts(encoder, kl)


def _from_file(file: Path, wanted: _Wanted, members: Sequence[int] | None = None) -> tuple[MLPWeights, dict[str, str]]:
    """From the file of a generator of `members`, 0 and up if None. Raises UsageError, FileError."""
    generator, metadata = Generator.load(file)
    member, seed = wanted.member, wanted.seed
    place = as_member(member, generator.members, wanted.source) if members is None else members.index(member)
    spec = wanted.spec or MLPSpec.middle(generator.specs)
    check_memory(spec, 1, GENERATION)
    one = generator.member(place)
    encoder = one.encoders[0] and wanted.encoder
    networks, kls = sample_networks(one, wanted.beta, seed=seed, members=[member], spec=spec, encoder=encoder)
    described = {name: text for name, text in metadata.items() if name in ("task", "options")}
    return networks[0], described | wanted.facts(encoder, kls[0])


def _checkpoint(run: RunDirectory, member: int, step: int) -> tuple[Path, Sequence[int]]:
    """The file of a run's checkpoint of a member, and the members in it. Raises UsageError."""
    found = {step: (path, members) for step, members, path in run.checkpoints() if member in members}
    if step not in found:
        steps = ", ".join(map(str, found)) or "none"
        raise UsageError(f"{run.path} has no checkpoint of member {member} after step {step}: there are {steps}")
    return found[step]
