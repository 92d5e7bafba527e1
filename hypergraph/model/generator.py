"""The generator (Figure 7): an ensemble of M hypernetworks, (beta, specs, noise) -> MLPWeights and KL."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hypergraph.errors import EncoderError, FileError, SpecError, UsageError
from hypergraph.graph import ComputationGraph
from hypergraph.graph.structure import TorchGraphs, load_dgl
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.hypernetwork import SHARED_HYPERWEIGHTS, Generated, hypernetwork, hyperweight_count, sum_groups
from hypergraph.model.initial import initial_hyperweights
from hypergraph.model.pareto import ParetoHyperhypernetwork
from hypergraph.spec import Connection, MLPSpec, check_several
from hypergraph.storage.schema import as_member, as_path
from hypergraph.storage.tensors import check_format, read_tensors, write_tensors
from hypergraph.storage.untrusted import parse_json
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights, kept_weights

FORMAT = "hypergraph-generator"
FORMAT_VERSION = "1"


class Networks(NamedTuple):
    """The result of one pass of a generator."""

    networks: list[MLPWeights]
    """One per spec, with the leading axis [member]"""
    kl: Tensor
    """Information in the latents, in nats: [member, spec]"""


class Generator(nn.Module):
    """An ensemble of independent hypernetworks for one or several target networks.

    Args:
        specs: the networks that it is trained for, to which the learned variables of the encoder belong. With the
            encoder ignored, it can generate any network.
        pareto: the hyperhypernetworks of all members, with or without the learned variables of all specs.

    Attributes:
        recompute: whether gradients recompute the hyperlayers: less memory, more time, the same bits.
        encoders: whether each member's encoder takes part where the encoder is used; it does not while a member's
            decoder is trained alone.
    """

    def __init__(self, specs: Sequence[MLPSpec], pareto: ParetoHyperhypernetwork) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self.pareto = pareto
        self.recompute = False
        self.encoders = (self.has_encoder,) * self.members
        self._library: Any = TorchGraphs
        self._plans: dict[tuple[tuple[MLPSpec, ...], torch.device, torch.dtype], tuple[ComputationGraph, Tensor]] = {}

    @classmethod
    @usual_torch()
    def initial(
        cls,
        specs: Sequence[MLPSpec],
        rngs: Sequence[torch.Generator],
        wirings: Sequence[float] = (),
        encoder: bool = True,
    ) -> Generator:
        """An untrained generator with one member per random stream.

        `wirings` holds one value per member; by default all are 1. See `initial_hyperweights`. Without an encoder
        there are no learned variables.
        """
        library = load_dgl()
        graph = ComputationGraph.of(*specs, library=library)
        count = hyperweight_count(graph.weights) if encoder else SHARED_HYPERWEIGHTS
        parts = zip(rngs, wirings or [1.0] * len(rngs), strict=True)
        starts = [initial_hyperweights(graph, rng, wiring) for rng, wiring in parts]
        values, scales = (torch.stack([part[:count] for part in each]) for each in zip(*starts, strict=True))
        generator = cls(specs, ParetoHyperhypernetwork.initial(values, scales, rngs))
        generator._library = library
        return generator

    @property
    def members(self) -> int:
        """The number of hypernetworks."""
        return len(self.pareto.weight1)

    @property
    def has_encoder(self) -> bool:
        """Whether there are learned variables; without them, networks come from the decoder alone."""
        return self.pareto.hyperweights > SHARED_HYPERWEIGHTS

    def member(self, index: int) -> Generator:
        """A generator of one member, which shares this one's parameters. Raises UsageError where there is none."""
        index = as_member(index, self.members, "the generator")
        state = {name: tensor[index : index + 1] for name, tensor in self.pareto.state_dict().items()}
        return self._with(state, self.encoders[index : index + 1])

    def repeated(self, times: int) -> Generator:
        """This generator of one member as one of several equal ones, which share its memory."""
        state = {name: tensor.expand(times, -1, -1) for name, tensor in self.pareto.state_dict().items()}
        return self._with(state, self.encoders * times)

    def _with(self, state: Mapping[str, Tensor], encoders: Sequence[bool]) -> Generator:
        """A generator of the same networks with other members."""
        generator = Generator(self.specs, ParetoHyperhypernetwork(**state))
        generator.encoders = tuple(encoders)
        return generator

    @classmethod
    def join(cls, parts: Sequence[Generator]) -> Generator:
        """Join the members of several generators, in order. Raises UsageError where their networks differ."""
        if len({(part.specs, part.has_encoder) for part in parts}) > 1:
            raise UsageError("generators of different networks, or with and without an encoder, cannot be joined")
        states = [part.pareto.state_dict() for part in parts]
        joined = {name: torch.cat([state[name] for state in states]) for name in states[0]}
        return parts[0]._with(joined, [each for part in parts for each in part.encoders])

    def forward(
        self, beta: Tensor, draws: Tensor, specs: Sequence[MLPSpec] | None = None, encoder: bool = True
    ) -> Networks:
        """Generate networks.

        Args:
            beta: price of information per nat, [member].
            draws: standard normal draws, [member, HYPERDEPTH, DRAWS, weight], as `draw` gives them.
            specs: the networks to generate; those of training if None.
            encoder: whether the encoder is used. Without it there is no memorised information, and the KL is zero.

        Raises:
            UsageError: the encoder does not exist, or was trained for other networks.
        """
        chosen = self.specs if specs is None else tuple(specs)
        if encoder and not self.has_encoder:
            raise UsageError("this generator has no encoder to be used")
        if encoder and chosen != self.specs:
            trained, asked = (" and ".join(map(str, each)) for each in (self.specs, chosen))
            raise EncoderError(f"the encoder memorised {trained}; ignore the encoder to generate {asked}")
        graph, encodings = self._plan(chosen)
        encoders = self.encoders if encoder else (False,) * self.members
        with _full_precision(draws.device.type):
            hyperweights = self.pareto(beta, None if any(encoders) else SHARED_HYPERWEIGHTS)
            run = partial(hypernetwork, encodings=encodings, graph=graph, recompute=self.recompute)
            generated = _by_encoder(run, encoders, hyperweights, draws)
        kl = sum_groups(generated.kl, graph.network, len(chosen))
        return Networks(_assemble(generated, chosen), kl)

    def draw(self, rngs: Sequence[torch.Generator], specs: Sequence[MLPSpec] | None = None) -> Tensor:
        """The standard normal draws for one pass, [member, HYPERDEPTH, DRAWS, weight], from one stream per member."""
        graph, encodings = self._plan(self.specs if specs is None else tuple(specs))
        shape = HYPERDEPTH, DRAWS, graph.weights
        draws = [torch.randn(shape, generator=rng, device=rng.device, dtype=encodings.dtype) for rng in rngs]
        return torch.stack(draws).to(encodings.device)

    def _plan(self, specs: tuple[MLPSpec, ...]) -> tuple[ComputationGraph, Tensor]:
        """The computation graph and the positional encodings of `specs`, cached by device and precision."""
        like = self.pareto.weight1
        key = specs, like.device, like.dtype
        if key not in self._plans:
            with usual_torch():  # a plan outlives the caller's settings
                graph = ComputationGraph.of(*specs, library=self._library)
                self._plans[key] = graph.to(like.device), positional_encodings(graph).to(like)
        return self._plans[key]

    def save(self, path: Path | str, metadata: Mapping[str, str] | None = None) -> None:
        """Write the generator as safetensors, in single precision. Raises FileError."""
        own = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "specs": json.dumps([spec.to_json() for spec in self.specs]),
            "encoder": str(int(self.has_encoder)),
        }
        if not all(self.encoders) and self.has_encoder:
            own["encoders"] = "".join(str(int(used)) for used in self.encoders)
        state = {name: tensor.float() for name, tensor in self.pareto.state_dict().items()}
        write_tensors(as_path(path, "path"), state, own | dict(metadata or {}))

    @classmethod
    @usual_torch()
    def load(cls, path: Path | str) -> tuple[Generator, dict[str, str]]:
        """Read a generator and its metadata.

        Raises:
            FileError: the file is damaged, does not fit its own specs, or holds NaN or infinity.
        """
        path = as_path(path, "path")
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, FORMAT_VERSION)
        try:
            specs = _read_specs(metadata.get("specs", ""))
        except (ValueError, SpecError) as error:
            raise FileError(f"{path} does not say which networks it generates: {error}") from None
        count = hyperweight_count(sum(spec.weight_count for spec in specs))
        if count == SHARED_HYPERWEIGHTS:
            raise FileError(f"{path} generates no weights")
        encoder = metadata.get("encoder", "1")
        if encoder not in ("0", "1"):
            raise FileError(f"{path}: its metadata says encoder = {encoder!r}, which is neither 0 nor 1")
        try:
            pareto = ParetoHyperhypernetwork.checked(tensors, count if encoder == "1" else SHARED_HYPERWEIGHTS)
            generator = cls(specs, pareto)
            generator.encoders = _read_encoders(metadata.get("encoders"), generator)
            return generator, metadata
        except ValueError as error:
            raise FileError(f"{path}: {error}") from None


def _read_specs(text: str) -> list[MLPSpec]:
    """Parse the specs of a generator's metadata. Raises ValueError, SpecError."""
    texts = parse_json(text)
    if not isinstance(texts, list) or not all(isinstance(part, str) for part in texts):
        raise ValueError("specs are no list of texts")
    check_several(len(texts), 0)
    specs = [MLPSpec.from_json(part) for part in texts]
    check_several(len(specs), sum(len(spec.sizes) for spec in specs))
    return specs


def _read_encoders(text: str | None, generator: Generator) -> tuple[bool, ...]:
    """Parse which members use their encoder. Raises ValueError."""
    if text is None:
        return generator.encoders
    if not generator.has_encoder or len(text) != generator.members or not set(text) <= {"0", "1"}:
        raise ValueError(f"encoders = {text!r} is no 0 or 1 for each of {generator.members} members")
    return tuple(used == "1" for used in text)


def _full_precision(device: str) -> AbstractContextManager[object]:
    """Switch autocast off on a kind of device: half precision would round the noise of the latents."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def _by_encoder(
    run: Callable[..., Generated], encoders: Sequence[bool], hyperweights: Tensor, draws: Tensor
) -> Generated:
    """One pass for the members that use their encoder, and one for the others."""
    if len(set(encoders)) == 1:
        return run(hyperweights, draws, encoder=encoders[0])
    rows: list[tuple[Tensor, ...]] = [()] * len(encoders)
    each = list(zip(hyperweights.unbind(), draws.unbind(), strict=True))  # its gradient is one `stack`
    for used in (True, False):
        places = [place for place, encoder in enumerate(encoders) if encoder == used]
        own, noise = (torch.stack(part) for part in zip(*(each[place] for place in places), strict=True))
        generated = run(own if used else own[:, :SHARED_HYPERWEIGHTS], noise, encoder=used)
        for place, *row in zip(places, *(part.unbind() for part in generated), strict=True):
            rows[place] = tuple(row)
    return Generated(*(torch.stack(part) for part in zip(*rows, strict=True)))


def _assemble(generated: Generated, specs: Sequence[MLPSpec]) -> list[MLPWeights]:
    """Split the flat weights and biases of a pass into networks."""
    all_weights = generated.weights.split([spec.weight_count for spec in specs], 1)
    all_biases = generated.biases.split([sum(spec.sizes[1:]) for spec in specs], 1)
    networks = []
    for spec, flat, biases in zip(specs, all_weights, all_biases, strict=True):
        parts = flat.split([spec.count(connection) for connection in spec.connections], 1)
        dense = tuple(_dense(spec, *each) for each in zip(spec.connections, parts, strict=True))
        networks.append(MLPWeights(spec, dense, biases.split(spec.sizes[1:], 1) if spec.bias else ()))
    return networks


def _dense(spec: MLPSpec, connection: Connection, weights: Tensor) -> Tensor:
    """[member, kept weight] -> [member, target, source], with zeros where the mask removes weights."""
    shape = spec.sizes[connection.target], spec.sizes[connection.source]
    if connection.rows is None:
        return weights.view(-1, *shape)
    kept = _kept(spec, connection, weights.device)
    return weights.new_zeros(len(weights), shape[0] * shape[1]).index_copy(1, kept, weights).view(-1, *shape)


@lru_cache(maxsize=256)
@usual_torch()
def _kept(spec: MLPSpec, connection: Connection, device: torch.device) -> Tensor:
    return kept_weights(spec, connection).flatten().nonzero().squeeze(1).to(device)
